"""What we send, from stored to seen: `storage.outbox` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import LOOPING, PAUSED, SEND_UNKNOWN, Attachment, MessageStatus, Role, TurnState
from connector.echoes import Echo
from connector.storage.changes import Changes
from connector.storage.documents import now
from connector.storage.outbox import Outbox
from connector.storage.turns import Turns
from connector.tenancy import Tenant
from tests.integration.world import LEASE, NO_LEASE, START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER


@pytest.fixture
def outbox(collection):
    return Outbox(collection, TENANT)


@pytest.fixture
def pending(chats):
    return chats.add(USER, ACCOUNT, our_message("sent:1", "hello"))


def _echo(mid, text, *attachments, at=START, by_our_app=None):
    return Echo(mid, text, attachments, at, by_our_app)


def _only(chats):
    (message,) = [one for one in chats.ongoing(USER).messages if one.role is not Role.USER]
    return message


def _told(chats):
    message = _only(chats)
    return message.mid, message.status


def _answered(chats, turns, lease=LEASE):
    """Return a chat whose turn has an answer of one part, and the part."""
    chats.add(USER, ACCOUNT, user_message("mid:a"))
    chat = turns.claim(chats.ongoing(USER), generation=1, lease=lease)
    part = our_message(f"turn:{chat.turn.id}:0", "hello", role=Role.AGENT, turn_id=chat.turn.id)
    chat = turns.store_answer(chat, [part])
    return chat, chat.of_turn(chat.turn.id, Role.AGENT)[0]


def test_b5_beginning_to_send_is_told_true_once(outbox, pending, race):
    assert sorted(race(16, lambda _: outbox.begin_sending(pending))) == [False] * 15 + [True]


@pytest.mark.parametrize("status", [one for one in MessageStatus if one is not MessageStatus.PENDING])
def test_only_what_is_pending_may_be_sent(chats, outbox, status):
    stored = chats.add(USER, ACCOUNT, our_message("sent:1", status=status))
    assert not outbox.begin_sending(stored)
    assert _only(chats).status is status


def test_c14_a_part_is_sent_only_by_the_worker_that_holds_its_turn(chats, outbox, collection):
    turns = Turns(collection, TENANT)
    zombie, part = _answered(chats, turns, lease=NO_LEASE)
    holder = turns.claim(chats.ongoing(USER), generation=1, lease=LEASE)
    assert not outbox.begin_sending(part, chat=zombie)
    assert outbox.begin_sending(part, chat=holder)
    assert not outbox.begin_sending(part, chat=holder)


def test_another_tenant_sends_and_settles_nothing(chats, outbox, collection, pending):
    for other in (Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")):
        theirs = Outbox(collection, other)
        assert not theirs.begin_sending(pending)
        theirs.record_sent(pending, "m")
        theirs.record_unsent(pending, MessageStatus.FAILED, None)
        assert not theirs.attach_echo(USER, _echo("m", "hello"))
    assert _told(chats) == (None, MessageStatus.PENDING)


def test_e10_what_was_sent_has_its_mid_and_then_is_delivered_by_its_echo(chats, outbox, pending):
    outbox.begin_sending(pending)
    outbox.record_sent(pending, "m")
    assert _told(chats) == ("m", MessageStatus.SENT)
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    assert _told(chats) == ("m", MessageStatus.DELIVERED)


def test_e10_an_echo_that_is_faster_than_the_answer_settles_the_message(chats, outbox, pending):
    outbox.begin_sending(pending)
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    outbox.record_sent(pending, "m")
    assert _told(chats) == ("m", MessageStatus.DELIVERED)


def test_c9_c10_e8_e10_an_echo_settles_what_was_lost_on_the_way(chats, outbox, pending):
    outbox.begin_sending(pending)
    outbox.record_unsent(pending, MessageStatus.UNKNOWN, {"code": "outcome_unknown"})
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    assert _told(chats) == ("m", MessageStatus.DELIVERED)
    assert _only(chats).error is None


def test_e10_an_echo_that_was_faster_is_not_undone_by_a_lost_answer(chats, outbox, pending):
    outbox.begin_sending(pending)
    outbox.attach_echo(USER, _echo("m", "hello"))
    outbox.record_unsent(pending, MessageStatus.UNKNOWN, {"code": "outcome_unknown"})
    assert _told(chats) == ("m", MessageStatus.DELIVERED)


def test_e10_an_echo_that_comes_twice_is_ours_both_times(chats, outbox, pending):
    outbox.begin_sending(pending)
    outbox.record_sent(pending, "m")
    assert [outbox.attach_echo(USER, _echo("m", "hello")) for _ in range(2)] == [True, True]
    assert _told(chats) == ("m", MessageStatus.DELIVERED)


def test_an_echo_does_not_take_back_that_the_customer_has_read_it(chats, outbox, pending, collection):
    outbox.begin_sending(pending)
    outbox.record_sent(pending, "m")
    Changes(collection, TENANT).mark_read(USER, "m", pending.created_at)
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    assert _told(chats) == ("m", MessageStatus.READ)


@pytest.mark.parametrize(
    ("user_id", "text"),
    [(USER, "something else"), (OTHER_USER, "hello"), (USER, None), (USER, "Hello")],
)
def test_e10_an_echo_that_says_something_else_or_to_somebody_else_is_not_ours(chats, outbox, pending, user_id, text):
    outbox.begin_sending(pending)
    assert not outbox.attach_echo(user_id, _echo("m", text))
    assert _told(chats) == (None, MessageStatus.SENDING)


@pytest.mark.parametrize("status", [MessageStatus.PENDING, MessageStatus.FAILED, MessageStatus.SENT])
def test_an_echo_is_not_about_what_is_not_on_its_way(chats, outbox, status):
    chats.add(USER, ACCOUNT, our_message("sent:1", "hello", status=status, mid="x" if status == "sent" else None))
    assert not outbox.attach_echo(USER, _echo("m", "hello"))
    assert _only(chats).status is status


def test_an_echo_never_settles_what_a_customer_wrote(chats, outbox):
    chats.add(USER, ACCOUNT, user_message("mid:a", "hello"))
    assert not outbox.attach_echo(USER, _echo("a", "hello"))
    (message,) = chats.ongoing(USER).messages
    assert message.status is MessageStatus.RECEIVED


def test_e10_two_messages_of_one_text_are_settled_by_two_echoes_one_each(chats, outbox):
    stored = [chats.add(USER, ACCOUNT, our_message(f"sent:{number}", "hello")) for number in range(2)]
    for one in stored:
        outbox.begin_sending(one)
    assert [outbox.attach_echo(USER, _echo(f"m{number}", "hello")) for number in range(3)] == [True, True, False]
    assert {one.mid for one in chats.ongoing(USER).messages} == {"m0", "m1"}


def test_e10_an_echo_and_the_answer_racing_leave_one_mid_and_no_wait(chats, outbox, race):
    for number in range(10):
        stored = chats.add(USER, ACCOUNT, our_message(f"sent:{number}", f"hello {number}"))
        outbox.begin_sending(stored)

        def work(index, stored=stored, number=number):
            if index % 2:
                return outbox.attach_echo(USER, _echo(f"m{number}", stored.text))
            return outbox.record_sent(stored, f"m{number}")

        results = race(4, work)
        assert results[1] is results[3] is True, results
        message = next(one for one in chats.ongoing(USER).messages if one.key == stored.key)
        assert message.mid == f"m{number}"
        assert message.status in (MessageStatus.SENT, MessageStatus.DELIVERED)


def test_what_was_not_sent_says_why_and_what_was_not_tried_waits_again(chats, outbox, pending):
    outbox.begin_sending(pending)
    outbox.record_unsent(pending, MessageStatus.PENDING, None)
    assert outbox.begin_sending(pending)
    outbox.record_unsent(pending, MessageStatus.FAILED, {"code": "window_closed"})
    assert (_only(chats).status, _only(chats).error) == (MessageStatus.FAILED, {"code": "window_closed"})


def test_the_turns_of_a_chat_are_not_changed_by_what_a_person_sends(chats, outbox, collection):
    turns = Turns(collection, TENANT)
    chats.add(USER, ACCOUNT, user_message("mid:a"))
    turn = turns.claim(chats.ongoing(USER), generation=1, lease=LEASE)
    sent = chats.add(USER, ACCOUNT, our_message("sent:1", "a person's words"))
    assert outbox.begin_sending(sent)
    outbox.record_sent(sent, "m")
    turns.finish(turn, TurnState.FAILED, "x")
    assert _told(chats) == ("m", MessageStatus.SENT)


# ── proof


@pytest.mark.parametrize("status", MessageStatus)
def test_c8_only_what_was_lost_sight_of_waits_again_when_it_is_proven_absent(chats, outbox, status):
    stored = chats.add(USER, ACCOUNT, our_message("sent:1", status=status, error={"code": "x"}))
    outbox.record_absent(stored)
    is_lost = status in (MessageStatus.SENDING, MessageStatus.UNKNOWN)
    waits_again = (MessageStatus.PENDING, None)
    assert (_only(chats).status, _only(chats).error) == (waits_again if is_lost else (status, {"code": "x"}))


def test_c8_what_is_proven_absent_is_sent_once_more_and_no_more_than_that(chats, outbox, pending, race):
    outbox.begin_sending(pending)
    outbox.record_absent(pending)
    assert sorted(race(8, lambda _: outbox.begin_sending(pending))) == [False] * 7 + [True]


def test_c9_it_says_when_it_was_last_handed_over_for_whoever_looks_for_it(chats, outbox, pending):
    before = now()
    outbox.begin_sending(pending)
    first = _only(chats).sending_at
    outbox.record_absent(pending)
    outbox.begin_sending(pending)
    assert before <= first <= _only(chats).sending_at <= now()


def test_c9_an_echo_that_comes_after_the_turn_was_given_up_makes_its_question_answered(chats, outbox, collection):
    turns = Turns(collection, TENANT)
    chat, part = _answered(chats, turns)
    outbox.begin_sending(part, chat=chat)
    turns.finish(chat, TurnState.FAILED, SEND_UNKNOWN)
    assert _told(chats) == (None, MessageStatus.UNKNOWN)
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    asked, said = chats.ongoing(USER).messages
    assert (asked.status, asked.error) == (MessageStatus.ANSWERED, None)
    assert (said.mid, said.status, said.error) == ("m", MessageStatus.DELIVERED, None)


def test_an_echo_answers_no_question_whose_turn_ended_for_another_reason(chats, outbox, collection):
    turns = Turns(collection, TENANT)
    chat, part = _answered(chats, turns)
    outbox.begin_sending(part, chat=chat)
    turns.finish(chat, TurnState.SKIPPED, PAUSED)
    assert outbox.attach_echo(USER, _echo("m", "hello"))
    asked, said = chats.ongoing(USER).messages
    assert (asked.status, asked.error) == (MessageStatus.UNANSWERED, {"code": PAUSED})
    assert said.status is MessageStatus.DELIVERED


def test_a_part_is_not_released_while_a_person_has_the_conversation(chats, outbox, collection):
    turns = Turns(collection, TENANT)
    chat, part = _answered(chats, turns)
    chats.pause(USER, now() + LEASE, PAUSED)
    assert not outbox.begin_sending(part, chat=chat)
    chats._collection.update_one({}, {"$set": {"pausedUntil": now()}})
    assert outbox.begin_sending(part, chat=chat), "the pause is over"


def _changed_echo(chats, outbox, mid="m", pauses_until=None, at=START):
    """Have the echo of a text come first that Instagram has changed: it is taken for a person's."""
    assert not outbox.attach_echo(USER, _echo(mid, "hello.", at=at))
    echoed = our_message(f"mid:{mid}", "hello.", mid=mid, status=MessageStatus.DELIVERED, at=at)
    chats.add(USER, ACCOUNT, echoed, paused_until=pauses_until)


def test_e10_the_answer_to_the_send_removes_what_its_changed_echo_was_taken_for(chats, outbox, pending):
    outbox.begin_sending(pending)
    _changed_echo(chats, outbox, pauses_until=now() + LEASE)
    assert chats.ongoing(USER).is_paused(now())
    outbox.record_sent(pending, "m")
    assert [(one.key, one.mid, one.status) for one in chats.ongoing(USER).messages] == [
        ("sent:1", "m", MessageStatus.DELIVERED)
    ]
    assert not chats.ongoing(USER).is_paused(now())


def test_e10_a_changed_echo_stored_just_after_the_answer_is_removed_too(chats, outbox, pending):
    outbox.begin_sending(pending)
    assert not outbox.attach_echo(USER, _echo("m", "hello."))
    outbox.record_sent(pending, "m")
    chats.add(USER, ACCOUNT, our_message("mid:m", "hello.", mid="m", status=MessageStatus.DELIVERED))
    outbox.take_back_echo("m")
    assert _told(chats) == ("m", MessageStatus.DELIVERED)


def test_an_echo_of_another_message_is_never_taken_back(chats, outbox, pending):
    chats.add(USER, ACCOUNT, our_message("mid:m", "hello.", mid="m", status=MessageStatus.DELIVERED))
    outbox.take_back_echo("m")
    outbox.record_sent(pending, "m")  # it was never sent: nothing is recorded of it
    assert [one.key for one in chats.ongoing(USER).messages] == ["sent:1", "mid:m"]


ECHO_PAUSES = timedelta(minutes=60)


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ([], [], None),
        ([("requested", 30)], [], 30),
        ([("requested", 90)], [], 90),
        ([], [("requested", 30)], 30),
        ([], [("requested", 90)], 90),
        ([], [("loop", 40)], 40),
        ([("person", -1)], [], 59),
        ([], [("person", 1)], 61),
        ([], [("person", -1)], 59),
        ([("person", -1), ("resume", 0)], [], None),
        ([("person", -1)], [("resume", 0)], None),
        ([], [("resume", 0), ("requested", 10)], 10),
        ([("requested", 90), ("resume", 0)], [("person", -2)], 58),
    ],
)
def test_only_the_pause_of_the_mistaken_echo_is_lifted(chats, outbox, pending, before, after, left):
    begins = now()

    def happen(what, minutes):
        moment = begins + timedelta(minutes=minutes)
        match what:
            case "resume":
                chats.resume(USER)
            case "person":
                said = our_message(
                    f"mid:p{minutes}", "hi", mid=f"p{minutes}", status=MessageStatus.DELIVERED, at=moment
                )
                chats.add(USER, ACCOUNT, said, paused_until=moment + ECHO_PAUSES)
            case because:
                chats.pause(USER, moment, PAUSED if because == "requested" else LOOPING)

    outbox.begin_sending(pending)
    for one in before:
        happen(*one)
    _changed_echo(chats, outbox, pauses_until=begins + ECHO_PAUSES, at=begins)
    for one in after:
        happen(*one)
    outbox.record_sent(pending, "m")
    assert chats.ongoing(USER).paused_until == (None if left is None else begins + timedelta(minutes=left))


# ── what is no text


def _sending(chats, outbox, name, content, *attachments):
    message = our_message(name, None, content=content, attachments=attachments)
    stored = chats.add(USER, ACCOUNT, message)
    assert outbox.begin_sending(stored)
    return stored


def _picture(chats, outbox, name="sent:1"):
    return _sending(chats, outbox, name, {"type": "image"}, PICTURE)


def _mids(chats):
    return {one.key: (one.mid, one.status.value) for one in chats.ongoing(USER).messages}


PICTURE = Attachment("image", "https://a.example/b.png")
OF_META = Attachment("image", "https://lookaside.fbsbx.com/1")


def test_e10_pictures_that_look_alike_are_settled_in_the_order_in_which_they_were_sent(chats, outbox):
    for number in range(3):
        _picture(chats, outbox, f"sent:{number}")
    heard = [outbox.attach_echo(USER, _echo(f"m{number}", None, OF_META, at=now())) for number in range(4)]
    assert heard == [True, True, True, False]
    assert [mid for mid, _ in _mids(chats).values()] == ["m0", "m1", "m2"]


def test_e10_the_answers_put_right_what_echoes_in_another_order_have_settled(chats, outbox):
    first, second = _picture(chats, outbox, "sent:1"), _picture(chats, outbox, "sent:2")
    assert outbox.attach_echo(USER, _echo("m2", None, OF_META, at=now()))
    outbox.record_sent(first, "m1")
    assert _mids(chats) == {"sent:1": ("m1", "delivered"), "sent:2": ("m2", "delivered")}
    outbox.record_sent(second, "m2")
    assert outbox.attach_echo(USER, _echo("m1", None, OF_META, at=now()))
    assert _mids(chats) == {"sent:1": ("m1", "delivered"), "sent:2": ("m2", "delivered")}


def test_e10_the_answer_takes_its_mid_from_another_message_that_an_echo_has_settled(chats, outbox):
    first, second = _picture(chats, outbox, "sent:1"), _picture(chats, outbox, "sent:2")
    outbox.attach_echo(USER, _echo("m2", None, OF_META, at=now()))
    outbox.record_sent(second, "m2")
    assert _mids(chats) == {"sent:1": (None, "unknown"), "sent:2": ("m2", "delivered")}
    outbox.record_sent(first, "m1")
    assert _mids(chats)["sent:1"] == ("m1", "sent")


def test_a_picture_of_a_person_in_the_app_is_told_apart_by_the_answer(chats, outbox):
    ours = _picture(chats, outbox)
    assert outbox.attach_echo(USER, _echo("theirs", None, OF_META, at=now()))
    outbox.record_sent(ours, "ours")
    assert _mids(chats) == {"sent:1": ("ours", "delivered")}
    assert outbox.known(["theirs"]) == set(), "comparing with what Meta keeps will find it"


def test_an_echo_with_a_customers_mid_settles_nothing_and_comes_to_an_end(chats, outbox):
    _picture(chats, outbox)
    chats.add(USER, ACCOUNT, user_message("mid:m"))
    assert not outbox.attach_echo(USER, _echo("m", None, OF_META, at=now()))
