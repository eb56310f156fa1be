"""What persons do over HTTP: send, pause, resume, as API Gateway calls them, on a real mongod and a server for Meta."""

import importlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from connector.storage.documents import now
from tests.integration.deployment import CONNECT, CONTEXT, signed_token, written
from tests.unit.payloads import OTHER_USER, USER, connection_path, http_event
from tests.unit.peer import answer

# pytest sets aside the filter with which the connector silences this.
pytestmark = [
    pytest.mark.filterwarnings("ignore:No application metrics to publish"),
    pytest.mark.usefixtures("connected"),
]

KEY = {"idempotency-key": "7b0c1f5e"}


class Meta:
    """The Send API: remembers what it is asked to send, and answers with mids."""

    def __init__(self, peer):
        self.peer = peer
        self.asked = []
        self.refusal = None
        self.before = lambda: None
        self._others = peer.behave
        peer.behave = self._answer

    @property
    def sent(self):
        return [one["message"] for one in self.asked if "message" in one]

    def _answer(self, handler):
        request = self.peer.requests[-1]
        if (request.method, request.path.rpartition("/")[2]) != ("POST", "messages"):
            return self._others(handler)
        self.before()
        if self.refusal:
            return answer(*self.refusal)(handler)
        self.asked.append(request.json)
        told = {"recipient_id": USER} | ({"message_id": f"out-{len(self.asked)}"} if "message" in request.json else {})
        return answer(told)(handler)


@pytest.fixture
def connected(deployment):
    """A connected account, to which a customer has written `hello`."""
    deployment.take_in("a")
    return deployment


@pytest.fixture
def meta(connected):
    return Meta(connected.meta)


@pytest.fixture
def send(connected, meta):
    """Calls send, and returns the status and the body."""

    def call(message, headers=None, **more):
        return connected.call("POST", "send", payload={"to": USER, "message": message, **more}, headers=headers)

    return call


def stored(deployment, **of):
    _, told = deployment.call("GET", "messages", query={"limit": "100"})
    return [one for one in told["data"]["messages"] if of.items() <= one.items()]


# ── send


def test_the_quick_starts_body_is_sent_and_answered_as_a_message(send, meta):
    status, told = send("Hello!")
    assert (status, told["success"]) == (200, True)
    assert meta.asked == [
        {"recipient": {"id": USER}, "messaging_type": "RESPONSE", "message": {"text": "Hello!"}},
    ]
    data = told["data"]
    assert (data["text"], data["role"], data["status"], data["mid"], data["userId"]) == (
        "Hello!",
        "human",
        "sent",
        "out-1",
        USER,
    )
    assert data["parts"] == [{name: value for name, value in data.items() if name != "parts"}]


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ({"type": "text", "text": "Which?", "quickReplies": [{"title": "A", "payload": "a"}]}, []),
        ({"type": "image", "urls": ["https://a.example/1.png", "https://a.example/2.png"]}, ["image", "image"]),
        ({"type": "audio", "url": "https://a.example/1.m4a"}, ["audio"]),
        ({"type": "video", "url": "https://a.example/1.mp4"}, ["video"]),
        ({"type": "file", "url": "https://a.example/1.pdf"}, ["file"]),
        ({"type": "cards", "elements": [{"title": "Cake", "subtitle": "4 €"}]}, ["template"]),
        (
            {"type": "buttons", "text": "Go?", "buttons": [{"type": "postback", "title": "Go", "payload": "GO"}]},
            ["template"],
        ),
        ({"type": "post", "mediaId": "17900000000000001"}, ["ig_post"]),
        ({"type": "heart"}, ["like_heart"]),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_every_kind_of_message_goes_out_once_and_is_stored_as_it_shows(send, meta, connected, message, kinds):
    status, told = send(message)
    assert (status, told["data"]["status"]) == (200, "sent"), told
    assert len(meta.sent) == 1
    assert told["data"]["content"]["type"] == message["type"]
    (one,) = stored(connected, role="human")
    assert [attachment["kind"] for attachment in one["attachments"]] == kinds
    assert one["text"] == message.get("text")


def test_a_reaction_and_typing_are_done_and_leave_no_message(send, meta, connected):
    (written,) = stored(connected, role="user")
    assert send({"type": "reaction", "mid": written["mid"]})[1] == {"success": True, "data": {"done": "reaction"}}
    assert send({"type": "typing"})[1] == {"success": True, "data": {"done": "typing"}}
    assert [one["sender_action"] for one in meta.asked] == ["react", "typing_on"]
    assert meta.asked[0]["payload"] == {"message_id": written["mid"], "reaction": "love"}
    (written,) = stored(connected, role="user")
    assert [one["emoji"] for one in written["reactions"]] == ["❤️"]
    assert stored(connected, role="human") == []
    send({"type": "reaction", "mid": written["mid"], "reaction": None})
    assert meta.asked[-1]["sender_action"] == "unreact"


def test_what_is_answered_to_is_quoted(send, meta):
    _, told = send("Yes.", replyTo="m-1")
    assert meta.asked[0]["reply_to"] == {"mid": "m-1"}
    assert told["data"]["replyTo"]["mid"] == "m-1"


def test_a_long_text_is_refused_or_goes_out_in_parts(send, meta):
    long = "We bake every day. " * 100
    status, told = send(long)
    assert (status, told["error"]["details"]) == (
        400,
        [{"field": "message", "problem": "has 1900 bytes in UTF-8; Instagram takes at most 1000"}],
    )
    assert meta.sent == []
    status, told = send(long, split=True)
    assert status == 200
    assert [one["text"] for one in told["data"]["parts"]] == [one["text"] for one in meta.sent]
    assert len(meta.sent) == 2
    assert told["data"]["id"] == told["data"]["parts"][-1]["id"]


def test_a_person_who_writes_silences_the_agent_unless_they_say_otherwise(send, meta, connected):
    send("Our shop is closed today.", pauseAgent=False)
    assert connected.call("GET", "conversations")[1]["data"]["conversations"][0]["paused"] is None
    send("I'll take it from here.")
    assert connected.call("GET", "conversations")[1]["data"]["conversations"][0]["paused"]["because"] == "paused"


def test_within_a_week_a_persons_message_bears_the_tag_and_after_it_is_refused(send, meta, database):
    def open_window(ago):
        database["chats"].update_one({}, {"$set": {"windowOpenedAt": now() - ago}})

    open_window(timedelta(days=2))
    assert send("Sorry for the wait.")[0] == 200
    assert meta.asked[0]["tag"] == "HUMAN_AGENT"
    open_window(timedelta(days=8))
    status, told = send("Are you still there?")
    assert (status, told["error"]["code"]) == (409, "window_closed")
    assert told["error"]["message"].endswith("They open again when the customer writes.")
    assert len(meta.sent) == 1


def test_a_limit_of_metas_is_429_with_the_time_to_wait_and_metas_silence_503(send, meta, connected):
    meta.refusal = {"error": {"code": 613, "message": "slow"}}, 400
    status, told = send("one")
    assert (status, told["error"]["code"]) == (429, "rate_limited")
    assert int(connected.headers["Retry-After"]) >= 60
    meta.refusal = None
    status, told = send("two")
    assert (status, told["error"]["code"]) == (429, "rate_limited"), "the account still has to wait"
    assert 50 <= int(connected.headers["Retry-After"]) <= 61
    assert meta.sent == []


def test_what_meta_refuses_is_502_with_its_reason(send, meta, connected):
    meta.refusal = {"error": {"code": 368, "message": "no"}}, 400
    status, told = send({"type": "heart"})
    assert (status, told["error"]["code"]) == (502, "account_blocked")
    (one,) = stored(connected, role="human")
    assert (one["status"], one["error"]["code"]) == ("failed", "account_blocked")


# ── once


def test_h16_a_repetition_under_the_same_key_answers_the_message_as_it_stands_and_sends_nothing(send, meta):
    _, first = send("Hello!", headers=KEY)
    status, again = send("Hello!", headers=KEY)
    assert (status, again["data"]["id"], again["data"]["mid"]) == (200, first["data"]["id"], "out-1")
    assert len(meta.sent) == 1


@pytest.mark.parametrize("name", ["idempotency-key", "Idempotency-Key", "IDEMPOTENCY-KEY"])
def test_the_name_of_the_header_is_the_same_in_any_case(send, meta, name):
    """API Gateway lowers it, a Function URL and `sam local` may not."""
    for _ in range(2):
        assert send("Hello!", headers={name: "k-1"})[0] == 200
    assert len(meta.sent) == 1


def test_without_a_key_or_with_another_the_same_words_are_another_message(send, meta):
    for headers in ({}, {}, {"idempotency-key": "k-1"}, {"idempotency-key": "k-2"}):
        assert send("Hello!", headers=headers)[0] == 200
    assert len(meta.sent) == 4


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\tb", "\x7f"], ids=ascii)
def test_a_key_that_is_none_is_refused_by_its_name_and_nothing_is_sent(send, meta, key):
    status, told = send("Hello!", headers={"idempotency-key": key})
    assert (status, told["error"]["code"]) == (400, "invalid_request"), told
    assert [one["field"].lower() for one in told["error"]["details"]] == ["idempotency-key"]
    assert meta.sent == []


@pytest.mark.parametrize("key", ["k", "x" * 255, "!~", '"quoted"', "7b0c1f5e-5d3a-4c62-9d0e-2f0a3c1b4d5e", "$ne"])
def test_any_printable_key_of_up_to_255_characters_is_one(send, meta, key):
    assert [send("Hello!", headers={"idempotency-key": key})[0] for _ in range(2)] == [200, 200]
    assert len(meta.sent) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"message": "Good-bye!"},
        {"message": {"type": "text", "text": "Hello!", "quickReplies": [{"title": "a", "payload": "b"}]}},
        {"replyTo": "m-1"},
        {"to": OTHER_USER},
    ],
    ids=str,
)
def test_h16_the_same_key_for_something_else_is_a_conflict(connected, send, meta, change):
    send("Hello!", headers=KEY)
    status, told = connected.call("POST", "send", payload={"to": USER, "message": "Hello!"} | change, headers=KEY)
    assert (status, told["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(meta.sent) == 1


def test_h17_while_a_request_is_at_work_its_repetition_is_asked_to_wait(send, meta, connected):
    told = []

    def repeat():
        meta.before = lambda: None
        told.append((*send("Hello!", headers=KEY), dict(connected.headers)))

    meta.before = repeat
    assert send("Hello!", headers=KEY)[0] == 200
    ((status, body, headers),) = told
    assert (status, body["error"]["code"]) == (409, "in_progress")
    assert int(headers["Retry-After"]) > 0
    assert len(meta.sent) == 1


@pytest.mark.races
def test_h17_eight_requests_at_once_with_one_key_send_once(connected, meta):
    handler = importlib.reload(importlib.import_module("functions.send.app")).handler
    path = connection_path("sub_1", "agent_1").removesuffix("webhook") + "send"
    event = http_event(
        "POST",
        path,
        headers=KEY | {"authorization": f"Bearer {signed_token()}"},
        text=json.dumps({"to": USER, "message": "Hello!"}),
        path_parameters={"subaccountId": "sub_1", "agentId": "agent_1"},
    )
    taken = threading.Lock()

    def call(_):
        with taken:  # an execution environment serves one request at a time
            return handler(event, CONTEXT)["statusCode"]

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(call, range(8)))
    assert statuses == [200] * 8
    assert len(meta.sent) == 1


def test_two_tenants_may_use_the_same_key(connected, send, meta):
    send("Hello!", headers=KEY)
    other = {"instagramAccountId": "17841400000000002", "pageId": "101234567890124"}
    meta.peer.behave = _other_account(meta.peer.behave, **other)
    tenant = ("sub_1", "agent_2")
    status, told = connected.call("POST", "connect", payload=CONNECT | other, tenant=tenant)
    assert status == 200, told
    status, told = connected.call("POST", "send", payload={"to": USER, "message": "Hi!"}, headers=KEY, tenant=tenant)
    assert (status, told["data"]["text"]) == (200, "Hi!")


def _other_account(others, *, instagramAccountId, pageId):  # noqa: N803 - as in the body
    def behave(handler):
        node = handler.path.partition("?")[0].rpartition("/")[2]
        if node == "me":
            return answer({"id": pageId})(handler)
        if node == instagramAccountId:
            return answer({"id": instagramAccountId, "username": "other"})(handler)
        if node == pageId:
            return answer({"id": pageId, "instagram_business_account": {"id": instagramAccountId}})(handler)
        return others(handler)

    return behave


# ── pause and resume


def test_a_pause_silences_the_agent_in_one_conversation_until_the_time_it_names(connected):
    before = now()
    status, told = connected.call("POST", "pause", payload={"userId": USER, "minutes": 30})
    until = datetime.fromisoformat(told["data"]["pausedUntil"])
    assert (status, told["data"]["isPaused"], told["data"]["userId"]) == (200, True, USER)
    assert timedelta(minutes=29) < until - before < timedelta(minutes=31)
    assert _answers(connected, "b") == []


def test_a_pause_of_all_silences_the_agent_everywhere_for_an_hour(connected):
    status, told = connected.call("POST", "pause", payload={})
    until = datetime.fromisoformat(told["data"]["pausedUntil"])
    assert (status, told["data"]["userId"]) == (200, None)
    assert timedelta(minutes=59) < until - now() <= timedelta(minutes=60)
    assert _answers(connected, "b") == []


@pytest.mark.parametrize("whom", [{}, {"userId": USER}], ids=["all", "one"])
def test_after_resume_the_agent_answers_what_comes_next(connected, whom):
    connected.call("POST", "pause", payload=whom)
    assert connected.call("POST", "resume", payload=whom) == (
        200,
        {"success": True, "data": {"isPaused": False, "pausedUntil": None, "userId": whom.get("userId")}},
    )
    assert _answers(connected, "b") == ["We open at nine."]


def _answers(deployment, mid):
    """Have the customer write, the agent's turn come, and return what was sent."""
    deployment.post(written(mid))
    deployment.deliver("ingest", *deployment.inbox())
    deployment.deliver("reply", *deployment.turns())
    return deployment.sent


def test_the_newest_wish_counts_also_where_it_is_shorter(connected):
    for minutes in (600, 5):
        _, told = connected.call("POST", "pause", payload={"userId": USER, "minutes": minutes})
    (row,) = connected.call("GET", "conversations")[1]["data"]["conversations"]
    assert row["paused"]["until"] == told["data"]["pausedUntil"]


@pytest.mark.parametrize("minutes", [1, 5.0, 43_200])
def test_a_pause_lasts_a_minute_to_30_days(connected, minutes):
    _, told = connected.call("POST", "pause", payload={"minutes": minutes})
    asked = timedelta(minutes=minutes)
    until = datetime.fromisoformat(told["data"]["pausedUntil"])
    assert asked - timedelta(minutes=1) < until - now() <= asked


@pytest.mark.parametrize(
    ("verb", "payload", "field"),
    [
        *(("pause", {"minutes": minutes}, "minutes") for minutes in (0, -1, 43_201, 1.5, "5", True, None, 1e300)),
        *((verb, {"userId": "acme"}, "userId") for verb in ("pause", "resume")),
        *((verb, {"userId": {"$gt": ""}}, "userId") for verb in ("pause", "resume")),
        *((verb, {"user_id": USER}, "user_id") for verb in ("pause", "resume")),
        ("resume", {"minutes": 5}, "minutes"),
        ("pause", None, "body"),
        ("resume", None, "body"),
    ],
    ids=str,
)
def test_h10_what_is_no_pause_is_refused_by_the_name_of_its_field(connected, verb, payload, field):
    status, told = connected.call("POST", verb, payload=payload)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert [one["field"] for one in told["error"]["details"]] == [field]


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("pause", "userId (optional), minutes (optional)"),
        ("resume", "userId (optional)"),
        ("forget", "userId (required)"),
    ],
)
def test_a_request_without_a_body_is_told_what_to_send(connected, verb, fields):
    status, told = connected.call("POST", verb)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert told["error"]["details"] == [
        {"field": "body", "problem": f"is required: send a JSON object with {fields}"},
    ]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_customer_without_a_conversation_is_not_found_and_an_agent_without_an_account_not_connected(connected, verb):
    status, told = connected.call("POST", verb, payload={"userId": OTHER_USER})
    assert (status, told["error"]["code"]) == (404, "not_found")
    connected.call("POST", "disconnect")
    status, told = connected.call("POST", verb, payload={})
    assert (status, told["error"]["code"]) == (409, "not_connected")
