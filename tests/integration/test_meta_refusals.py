"""Meta's refusals as callers meet them: the deployed functions on a real mongod, with Meta's answers scripted."""

from datetime import timedelta

import pytest

from connector.storage.documents import now
from tests.integration.deployment import CONNECT, CONTEXT
from tests.unit.payloads import ACCOUNT, OTHER_USER, PAGE, USER
from tests.unit.peer import answer

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

IMAGE = "https://shop.example/cake.png"
DOUBTFUL = {"error": {"message": "Unauthorized", "type": "OAuthException"}}


def said(message="no", **fields):
    return {"error": {"message": message} | fields}


class Meta:
    """Meta with some calls answered otherwise."""

    def __init__(self, deployment):
        self.peer = deployment.meta
        self.others = deployment.meta.behave
        self.scripted = {}
        deployment.meta.behave = self._behave

    def answers(self, method, edge, body, status=400, headers=None):
        """Have calls of an edge answered so; a message, not a sender action, where it is `messages`."""
        self.scripted[method, edge] = answer(body, status, headers)

    def behaves(self):
        self.scripted.clear()

    def count(self, method, edge):
        return sum(self._edge(one) == (method, edge) for one in self.peer.requests)

    def _behave(self, handler):
        self.scripted.get(self._edge(self.peer.requests[-1]), self.others)(handler)

    @staticmethod
    def _edge(request):
        edge = request.path.rpartition("/")[2]
        is_action = edge == "messages" and request.method == "POST" and "sender_action" in request.json
        return request.method, "actions" if is_action else edge


@pytest.fixture
def connected(deployment):
    """A connected account, to which a customer has written."""
    deployment.take_in("a")
    return deployment


@pytest.fixture
def meta(connected):
    return Meta(connected)


@pytest.fixture
def send(connected):
    def call(message="Hello!", **how):
        status, told = connected.call("POST", "send", payload={"to": USER, "message": message}, **how)
        return status, told.get("error") or told["data"]

    return call


def status_of(deployment, **query):
    return deployment.call("GET", "status", query=query)[1]["data"]


def stored(deployment, **of):
    _, told = deployment.call("GET", "messages", query={"limit": "100"})
    return [one for one in told["data"]["messages"] if of.items() <= one.items()]


def row(told, name):
    return next(one for one in told["checks"] if one["name"] == name)


# ── a person's message


@pytest.mark.parametrize("http", [200, 400, 403])
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": 10, "error_subcode": 2534022}, "window_closed"),
        ({"code": "551"}, "user_unavailable"),
        ({"code": 200, "error_subcode": 1545041}, "user_unavailable"),
        ({"code": 100, "error_subcode": 2534014}, "user_not_found"),
        ({"code": 10, "error_subcode": 2018300}, "other_app_in_control"),
        ({"code": 10, "message": "(#10) another app is controlling this thread now"}, "other_app_in_control"),
    ],
    ids=str,
)
def test_a_refusal_for_one_customer_is_409_and_spares_the_connection(connected, meta, send, fields, code, http):
    meta.answers("POST", "messages", said(**fields), http)
    status, error = send()
    assert (status, error["code"]) == (409, code)
    numbers = int(fields["code"]), fields.get("error_subcode")
    assert (error["meta"]["code"], error["meta"]["subcode"]) == numbers
    (message,) = stored(connected, role="human")
    assert (message["status"], message["error"]["code"], message["error"]["meta"]) == ("failed", code, error["meta"])
    told = status_of(connected)
    assert (told["isConnected"], told["lastError"]) == (True, None)
    assert meta.count("POST", "messages") == 1


def test_a_closed_window_is_409_from_meta_and_from_the_policy(connected, meta, send, database):
    meta.answers("POST", "messages", said(code=10, error_subcode=2534022), 403)
    by_meta = send()
    database["chats"].update_one({}, {"$set": {"windowOpenedAt": now() - timedelta(days=8)}})
    by_policy = send()
    assert [(status, error["code"]) for status, error in (by_meta, by_policy)] == [(409, "window_closed")] * 2
    assert "meta" not in by_policy[1]


def test_a_repeated_key_is_refused_in_the_same_words(connected, meta, send):
    meta.answers("POST", "messages", said("(#551) This person isn't available right now.", code=551))
    headers = {"idempotency-key": "k-1"}
    assert send(headers=headers) == send(headers=headers)
    assert meta.count("POST", "messages") == 1


def test_a_file_that_meta_cannot_fetch_is_named_and_spares_the_connection(connected, meta, send):
    meta.answers("POST", "messages", said("(#546) Unsupported", code=546))
    status, error = send({"type": "image", "urls": [IMAGE]})
    assert (status, error["code"]) == (409, "media_refused")
    assert IMAGE in error["message"]
    assert IMAGE in stored(connected, role="human")[0]["error"]["message"]
    assert status_of(connected)["lastError"] is None


def test_a_tagged_send_says_that_the_app_lacks_human_agent(connected, meta, send, database):
    database["chats"].update_one({}, {"$set": {"windowOpenedAt": now() - timedelta(days=2)}})
    meta.answers("POST", "messages", said("(#10) Application does not have permission", code=10), 403)
    status, error = send()
    assert (status, error["code"]) == (502, "human_agent_missing")
    assert row(status_of(connected), "lastError")["code"] == "human_agent_missing"
    meta.behaves()
    assert send()[0] == 200
    assert status_of(connected)["lastError"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (said(code=200, error_subcode=2534041), "messages_not_allowed"),
        (said(code=200), "app_access_missing"),
        (said(code=3), "app_access_missing"),
        (said("(#100) App is not installed", code=100), "app_not_installed"),
        (said("(#803) Some of the aliases you requested do not exist", code=803), "unknown_id"),
        (said(code=99999), "graph_refused"),
    ],
    ids=str,
)
def test_a_later_success_clears_the_error_that_it_disproves(connected, meta, send, body, code):
    meta.answers("POST", "messages", body)
    status, error = send()
    assert (status, error["code"]) == (502, code)
    told = status_of(connected)
    assert (told["isConnected"], told["lastError"]["code"]) == (True, code)
    assert told["lastError"]["meta"] == error["meta"]
    assert row(told, "lastError")["remedy"]
    meta.behaves()
    assert send()[0] == 200
    assert status_of(connected)["lastError"] is None


def test_a_success_keeps_an_error_that_it_does_not_disprove(connected, meta, send, database):
    database["instagram_connections"].update_one({}, {"$set": {"lastError": {"code": "was_unsubscribed", "at": now()}}})
    assert send()[0] == 200
    assert status_of(connected)["lastError"]["code"] == "was_unsubscribed"


def last_error(deployment):
    return (status_of(deployment)["lastError"] or {}).get("code")


def test_a_message_to_a_tester_does_not_disprove_missing_access(connected, meta, send):
    meta.answers("POST", "messages", said(code=200), 403)
    assert send()[0] == 502
    meta.behaves()
    others = {"to": OTHER_USER, "message": "Hello!"}
    assert connected.call("POST", "send", payload=others)[0] == 200
    assert connected.call("POST", "recover", payload={})[0] == 200
    connected.function("refresh")({}, CONTEXT)
    assert status_of(connected, live="true")["lastError"]["code"] == "app_access_missing"
    assert send()[0] == 200
    assert last_error(connected) is None


CALLS = {
    "send": ("POST", "messages", "send", {"to": USER, "message": "Hello!"}),
    "recover": ("GET", "conversations", "recover", {}),
    "menu": ("POST", "messenger_profile", "menu", {"iceBreakers": None}),
}


@pytest.mark.parametrize("failed", CALLS)
@pytest.mark.parametrize("body", [said(code=99999), said(code=10)], ids=["unnamed", "permission"])
def test_only_a_success_of_the_same_call_disproves_a_refusal(connected, meta, failed, body):
    method, edge, verb, payload = CALLS[failed]
    for name in ("POST", "DELETE") if edge == "messenger_profile" else (method,):
        meta.answers(name, edge, body)
    assert connected.call("POST", verb, payload=payload)[0] == 502
    code = last_error(connected)
    assert code is not None
    meta.behaves()
    for other, (_, _, verb, payload) in CALLS.items():
        if other != failed:
            assert connected.call("POST", verb, payload=payload)[0] == 200
            assert last_error(connected) == code, other
    assert connected.call("POST", CALLS[failed][2], payload=CALLS[failed][3])[0] == 200
    assert last_error(connected) is None


@pytest.mark.parametrize(
    ("body", "http", "told"),
    [
        (said(), 429, (429, "rate_limited", "failed")),
        (said(is_transient=True), 400, (503, "try_later", "failed")),
        (said(code=1200), 400, (503, "try_later", "failed")),
        (said("Object with ID '1' does not exist", code=100, error_subcode=33), 400, (503, "try_later", "failed")),
        (said(), 503, (504, "outcome_unknown", "unknown")),
        (said(code="2"), 200, (504, "outcome_unknown", "unknown")),
        (b"<html>Sorry</html>", 500, (504, "outcome_unknown", "unknown")),
        (b"<html>Sorry</html>", 200, (504, "outcome_unknown", "unknown")),
    ],
    ids=str,
)
def test_an_error_for_the_moment_is_told_and_never_recorded(connected, meta, send, body, http, told):
    meta.answers("POST", "messages", body, http)
    status, error = send()
    (message,) = stored(connected, role="human")
    assert message["error"]["code"] == error["code"]
    assert (status, error["code"], message["status"]) == told
    assert status_of(connected)["lastError"] is None


def test_secrets_in_metas_words_are_not_passed_on(connected, meta, send):
    meta.answers("POST", "messages", said("Bad token EAAGm0PX4ZCpsBAcanary", code=100))
    _, error = send()
    assert error["meta"]["message"] == "Bad token [redacted]"


# ── a token that looks dead


def test_a_doubtful_refusal_of_a_living_token_keeps_the_connection(connected, meta, send):
    meta.answers("POST", "messages", DOUBTFUL, 401)
    status, error = send()
    assert (status, error["code"]) == (503, "try_later")
    assert status_of(connected)["status"] == "connected"
    assert [one["status"] for one in stored(connected, role="human")] == ["failed"]


@pytest.mark.parametrize("http", [200, 400, 401])
def test_a_doubtful_refusal_of_a_dead_token_needs_the_owner(connected, meta, send, http):
    meta.answers("POST", "messages", DOUBTFUL, http)
    meta.answers("GET", "me", said(code=190), 401)
    status, error = send()
    assert (status, error["code"]) == (409, "reconnect_needed")
    assert status_of(connected)["status"] == "needs_reconnection"
    assert [(one["status"], one["error"]["code"]) for one in stored(connected, role="human")] == [
        ("failed", "reconnect_needed")
    ]


# ── the agent's answer


@pytest.mark.parametrize(
    ("body", "code", "standing"),
    [
        (said(code=190, error_subcode=463), "reconnect_needed", "needs_reconnection"),
        (said(code=10, error_subcode=2534022), "window_closed", "connected"),
        (said(code=551), "user_unavailable", "connected"),
        (said("(#100) App is not installed", code=100), "app_not_installed", "connected"),
    ],
    ids=str,
)
def test_the_agents_answer_is_posted_once_where_a_200_holds_an_error(connected, body, code, standing):
    connected.call("POST", "disconnect")
    turns = connected.take_in("b")
    meta = Meta(connected)
    meta.answers("POST", "messages", body, 200)
    assert connected.deliver("reply", *turns) == []
    assert connected.turns() == []
    (part,) = stored(connected, role="agent")
    assert (part["status"], part["error"]["code"]) == ("failed", code)
    assert part["error"]["meta"]["code"] == body["error"]["code"]
    assert meta.count("POST", "messages") == 1
    told = status_of(connected)
    of_one = standing == "connected" and code != "app_not_installed"
    assert (told["status"], (told["lastError"] or {}).get("code")) == (standing, None if of_one else code)


# ── connecting


INSTAGRAM = {name: value for name, value in CONNECT.items() if name != "pageId"} | {"accessToken": "IGAAgood-token"}
UNSUPPORTED = said("Unsupported request - method type: get", type="IGApiException", code=100)
UNSEEN = said("Unsupported get request. Object with ID '1' does not exist", code=100, error_subcode=33)


@pytest.mark.parametrize(
    ("method", "edge", "payload", "field"),
    [("GET", "me", INSTAGRAM, "account"), ("GET", ACCOUNT, CONNECT, "account")],
    ids=["instagram", "facebook"],
)
def test_connect_names_the_tester_invitation(deployment, method, edge, payload, field):
    Meta(deployment).answers(method, edge, UNSUPPORTED)
    status, told = deployment.call("POST", "connect", payload=payload)
    assert (status, told["error"]["code"]) == (400, "not_ready")
    assert "Instagram Tester" in told["error"]["message"]
    assert told["error"]["details"] == [{"field": field, "problem": "app_access_missing"}]
    assert told["error"]["meta"]["code"] == 100


@pytest.mark.parametrize("body", [said(code=3), said(code=200), said("capability", code=3)], ids=str)
def test_connect_names_the_missing_access_where_it_cannot_subscribe(deployment, body):
    Meta(deployment).answers("POST", "subscribed_apps", body, 403)
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert (status, told["error"]["code"]) == (400, "not_ready")
    assert "Advanced Access" in told["error"]["message"]


def test_connect_in_an_outage_says_to_try_again_before_making_a_token(deployment):
    Meta(deployment).answers("GET", "me", UNSEEN)
    status, told = deployment.call("POST", "connect", payload=INSTAGRAM)
    assert (status, told["error"]["code"]) == (503, "try_later")
    assert "before you make a new token" in told["error"]["message"]


def test_a_known_account_that_is_not_shown_is_taken_for_an_outage(deployment):
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    meta = Meta(deployment)
    meta.answers("GET", ACCOUNT, UNSEEN)
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 503
    other = CONNECT | {"instagramAccountId": "17841400000000009"}
    meta.answers("GET", "17841400000000009", UNSEEN)
    status, told = deployment.call("POST", "connect", payload=other)
    assert (status, told["error"]["code"]) == (400, "authentication_failed")
    assert "before you make a new token" in told["error"]["message"]


# ── the hourly check, and status with live=true


@pytest.mark.parametrize("look", ["hourly", "live"])
@pytest.mark.parametrize(
    ("edge", "body", "found"),
    [
        ("subscribed_apps", said(code=3), ("subscription", "failed", "app_access_missing")),
        ("subscribed_apps", said(code=200), ("subscription", "failed", "app_access_missing")),
        ("conversations", said(code=200), ("messageAccess", "failed", "app_access_missing")),
        (ACCOUNT, UNSUPPORTED, ("account", "failed", "app_access_missing")),
        (ACCOUNT, UNSEEN, ("account", "unknown", "not_shown")),
        (PAGE, said(code=803), ("pageLink", "failed", "unknown_id")),
        (ACCOUNT, said(), ("account", "failed", "graph_refused")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_no_check_asks_for_a_reconnect_that_cures_nothing(connected, meta, look, edge, body, found):
    meta.answers("GET", edge, body, 403)
    if look == "hourly":
        connected.function("refresh")({}, CONTEXT)
    told = status_of(connected, **({"live": "true"} if look == "live" else {}))
    assert (told["status"], told["reauthorizationRequired"]) == ("connected", False)
    check = row(told, found[0])
    assert (check["name"], check["outcome"], check["code"]) == found
    assert check["remedy"]


def test_a_check_that_passes_clears_the_error_that_it_disproves(connected, meta, send):
    meta.answers("POST", "messages", said(code=200, error_subcode=2534041))
    send()
    assert status_of(connected)["lastError"]["code"] == "messages_not_allowed"
    assert status_of(connected, live="true")["lastError"] is None
