"""The edge that Meta talks to, with the real secrets, parameters and queue on moto."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.envelopes import Handshake, InboxMessage, Route, read, read_inbox
from connector.errors import (
    Forbidden,
    InvalidRequest,
    Misconfigured,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
    Unavailable,
)
from connector.gateway import Request
from connector.queues import Queue
from connector.storage.parameters import FRESH_SECONDS, RECENT_SECONDS, Parameters
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant
from connector.webhook import MAX_BODY_BYTES, Webhook
from tests.conftest import PREFIX
from tests.unit.payloads import (
    ACCOUNT,
    APP_PATH,
    NAMES,
    OTHER_ACCOUNT,
    body,
    compact,
    connection_path,
    http_event,
    message,
    messaging,
    payload,
    signature,
    signed_headers,
)
from tests.unit.strict_sqs import StrictSqs

TENANT = Tenant("sub_1", "agent_1")
PATH = connection_path("sub_1", "agent_1")


class Edge:
    """A webhook with its own AWS account and queue."""

    def __init__(self, aws):
        self.aws = aws
        self.url = aws.queue_url("inbox")
        aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "of the app"}))
        aws.put_secret("connections/sub_1/agent_1/webhook", json.dumps({"verifyToken": "meatyhamhock"}))
        self.clock = SimpleNamespace(now=1000.0)
        self.webhook = self.cold()

    def cold(self):
        """Return the webhook as a new execution environment has it."""
        parameters = Parameters(self.aws.ssm, PREFIX, clock=lambda: self.clock.now)
        return Webhook(Secrets(parameters), Queue(self.aws.sqs, self.url))

    def post(self, raw, *, path=PATH, headers=None):
        return self.webhook.receive(_request("POST", path, raw, signed_headers(raw) if headers is None else headers))

    def shake(self, *, path=PATH, **query):
        """Make Meta's GET; `mode`, `verify_token` and `challenge` are its hub.… parameters."""
        event = http_event("GET", path, query={f"hub.{name}": value for name, value in query.items()})
        return self.webhook.handshake(Request.of(event))

    def queued(self):
        return [InboxMessage.of(read(one)) for one in self.aws.bodies(self.url)]


@pytest.fixture
def edge(aws):
    return Edge(aws)


def _request(method, path, raw, headers):
    event = http_event(method, path, headers=headers, text=b64encode(raw).decode(), is_base64=True)
    return Request.of(event)


def _mids(sqs):
    return [InboxMessage.of(read(one)).notification.item["message"]["mid"] for one in sqs.bodies]


@contextmanager
def _each_call(client, operation, answer) -> Iterator[list[int]]:
    """Have `answer(number)` decide what a call of AWS's gets before it leaves; None lets it through."""
    calls: list[int] = []

    def before(**_):
        calls.append(len(calls))
        return answer(calls[-1])

    name = f"before-send.{operation}"
    client.meta.events.register_first(name, before)
    try:
        yield calls
    finally:
        client.meta.events.unregister(name, before)


def _throttled(url):
    raw = b'{"__type":"com.amazonaws.sqs#RequestThrottled","message":"Too many"}'

    class Body:
        def stream(self, **_):
            yield raw

    return AWSResponse(url, 400, {"content-type": "application/x-amz-json-1.0"}, Body())


# ── what is accepted


@pytest.mark.parametrize("name", NAMES)
def test_a6_every_signed_payload_is_queued_item_by_item(edge, name):
    channels = ("messaging", "standby", "changes")
    items = [item for entry in payload(name)["entry"] for key in channels for item in entry.get(key, [])]
    assert edge.post(body(name)) == len(items)
    assert sorted(_key(one.notification.item) for one in edge.queued()) == sorted(map(_key, items))


def _key(item):
    return json.dumps(item, sort_keys=True)


def test_the_route_travels_with_the_event_and_is_absent_on_the_apps_own_path(edge):
    assert edge.post(body("text"), path=f"{PATH}/") == 1
    assert edge.post(body("text"), path=APP_PATH) == 1
    by_connection, by_app = sorted(edge.queued(), key=lambda one: one.route is None)
    assert (by_connection.route.subaccount_id, by_connection.route.agent_id) == ("sub_1", "agent_1")
    assert by_app.route is None
    assert by_app.notification.account_id == ACCOUNT


def test_a5_the_signature_is_that_of_the_decoded_bytes_whether_aws_wrapped_them_in_base64_or_not(edge):
    raw = body("text")
    plain = Request.of(http_event("POST", PATH, headers=signed_headers(raw), text=raw.decode()))
    assert edge.webhook.receive(plain) == 1
    assert edge.post(raw) == 1


def test_a5_a_body_that_is_marked_as_base64_but_does_not_decode_is_an_invalid_request():
    with pytest.raises(InvalidRequest):
        Request.of(http_event("POST", PATH, text="{not base64}", is_base64=True))


def test_a_connection_with_its_own_meta_app_verifies_signatures_with_that_apps_secret(edge):
    webhook = {"verifyToken": "meatyhamhock", "appSecret": "its own"}
    edge.aws.put_secret("connections/sub_1/agent_2/webhook", json.dumps(webhook))
    raw = body("text")
    assert edge.post(raw, path=connection_path("sub_1", "agent_2"), headers=signed_headers(raw, "its own")) == 1
    for path in (PATH, APP_PATH, connection_path("sub_1", "agent_3")):
        with pytest.raises(Unauthorized):
            edge.post(raw, path=path, headers=signed_headers(raw, "its own"))


def test_a26_both_secrets_are_accepted_while_one_is_rotated(edge):
    edge.aws.put_secret("app-secrets", json.dumps({"appSecrets": ["the new one", "test_app_secret"]}))
    edge.webhook = edge.cold()
    for secret in ("the new one", "test_app_secret"):
        assert edge.post(body("text"), headers=signed_headers(body("text"), secret)) == 1


def test_a8_b1_a_full_batch_of_1000_updates_is_accepted(edge):
    sqs = StrictSqs()
    edge.webhook = Webhook(edge.webhook.secrets, Queue(sqs, "url"))
    raw = compact(messaging(*(message(f"{index:0>164}", "x" * 1000) for index in range(1000))))
    assert 1_000_000 < len(raw) < MAX_BODY_BYTES
    assert edge.post(raw) == 1000
    assert _mids(sqs) == [f"{index:0>164}" for index in range(1000)]


def test_a15_one_malformed_item_in_a_batch_does_not_lose_the_other_999(edge):
    sqs = StrictSqs()
    edge.webhook = Webhook(edge.webhook.secrets, Queue(sqs, "url"))
    items = [message(f"m{index}") for index in range(999)]
    assert edge.post(compact(messaging(*items[:500], "malformed", *items[500:]))) == 999
    assert _mids(sqs) == [f"m{index}" for index in range(999)]


def test_an_item_too_large_to_be_any_is_left_out_and_its_neighbours_are_queued(edge):
    assert edge.post(compact(messaging(message("a"), message("b", "x" * 600_000), message("c")))) == 2
    assert sorted(one.notification.item["message"]["mid"] for one in edge.queued()) == ["a", "c"]


def test_b13_each_message_is_in_the_fair_queue_group_of_its_account(edge):
    edge.post(body("batch-of-two-accounts"))
    answer = edge.aws.sqs.receive_message(
        QueueUrl=edge.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )
    groups = {one["Attributes"]["MessageGroupId"] for one in answer["Messages"]}
    assert groups == {ACCOUNT, OTHER_ACCOUNT}


# ── what is refused


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="A1-missing"),
        pytest.param("", id="A2-empty"),
        pytest.param("sha256=", id="A2-no-hex"),
        pytest.param(signature(body("text"), "another secret"), id="A2-wrong"),
        pytest.param(signature(body("text")).replace("sha256", "sha1"), id="A2-right-hex-under-sha1"),
        pytest.param(signature(body("text")).replace("sha256=", "").upper(), id="A2-upper-case"),
        pytest.param(signature(body("text"))[:-1], id="A2-63-digits"),
        pytest.param("sha256=" + "é" * 64, id="A3-not-ascii"),
        pytest.param("sha256=" + "a" * 8192, id="A3-8-kB"),
        pytest.param(", ".join([signature(body("text"))] * 2), id="A4-twice"),
    ],
)
def test_a1_a2_a3_a4_a_post_without_the_signature_of_its_bytes_is_unauthorized_and_queues_nothing(edge, header):
    headers = {"content-type": "application/json"} | ({"x-hub-signature-256": header} if header is not None else {})
    with pytest.raises(Unauthorized):
        edge.post(body("text"), headers=headers)
    assert edge.queued() == []


def test_a2_the_legacy_signature_alone_proves_nothing(edge):
    headers = {name: value for name, value in signed_headers(body("text")).items() if "256" not in name}
    with pytest.raises(Unauthorized):
        edge.post(body("text"), headers=headers)


def test_a7_the_same_json_written_otherwise_is_unauthorized(edge):
    rewritten = json.dumps(payload("text"), separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(Unauthorized):
        edge.post(rewritten, headers=signed_headers(body("text")))


def test_a8_a_body_of_over_4_mib_is_refused_before_its_signature_is_computed(edge):
    """A signed body is refused too: otherwise anyone could make us hash and parse without limit."""
    raw = b" " * (MAX_BODY_BYTES + 1)
    with pytest.raises(PayloadTooLarge):
        edge.post(raw)
    assert edge.post(b" " * MAX_BODY_BYTES) == 0


PATHS_OF_NOBODY = (
    "/",
    "/api/instagram",
    "/api/instagram/webhook/x",
    f"{PATH}//",
    f"{PATH}\n",
    connection_path("..", "agent_1"),
    connection_path("a/b", "agent_1"),
    connection_path("sub_1", "%2e%2e"),
    connection_path("sub_1", "x" * 65),
    connection_path("sub_1", ""),
    connection_path("sub\u0131", "agent_1"),
    connection_path("*", "agent_1"),
)


def test_a25_h7_an_unknown_path_is_not_found_and_reads_nothing_from_ssm(edge, subtests):
    """Nothing but an id ever becomes part of a parameter's name."""
    for path in PATHS_OF_NOBODY:
        with subtests.test(path=path), _each_call(edge.aws.ssm, "ssm", lambda number: None) as calls:
            with pytest.raises(NotFound):
                edge.post(body("text"), path=path)
            with pytest.raises(NotFound):
                edge.shake(path=path, mode="subscribe", verify_token="meatyhamhock", challenge="1")
            assert calls == []


# ── what is signed and yet nothing to us


UNUSABLE = {
    "A9-empty": b"",
    "A9-null": b"null",
    "A9-array": b"[]",
    "A9-string": b'"x"',
    "A9-number": b"5",
    "A10-truncated": body("text")[:-1],
    "A10-not-utf8": body("text").replace(b"hours", b"\xff"),
    "A11-100000-levels": b"[" * 100_000,
    "A11-5000-digits": b"9" * 5_000,
    "A11-1001-items": compact(messaging(*([{}] * 1001))),
    "A13-page": compact(payload("text") | {"object": "page"}),
    "A13-missing": compact({"entry": payload("text")["entry"]}),
    "A14-no-items": compact({"object": "instagram", "entry": [{"id": ACCOUNT, "time": 1}]}),
}


def test_a9_a10_a11_a13_a14_a_signed_body_that_cannot_be_used_is_accepted_and_queues_nothing(edge, subtests):
    """Meta would send the same bytes again, and unsubscribe the app after an hour."""
    for name, raw in UNUSABLE.items():
        with subtests.test(name):
            assert edge.post(raw) == 0
    assert edge.queued() == []


def test_a11_a_signed_body_of_any_depth_is_accepted(edge, subtests):
    """The parser takes thousands of levels; what comes after it must take them too, or leave the item out."""
    for levels in (100, 500, 1_000, 5_000, 10_000, 50_000):
        with subtests.test(levels=levels):
            deep = b"[" * levels + b"]" * levels
            edge.post(compact(messaging(message("a"), {"x": 0})).replace(b'{"x":0}', b'{"x":' + deep + b"}"))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 400])
def test_a12_a_message_with_an_invalid_number_is_not_lost(edge, number):
    assert edge.post(body("text").replace(b"1757330002434", number.encode())) == 1
    assert [one.notification.item["message"]["mid"] for one in edge.queued()] == [
        payload("text")["entry"][0]["messaging"][0]["message"]["mid"]
    ]


def test_b4_control_characters_pass_the_queue_unchanged(edge):
    """SQS refuses them in a body, so the body that we send is ASCII."""
    assert edge.post(compact(messaging(message("a", "\x00\x01\ufffe 👋")))) == 1
    assert edge.queued()[0].notification.item["message"]["text"] == "\x00\x01\ufffe 👋"


def test_b4_a_message_with_half_a_surrogate_pair_is_not_lost(edge):
    assert edge.post(compact(messaging(message("a", "before \ud800 after")))) == 1
    assert edge.queued()[0].notification.item["message"]["text"].startswith("before ")


# ── when AWS fails


def test_a16_a_queue_that_throttles_once_is_asked_again(edge):
    with _each_call(edge.aws.sqs, "sqs.SendMessageBatch", lambda n: _throttled(edge.url) if n == 0 else None) as calls:
        assert edge.post(body("text")) == 1
    assert len(calls) == 2
    assert edge.queued()


def test_a16_a_queue_that_cannot_be_reached_once_is_asked_again(edge):

    def down_once(number):
        if number == 0:
            raise EndpointConnectionError(endpoint_url=edge.url)

    with _each_call(edge.aws.sqs, "sqs.SendMessageBatch", down_once) as calls:
        assert edge.post(body("text")) == 1
    assert len(calls) == 2
    assert len(edge.queued()) == 1


def test_a17_a_queue_that_is_down_is_unavailable_and_the_redelivery_is_queued(edge):
    """503, and Meta sends again."""

    def down(_):
        raise EndpointConnectionError(endpoint_url=edge.url)

    with _each_call(edge.aws.sqs, "sqs.SendMessageBatch", down), pytest.raises(Unavailable):
        edge.post(body("text"))
    assert edge.queued() == []
    assert edge.post(body("text")) == 1


def test_a18_a_queue_that_took_the_event_and_lost_its_answer_may_get_it_twice_but_never_not_at_all(edge):
    """On a standard queue a double is possible; ingest stores it once."""

    def lost(**_):
        edge.aws.sqs.meta.events.unregister("after-call.sqs.SendMessageBatch", lost)
        raise EndpointConnectionError(endpoint_url=edge.url)

    edge.aws.sqs.meta.events.register_first("after-call.sqs.SendMessageBatch", lost)
    with pytest.raises(Unavailable):
        edge.post(body("text"))
    assert edge.post(body("text")) == 1
    assert len({one.notification.item["message"]["mid"] for one in edge.queued()}) == 1


def test_a27_ssm_throttled_on_a_cold_start_is_unavailable_and_not_unauthorized(edge):
    cold = Webhook(Secrets(Parameters(edge.aws.ssm, PREFIX)), Queue(edge.aws.sqs, edge.url))

    def down(_):
        raise EndpointConnectionError(endpoint_url="ssm")

    request = _request("POST", PATH, body("text"), signed_headers(body("text")))
    with _each_call(edge.aws.ssm, "ssm.GetParameter", down), pytest.raises(Unavailable):
        cold.receive(request)


def test_a27_ssm_throttled_in_a_warm_environment_leaves_the_secrets_that_were_read_before(edge):
    now = [0.0]
    secrets = Secrets(Parameters(edge.aws.ssm, PREFIX, clock=lambda: now[0]))
    edge.webhook = Webhook(secrets, Queue(edge.aws.sqs, edge.url))
    assert edge.post(body("text")) == 1

    def down(_):
        raise EndpointConnectionError(endpoint_url="ssm")

    now[0] += FRESH_SECONDS + 1
    with _each_call(edge.aws.ssm, "ssm.GetParameter", down) as calls:
        assert edge.post(body("text")) == 1
        with pytest.raises(Unauthorized):
            edge.post(body("text"), path=APP_PATH, headers=signed_headers(body("text"), "another secret"))
    assert calls, "SSM was not asked: the test is about secrets that are no longer fresh"


def test_a_deployment_without_app_secrets_says_so(edge):
    edge.aws.ssm.delete_parameter(Name=f"{PREFIX}/app-secrets")
    edge.webhook = edge.cold()
    with pytest.raises(Misconfigured):
        edge.post(body("text"))


@pytest.mark.parametrize("secrets", [[], [""], None])
def test_a_webhook_without_an_app_secret_refuses_every_signature(edge, secrets):
    edge.aws.put_secret("app-secrets", json.dumps({"appSecrets": secrets}))
    edge.webhook = edge.cold()
    with pytest.raises(Unauthorized):
        edge.post(body("text"), headers=signed_headers(body("text"), ""))


# ── the handshake


def test_the_handshake_returns_the_challenge_unchanged(edge):
    assert edge.shake(mode="subscribe", verify_token="meatyhamhock", challenge="1158201444") == "1158201444"


def test_a_good_handshake_of_a_connections_path_is_reported_and_no_other(edge):
    right = {"mode": "subscribe", "verify_token": "meatyhamhock", "challenge": "1"}
    for change in ({"verify_token": "wrong"}, {"challenge": ""}):
        with pytest.raises((Forbidden, InvalidRequest)):
            edge.shake(**right | change)
    edge.shake(path=APP_PATH, **right | {"verify_token": "of the app"})
    assert edge.aws.bodies(edge.url) == []
    edge.shake(**right)
    (reported,) = map(read_inbox, edge.aws.bodies(edge.url))
    assert isinstance(reported, Handshake)
    assert reported.route == Route("sub_1", "agent_1")
    assert abs(reported.verified_at - time.time() * 1000) < 60_000


def test_a_handshake_is_answered_also_when_the_queue_does_not_take_the_news(edge):

    def down(_):
        raise EndpointConnectionError(endpoint_url=edge.url)

    with _each_call(edge.aws.sqs, "sqs.SendMessageBatch", down):
        assert edge.shake(mode="subscribe", verify_token="meatyhamhock", challenge="1158201444") == "1158201444"


def test_the_handshake_of_the_apps_own_path_takes_the_apps_token_only(edge):
    assert edge.shake(path=APP_PATH, mode="subscribe", verify_token="of the app", challenge="1") == "1"
    with pytest.raises(Forbidden):
        edge.shake(path=APP_PATH, mode="subscribe", verify_token="meatyhamhock", challenge="1")
    with pytest.raises(Forbidden):
        edge.shake(mode="subscribe", verify_token="of the app", challenge="1")


def test_a23_a_handshake_with_another_token_or_mode_is_forbidden(edge, subtests):
    right = {"mode": "subscribe", "verify_token": "meatyhamhock", "challenge": "1"}
    assert edge.shake(**right) == "1"
    cases = {
        "no mode": {"mode": None},
        "other mode": {"mode": "unsubscribe"},
        "no token": {"verify_token": None},
        "empty token": {"verify_token": ""},
        "wrong token": {"verify_token": "wrong"},
        "two tokens": {"verify_token": "meatyhamhock,wrong"},
        "not ASCII": {"verify_token": "mé\ud800"},
        "nothing": dict.fromkeys(right),
    }
    for name, change in cases.items():
        query = {key: value for key, value in (right | change).items() if value is not None}
        with subtests.test(name), pytest.raises(Forbidden):
            edge.shake(**query)


def test_a23_the_handshake_of_an_agent_that_is_not_connected_is_forbidden(edge):
    for token in ("", "meatyhamhock"):
        with pytest.raises(Forbidden):
            edge.shake(path=connection_path("sub_1", "x"), mode="subscribe", verify_token=token, challenge="1")


def test_an_app_without_a_verification_token_has_no_handshake(edge):
    edge.aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"]}))
    edge.webhook = edge.cold()
    with pytest.raises(Forbidden):
        edge.shake(path=APP_PATH, mode="subscribe", verify_token="", challenge="1")


def test_a24_a_challenge_that_meta_would_not_send_is_never_reflected(edge, subtests):
    injections = ("<script>alert(1)</script>", "1\r\nSet-Cookie: a=b", "1\n", "é", "1 2")
    for challenge in ("", "x" * 257, "x" * 10_240, *injections):
        with subtests.test(challenge=challenge[:30]):
            with pytest.raises(InvalidRequest) as refusal:
                edge.shake(mode="subscribe", verify_token="meatyhamhock", challenge=challenge)
            assert not challenge or challenge not in refusal.value.message


def _connect(edge, secrets_id, verify_token, app_secret):
    """Store what connect stores, as another function does."""
    value = {"verifyToken": verify_token, "appSecrets": [app_secret]}
    edge.aws.put_secret(f"connections/sub_1/agent_2/webhook/{secrets_id}", json.dumps(value))


def test_a_handshake_seconds_after_connect_is_not_refused_by_a_cached_miss(edge):
    path = connection_path("sub_1", "agent_2")
    right = {"mode": "subscribe", "challenge": "1"}
    with pytest.raises(Forbidden):
        edge.shake(path=path, verify_token="first", **right)
    _connect(edge, "a1", "first", "its own")
    edge.clock.now += RECENT_SECONDS
    assert edge.shake(path=path, verify_token="first", **right) == "1"
    _connect(edge, "b2", "second", "the new one")
    edge.clock.now += RECENT_SECONDS
    assert edge.shake(path=path, verify_token="second", **right) == "1"


def test_a_post_seconds_after_connect_is_believed_by_the_new_app_secret(edge):
    path, raw = connection_path("sub_1", "agent_2"), compact(messaging(message("m1", "hi")))
    for secrets_id, app_secret in (("a1", "its own"), ("b2", "the new one")):
        headers = signed_headers(raw, app_secret)
        with pytest.raises(Unauthorized):
            edge.post(raw, path=path, headers=headers)
        _connect(edge, secrets_id, "v", app_secret)
        edge.clock.now += RECENT_SECONDS
        assert edge.post(raw, path=path, headers=headers) == 1


# ── and whatever else anybody sends


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps(text).encode()),
    header=st.none() | st.text(max_size=90),
    signed=st.booleans(),
)
def test_no_post_is_ever_more_than_accepted_or_unauthorized(edge, raw, header, signed):
    headers = signed_headers(raw) if signed else ({} if header is None else {"x-hub-signature-256": header})
    try:
        assert edge.post(raw, headers=headers) == 0
        assert signed
    except Unauthorized:
        assert not signed
