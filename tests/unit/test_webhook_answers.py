"""What the webhook's function answers, to Meta and to others, as Lambda calls it."""

import json

import pytest

from connector.instagram.notifications import MAX_NOTIFICATIONS
from connector.instagram.reading import read_as_it_came
from connector.webhook import MAX_BODY_BYTES
from tests.unit.payloads import (
    ACCOUNT,
    APP_PATH,
    NAMES,
    RECEIVED_AT,
    USER,
    body,
    compact,
    http_event,
    message,
    messaging,
    payload,
    signature,
    signed_headers,
)
from tests.unit.webhook_function import PATH, Killed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

ACCEPTED = (200, "EVENT_RECEIVED")
RIGHT = {"hub.mode": "subscribe", "hub.verify_token": "meatyhamhock", "hub.challenge": "1158201444"}


def _told(answer):
    return answer["statusCode"], answer["body"]


def _code(answer):
    return answer["statusCode"], json.loads(answer["body"])["error"]["code"]


def _counted(capsys, name):
    """Return how often a metric was counted: CloudWatch reads it in what a function prints."""
    return sum(sum(json.loads(line).get(name, [])) for line in capsys.readouterr().out.splitlines())


def _mids(webhook):
    return [one.notification.item["message"]["mid"] for one in webhook.queued()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", [PATH, APP_PATH])
def test_every_payload_is_accepted_by_either_path(webhook, name, path):
    assert _told(webhook.post(body(name), path=path)) == ACCEPTED
    assert webhook.queued()


def test_a1_a2_a3_a4_a7_every_unproven_post_gets_the_same_401_is_counted_and_queues_nothing(webhook, capsys):
    right = signature(body("text"))
    wrong = [
        *("", "sha256=", right.upper(), right[:-1], f"{right}0", right.replace("256", "1"), f"{right}, {right}"),
        *("sha256=" + "é" * 64, "sha256=" + "a" * 8192, signature(body("text"), "another secret")),
        signature(json.dumps(payload("text")).encode()),
    ]
    headers = [{}, *({"x-hub-signature-256": one} for one in wrong)]
    answers = [webhook.post(body("text"), headers=one) for one in headers]
    assert {_code(one) for one in answers} == {(401, "unauthorized")}
    assert len({one["body"] for one in answers}) == 1, "the words tell which of the ways it was"
    assert webhook.queued() == []
    assert _counted(capsys, "WebhookRefused") == len(answers)


def test_a5_a_body_that_is_marked_as_base64_and_is_none_is_a_400(webhook):
    event = http_event("POST", PATH, headers=signed_headers(b"{}"), text="{}", is_base64=True)
    assert _code(webhook.call(event)) == (400, "invalid_request")


def test_a8_a_body_of_over_4_mib_is_a_413_and_one_of_4_mib_is_read(webhook):
    assert _code(webhook.post(b" " * (MAX_BODY_BYTES + 1))) == (413, "payload_too_large")
    assert _told(webhook.post(b" " * MAX_BODY_BYTES)) == ACCEPTED


UNREADABLE = {
    "A9": [b"", b"null", b'"x"', b"5"],
    "A10": [body("text")[:-1], b"\xff\xfe\xfd"],
    "A11": [b"[" * 200_000, b"9" * 5000, compact(messaging(*([{}] * (MAX_NOTIFICATIONS + 1))))],
    "A13": [compact(payload("text") | {"object": kind}) for kind in ("page", "user", None)],
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a9_a10_a11_a13_what_is_signed_and_unreadable_is_a_200_that_is_counted_and_queues_nothing(
    webhook, capsys, case
):
    for raw in UNREADABLE[case]:
        assert _told(webhook.post(raw)) == ACCEPTED, raw[:40]
    assert webhook.queued() == []
    assert _counted(capsys, "WebhookUnreadable") == len(UNREADABLE[case])


def test_a16_an_entry_that_sqs_did_not_take_the_first_time_is_sent_again_before_meta_is_answered(webhook):
    webhook.sqs.fails = lambda number, entry: number == 0 and entry["Id"] == "1"
    assert _told(webhook.post(compact(messaging(message("a"), message("b"))))) == ACCEPTED
    assert _mids(webhook) == ["a", "b"]


def test_a17_an_entry_that_sqs_does_not_take_is_a_503_and_the_redelivery_loses_nothing(webhook):
    raw = compact(messaging(*(message(f"m{number}") for number in range(25))))
    webhook.sqs.fails = lambda number, entry: number > 0 and entry["Id"] == "3"
    assert _code(webhook.post(raw)) == (503, "unavailable")
    assert len(_mids(webhook)) < 25, "SQS took everything: the test is about what it did not take"
    webhook.sqs.fails = lambda number, entry: False
    assert _told(webhook.post(raw)) == ACCEPTED
    assert _mids(webhook) == [f"m{number}" for number in range(25)]


def test_a19_a_function_that_dies_after_queueing_has_not_answered_and_the_redelivery_tells_the_same(
    webhook, monkeypatch
):
    take = webhook.sqs.send_message_batch

    def take_and_die(**batch):
        take(**batch)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(webhook.sqs, "send_message_batch", take_and_die)
        with pytest.raises(Killed):
            webhook.post(body("text"))
    assert _told(webhook.post(body("text"))) == ACCEPTED
    first, second = webhook.queued()
    assert first.notification == second.notification, "ingest knows a double by what it tells"


def test_a20_a_delivery_that_comes_again_hours_later_is_the_same_event_but_for_when_it_came(webhook):
    for name in NAMES:
        webhook.post(body(name))
        webhook.post(body(name))
        queued = [one.notification for one in webhook.queued()]
        half = len(queued) // 2
        assert queued[:half] == queued[half:], name


def test_a23_a_handshake_that_proves_nothing_is_a_403_that_does_not_tell_what_was_wrong(webhook):
    changes = [{"hub.mode": ""}, {"hub.verify_token": "wrong"}, {"hub.verify_token": "meatyhamhock,meatyhamhock"}, {}]
    answers = [webhook.call(http_event("GET", PATH, query=RIGHT | one if one else None)) for one in changes]
    assert {_code(one) for one in answers} == {(403, "forbidden")}
    assert len({one["body"] for one in answers}) == 1
    assert _told(webhook.call(http_event("GET", PATH, query=RIGHT))) == (200, "1158201444")


@pytest.mark.parametrize("challenge", ["<script>alert(1)</script>", "1\r\nSet-Cookie: a=b", "x" * 10_240, ""])
def test_a24_a_challenge_that_is_none_of_metas_is_a_400_that_repeats_nothing_of_it(webhook, challenge):
    answer = webhook.call(http_event("GET", PATH, query=RIGHT | {"hub.challenge": challenge}))
    assert _code(answer) == (400, "invalid_request")
    assert answer["headers"]["Content-Type"] == "application/json"
    assert not challenge or challenge not in json.dumps(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "GETS", "get"])
def test_a25_a_method_that_only_a_function_url_lets_through_gets_in_with_nothing(webhook, method):
    """The API has no such routes; the function's own URL takes every method."""
    answer = webhook.call(http_event(method, PATH, query=RIGHT, text=body("text").decode()))
    assert _code(answer) == (401, "unauthorized")
    assert webhook.queued() == []


def test_b2_all_that_happens_to_one_message_at_once_is_queued_and_each_has_a_key_of_its_own(webhook):
    parties = {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "timestamp": 1757330002434}
    told = [
        {"message": {"mid": "m", "text": "hi"}},
        {"message_edit": {"mid": "m", "text": "hello", "num_edit": 1}},
        {"message_edit": {"mid": "m", "text": "hello!", "num_edit": 2}},
        {"reaction": {"mid": "m", "action": "react", "emoji": "❤️"}},
        {"reaction": {"mid": "m", "action": "unreact"}},
        {"read": {"mid": "m"}},
        {"message": {"mid": "m", "is_deleted": True}},
    ]
    for one in told:
        webhook.post(compact(messaging(parties | one)))
    queued = [one.notification for one in webhook.queued()]
    assert [one.item for one in queued] == [parties | one for one in told]
    assert len({read_as_it_came(one, RECEIVED_AT).key for one in queued}) == len(told)
