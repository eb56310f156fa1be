"""Threads that another app controls for a while, through the deployed functions (Meta, "Conversation Routing")."""

from datetime import timedelta

import pytest

from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from tests.integration.deployment import CONNECT, echo, heard, just_now
from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OUR_APP, OTHER_APP, INSTAGRAM_INBOX = "900000000000001", "111222333444555", "1217981644879628"
CONTEXT_LINE = "[The customer wrote this while another app had the conversation]"
PICTURE = {"attachments": [{"type": "image", "payload": {"url": "https://lookaside.fbsbx.com/1"}}]}


@pytest.fixture(params=["app-known", "app-unknown"])
def connected(request, deployment, database):
    """A connected deployment, of which Meta has told the app of the token, or has not."""
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    known = OUR_APP if request.param == "app-known" else None
    database[COLLECTION].update_one({}, {"$set": {"grant.appId": known}})
    return deployment


def _control(to=OUR_APP, how="pass_thread_control", previous=OTHER_APP):
    """Return the item that tells who has the thread now."""
    ends = {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "timestamp": just_now()}
    return ends | {how: {"previous_owner_app_id": previous, "new_owner_app_id": to, "metadata": "m"}}


def _asked(deployment):
    return [one.json["content"] for one in deployment.retell.requests if one.path == "/create-chat-completion"]


def _standby(deployment, *items):
    turns = deployment.tell(*items, kind="standby")
    assert turns == [], "the answer is another app's"


def _answer(deployment, turns):
    assert turns == [] or deployment.deliver("reply", *turns) == []


def _customers(deployment):
    return [
        (one["text"], one["status"], (one["error"] or {}).get("code"))
        for one in deployment.messages()
        if one["role"] == "user"
    ]


@pytest.mark.parametrize("to", [OUR_APP, int(OUR_APP), None], ids=["to-us", "as-a-number", "to-none"])
def test_messages_left_in_standby_are_answered_when_control_comes(connected, to):
    _standby(connected, heard("in-1", "Do you"), heard("in-2", "open on Sundays?"))
    _answer(connected, connected.tell(_control(to)))
    assert connected.sent == ["We open at nine."]
    assert _asked(connected) == [f"{CONTEXT_LINE}\nDo you\n{CONTEXT_LINE}\nopen on Sundays?"]
    assert _customers(connected) == [("Do you", "answered", None), ("open on Sundays?", "answered", None)]


@pytest.mark.parametrize("field", ["messaging_handover", "messaging_handovers"])
def test_a_handover_as_a_change_counts_too(connected, field):
    _standby(connected, heard("in-1", "hi"))
    _answer(connected, connected.tell({"field": field, "value": _control()}, kind="changes"))
    assert connected.sent == ["We open at nine."]


def test_a_repeated_handover_answers_nothing_twice(connected):
    _standby(connected, heard("in-1", "hi"))
    handover = _control()
    _answer(connected, connected.tell(handover, handover))
    _answer(connected, connected.tell(handover))
    assert connected.sent == ["We open at nine."]


@pytest.mark.parametrize(
    "said",
    [
        {"text": "At ten.", "app_id": OTHER_APP},
        {"text": "At ten."},
        PICTURE | {"app_id": int(OTHER_APP)},
    ],
    ids=["app", "no-app", "picture"],
)
def test_messages_answered_by_the_other_app_are_only_told(connected, said):
    _standby(connected, heard("in-1", "When do you open?"), echo("auto-1", **said))
    _answer(connected, connected.tell(_control()))
    assert connected.sent == []
    assert [one["appId"] for one in connected.messages()] == [None, str(said.get("app_id", 0))]
    _answer(connected, connected.tell(heard("in-2", "thanks")))
    first, automation, last = _asked(connected)[0].partition("[Another automation of this business")
    assert first == f"{CONTEXT_LINE}\nWhen do you open?\n"
    assert automation
    assert last.endswith("\nthanks")
    assert connected.sent == ["We open at nine."]


def test_only_what_came_after_the_other_apps_answer_is_answered(connected):
    _standby(connected, heard("in-1", "When do you open?"), echo("auto-1", text="At ten.", app_id=OTHER_APP))
    _standby(connected, heard("in-2", "And on Sundays?"))
    _answer(connected, connected.tell(_control()))
    assert connected.sent == ["We open at nine."]
    assert [status for _, status, _ in _customers(connected)] == ["answered", "answered"]
    assert "At ten." in _asked(connected)[0]


def test_an_answer_of_the_other_app_that_is_echoed_late_still_counts(connected):
    asked, answered = heard("in-1", "When do you open?"), echo("auto-1", text="At ten.", app_id=OTHER_APP)
    _standby(connected, asked)
    turns = connected.tell(_control())
    _standby(connected, answered)
    _answer(connected, turns)
    assert connected.sent == []
    assert _customers(connected) == [("When do you open?", "unanswered", "other_app_in_control")]


def test_a_standby_message_that_comes_after_its_handover_is_answered(connected):
    """Two functions may take in the two at one time."""
    _standby(connected, heard("in-0", "hi"), echo("auto-0", text="Hello!", app_id=OTHER_APP))
    late = heard("in-1", "When do you open?")
    assert connected.tell(_control()) == []
    _answer(connected, connected.tell(late, kind="standby"))
    assert connected.sent == ["We open at nine."]


def test_a_handover_before_a_customers_first_message_counts(connected, database):
    """A router passes control as soon as the customer writes, and Meta promises no order."""
    first = heard("in-1", "When do you open?")
    assert connected.tell(_control()) == []
    _answer(connected, connected.tell(first, kind="standby"))
    assert connected.sent == ["We open at nine."]
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_a_tap_in_standby_is_answered_when_control_comes(connected):
    tap = {name: value for name, value in heard("in-1", "").items() if name != "message"}
    _standby(connected, tap | {"postback": {"mid": "in-1", "title": "Opening hours", "payload": "HOURS"}})
    _answer(connected, connected.tell(_control()))
    assert connected.sent == ["We open at nine."]


def test_control_that_goes_to_others_changes_nothing(connected):
    _standby(connected, heard("in-1", "hi"))
    taken = _control(OTHER_APP, "take_thread_control", previous=OUR_APP)
    ends = {name: value for name, value in taken.items() if name != "take_thread_control"}
    for told in (
        _control(INSTAGRAM_INBOX),
        taken,
        ends | {"pass_thread_control": {}},
        ends | {"request_thread_control": {"requested_owner_app_id": OTHER_APP}},
        ends | {"app_roles": {OUR_APP: ["primary_receiver"]}},
    ):
        assert connected.tell(told) == []
    assert _customers(connected) == [("hi", "unanswered", "other_app_in_control")]


def test_standby_messages_are_told_with_the_next_question(connected):
    """The fields of handovers need not be subscribed: then control comes untold."""
    _standby(connected, heard("in-1", "I want the blue one"))
    _answer(connected, connected.tell(heard("in-2", "how much is it?")))
    assert _asked(connected) == [f"{CONTEXT_LINE}\nI want the blue one\nhow much is it?"]
    assert [status for _, status, _ in _customers(connected)] == ["answered", "answered"]


def test_an_answer_that_meta_refuses_to_us_is_given_when_control_comes(connected):
    connected.owner_app_id = OTHER_APP
    _answer(connected, connected.tell(heard("in-1", "When do you open?")))
    assert connected.sent == []
    assert _customers(connected) == [("When do you open?", "unanswered", "other_app_in_control")]
    connected.owner_app_id = None
    _answer(connected, connected.tell(_control()))
    assert connected.sent == ["We open at nine."]
    assert _customers(connected) == [("When do you open?", "answered", None)]


def test_after_24_hours_nothing_is_answered_when_control_comes(connected, database):
    _standby(connected, heard("in-1", "hi"))
    database["chats"].update_one({}, {"$set": {"windowOpenedAt": now() - timedelta(hours=25)}})
    assert connected.tell(_control()) == []
    assert _customers(connected) == [("hi", "unanswered", "other_app_in_control")]


@pytest.mark.parametrize("kind", ["messaging", "standby"])
def test_a_person_in_an_inbox_of_meta_pauses_in_standby_too(connected, kind):
    assert connected.tell(echo("p-1", text="Hi, this is Ana.", app_id=INSTAGRAM_INBOX), kind=kind) == []
    _standby(connected, heard("in-1", "thank you"))
    _answer(connected, connected.tell(_control()))
    assert connected.sent == []
    assert _customers(connected) == [("thank you", "unanswered", "paused")]
