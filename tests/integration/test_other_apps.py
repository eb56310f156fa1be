"""Messages without text, other automations and other apps in control, on the whole stack with Meta's simulator."""

from datetime import timedelta

import pytest

from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

VENDOR, PAGE_INBOX = "111222333444555", "263902037430900"
THREAD = f"threads/{ACCOUNT}/{USER}"
SOON = timedelta(seconds=10)
FILE = "https://a.example/file"
CARD = {"title": "Cake", "subtitle": "with cream"}
BUTTONS = [{"type": "link", "title": "Site", "url": "https://a.example"}]
KINDS = [
    {"type": "image", "urls": [FILE]},
    {"type": "image", "urls": [FILE, FILE]},
    *({"type": kind, "url": FILE} for kind in ("audio", "video", "file")),
    {"type": "cards", "elements": [CARD]},
    {"type": "cards", "elements": [CARD, CARD]},
    {"type": "buttons", "text": "Where?", "buttons": BUTTONS},
    {"type": "post", "mediaId": "17900000000000001"},
    {"type": "heart"},
]


def _send(stack, content, key):
    return stack.call("POST", "send", {"to": USER, "message": content}, headers={"Idempotency-Key": key})


def _repeat(stack, content, key):
    """Send with a key again, when the account's threads may be read again."""
    stack.run_for(timedelta(seconds=1))
    return _send(stack, content, key)


def _others(stack, text, **fields):
    stack.simulate("POST", f"accounts/{ACCOUNT}/messages", to=USER, text=text, **fields)


@pytest.mark.parametrize("faults", [{}, {"echo_before_answer": True}], ids=["echo-after", "echo-before"])
def test_each_kind_that_is_sent_is_stored_once_and_delivered(stack, faults):
    stack.write("hi")
    stack.settle()
    if faults:
        stack.simulate("PUT", "faults", **faults)
    for number, content in enumerate(KINDS):
        assert _send(stack, content, f"k-{number}").status_code == 200, content
        stack.settle()
        assert stack.statuses()[2:] == [("human", "delivered", None)] * (number + 1), content


def test_each_kind_whose_answer_is_lost_is_settled_by_its_echo(stack):
    stack.write("hi")
    stack.settle()
    for number, content in enumerate(KINDS):
        stack.simulate("PUT", "faults", lose_send_answer=1)
        assert _send(stack, content, f"k-{number}").status_code == 504
        stack.settle()
        repeated = _send(stack, content, f"k-{number}")
        assert (repeated.status_code, repeated.json()["data"]["status"]) == (200, "delivered"), content
    assert stack.statuses()[2:] == [("human", "delivered", None)] * len(KINDS)
    assert len(stack.thread()) == 2 + len(KINDS)


def test_each_kind_whose_echo_is_lost_too_is_found_in_the_thread(stack):
    stack.write("hi")
    stack.settle()
    for number, content in enumerate(KINDS):
        stack.simulate("PUT", "faults", lose_send_answer=1, no_echo=True)
        assert _send(stack, content, f"k-{number}").status_code == 504
    stack.run_for(timedelta(seconds=61))
    for number, content in enumerate(KINDS):
        assert _repeat(stack, content, f"k-{number}").status_code == 200, content
    assert len(stack.thread()) == 2 + len(KINDS)


def test_each_kind_that_never_arrived_is_sent_by_a_repetition(stack):
    stack.write("hi")
    stack.settle()
    for number, content in enumerate(KINDS):
        stack.simulate("PUT", "faults", lose_send_request=1)
        assert _send(stack, content, f"k-{number}").status_code == 504
    stack.run_for(timedelta(seconds=61))
    for number, content in enumerate(KINDS):
        early = _repeat(stack, content, f"k-{number}")
        assert (early.status_code, early.json()["error"]["code"]) == (503, "try_later"), content
        assert int(early.headers["Retry-After"]) > 0
    stack.run_for(timedelta(seconds=30))
    for number, content in enumerate(KINDS):
        assert _repeat(stack, content, f"k-{number}").status_code == 200, content
        assert _repeat(stack, content, f"k-{number}").status_code == 200, content
    stack.settle()
    assert stack.statuses()[2:] == [("human", "delivered", None)] * len(KINDS)
    assert len(stack.thread()) == 2 + len(KINDS)


UNREADABLE = [
    ({"code": 2, "status": 500, "times": 99}, (503, "try_later"), (409, "send_unknown")),
    ({"code": 200, "status": 403, "times": 99}, (409, "send_unknown"), (409, "send_unknown")),
]


@pytest.mark.parametrize("content", [{"type": "image", "urls": [FILE]}, "We close at five."], ids=["picture", "text"])
@pytest.mark.parametrize(("fault", "first", "last"), UNREADABLE, ids=["outage", "refusal"])
def test_a_lost_send_in_an_unreadable_thread_ends_with_a_reason(stack, content, fault, first, last):
    stack.write("hi")
    stack.settle()
    stack.simulate("PUT", "faults", lose_send_answer=1, no_echo=True, fail_reads=fault)
    assert _send(stack, content, "k").status_code == 504
    stack.run_for(timedelta(seconds=61))
    told = _repeat(stack, content, "k")
    assert (told.status_code, told.json()["error"]["code"]) == first
    stack.run_for(timedelta(minutes=15))
    for _ in range(2):
        told = _repeat(stack, content, "k")
        assert (told.status_code, told.json()["error"]["code"]) == last
        assert "Look into the conversation" in told.json()["error"]["message"]
    assert stack.statuses()[-1] == ("human", "unknown", "send_unknown")
    stack.simulate("DELETE", "faults")
    assert _repeat(stack, content, "k").status_code == 200
    assert len(stack.thread()) == 3


def test_another_automation_does_not_silence_the_agent(stack):
    _others(stack, "Welcome to Acme!", appId=VENDOR)
    _others(stack, "We reply within a day.", appId=PAGE_INBOX, aiGenerated=True)
    mid = stack.write("When do you open?")
    stack.settle()
    assert stack.waited_for(mid) < SOON
    (question,) = stack.questions()
    assert [text in question for text in ("Welcome to Acme!", "We reply within a day.")] == [True, True]
    assert [one["appId"] for one in stack.messages()] == [VENDOR, PAGE_INBOX, None, None]


def test_a_person_in_an_inbox_of_meta_silences_the_agent(stack):
    _others(stack, "Hi, this is Ana.", appId=PAGE_INBOX)
    stack.write("hello")
    stack.settle()
    assert stack.received() == []


@pytest.mark.parametrize("back_to", ["900000000000001", None], ids=["to-us", "to-no-app"])
def test_unanswered_messages_are_answered_after_a_handover(stack, back_to):
    stack.simulate("PUT", THREAD, ownerAppId=VENDOR)
    stack.write("When do you open?")
    _others(stack, "At seven.", appId=VENDOR)
    stack.settle()
    last = stack.write("And where are you?")
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [])
    stack.simulate("PUT", THREAD, ownerAppId=back_to)
    stack.settle()
    assert stack.waited_for(last) < SOON
    (question,) = stack.questions()
    assert [text in question for text in ("When do you open?", "At seven.", "And where are you?")] == [True] * 3
    assert len(stack.received()) == 1


def test_messages_answered_by_the_other_app_get_no_second_answer(stack):
    stack.simulate("PUT", THREAD, ownerAppId=VENDOR)
    stack.write("When do you open?")
    _others(stack, "At seven.", appId=VENDOR)
    stack.simulate("PUT", THREAD, ownerAppId=None)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [])


def test_an_answer_refused_to_us_comes_once_control_is_back(stack):
    take = {"ownerAppId": VENDOR, "taken": True}
    stack.calls.interrupt("POST create-chat-completion", lambda: stack.simulate("PUT", THREAD, **take))
    stack.write("When do you open?")
    stack.settle()
    assert stack.statuses() == [
        ("user", "unanswered", "other_app_in_control"),
        ("agent", "failed", "other_app_in_control"),
    ]
    stack.run_for(timedelta(minutes=5))
    stack.simulate("PUT", THREAD, ownerAppId=None)
    stack.settle()
    assert len(stack.received()) == 1
    assert stack.statuses()[0] == ("user", "answered", None)


def test_a_message_whose_handover_overtakes_it_is_answered(stack):
    """Webhooks come in any order: a router passes the thread as soon as the customer has written."""
    stack.simulate("PUT", "faults", reorder_webhooks=2)
    stack.simulate("PUT", THREAD, ownerAppId=VENDOR, silent=True)
    mid = stack.write("When do you open?")
    stack.simulate("PUT", THREAD, ownerAppId=None)
    stack.settle()
    assert stack.waited_for(mid) < SOON
