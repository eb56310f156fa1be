"""One turn, from what the customer wrote to what Meta has: `conversation.turn` with real stores."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role, TurnState
from connector.errors import OutcomeUnknown, ReconnectNeeded, Refused, SessionEnded, TryLater
from connector.storage.documents import now
from tests.integration.world import NO_LEASE, Died
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, PAGE, USER

DONE, SKIPPED, FAILED = TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED
ANSWERED, UNANSWERED = MessageStatus.ANSWERED, MessageStatus.UNANSWERED


def _die():
    raise Died


# ── the answer


def test_what_the_customer_wrote_is_asked_once_and_the_answer_sent_once(world):
    world.say("When do you open?")
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "When do you open?")]
    assert world.messenger.tries == [(PAGE, USER, "We open at nine.")]
    assert world.said(Role.USER) == [("When do you open?", ANSWERED)]
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.SENT)]
    assert world.chat.chat_id == "chat_1"


def test_a_conversation_goes_on_in_one_session(world):
    for text in ("one", "two"):
        world.say(text)
        world.answer_all()
    assert world.agent.asked == [("chat_1", "one"), ("chat_1", "two")]
    assert world.agent.opened == ["chat_1"]


def test_four_quick_messages_are_one_question_and_one_answer(world):
    """§2.4."""
    for text in ("hi", "I have", "a question", "about shoes"):
        world.say(text)
    states = world.answer_all()
    assert sorted(states, key=str) == [None, None, None, DONE]
    assert world.agent.questions == ["hi\nI have\na question\nabout shoes"]
    assert len(world.messenger.sent) == 1
    assert [status for _, status in world.said(Role.USER)] == [ANSWERED] * 4


def test_while_the_customer_goes_on_writing_the_agent_is_not_asked(world):
    """§2.4: the turn message of the first finds that a second has come."""
    first = world.say("I have")
    world.say("a question")
    assert world.worker().answer(USER, f"mid:{first}") is None
    assert world.agent.asked == []


def test_messages_that_arrive_out_of_order_are_asked_in_the_order_of_their_times(world):
    """B3."""
    start = now() - timedelta(seconds=10)
    for text, seconds in (("three", 3), ("one", 1), ("two", 2)):
        world.say(text, at=start + timedelta(seconds=seconds))
    world.answer_all()
    assert world.agent.questions == ["one\ntwo\nthree"]


def test_several_messages_of_the_agents_are_sent_in_their_order(world):
    world.agent.script = [["One moment, please.", "We open at nine."]]
    world.say("hi")
    world.answer_all()
    assert world.messenger.sent == ["One moment, please.", "We open at nine."]
    assert [text for text, _ in world.said(Role.AGENT)] == ["One moment, please.", "We open at nine."]


def test_a_long_answer_is_sent_in_parts_that_instagram_takes(world):
    """D9."""
    answer = "Мы открыты с девяти. 👩‍👩‍👧‍👦 " * 60
    world.agent.script = [[answer]]
    world.say("hi")
    assert world.answer_all() == [DONE]
    assert " ".join(world.messenger.sent) == answer.strip()
    assert all(len(part.encode()) <= 1000 for part in world.messenger.sent)
    assert len(world.messenger.sent) > 1


@pytest.mark.parametrize("said", [[], ["", "  "]], ids=["nothing", "blanks"])
def test_an_agent_that_says_nothing_ends_the_turn_and_nothing_is_sent(world, said):
    """D8."""
    world.agent.script = [said]
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "empty_answer"
    assert world.messenger.tries == []
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_what_the_customer_took_back_in_the_quiet_time_is_not_asked(world):
    world.take(world.about(world.say("a secret"), is_deleted=True))
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "taken_back"
    assert world.agent.asked == []


def test_what_the_customer_edited_in_the_quiet_time_is_asked_as_edited(world):
    mid = world.say("old")
    parties = {name: value for name, value in world.about(mid).items() if name != "message"}
    world.take(parties | {"message_edit": {"mid": mid, "text": "new", "num_edit": 1}})
    world.answer_all()
    assert world.agent.questions == ["new"]


def test_a_message_during_a_turn_gets_its_own_turn(world):
    world.agent.before = lambda: world.say("and on Sundays?") if len(world.agent.asked) == 1 else None
    world.say("When do you open?")
    world.answer_all()
    assert world.agent.questions == ["When do you open?", "and on Sundays?"]
    assert [status for _, status in world.said(Role.USER)] == [ANSWERED] * 2


def test_a_message_whose_turn_message_came_during_a_turn_is_scheduled_when_that_ends(world):
    """Its own turn message met the running turn, and was put off or used up."""

    def write_and_lose_the_turn_message():
        if len(world.agent.asked) == 1:
            world.say("and on Sundays?")
            world.queue.messages.clear()

    world.agent.before = write_and_lose_the_turn_message
    world.say("When do you open?")
    world.answer_all()
    assert world.agent.questions == ["When do you open?", "and on Sundays?"]


def test_a_turn_message_that_comes_twice_answers_once(world):
    """C12."""
    world.say("hi")
    message = world.queue.messages[0]
    world.queue.messages.append(message)
    assert world.answer_all() == [DONE, None]
    assert len(world.agent.asked) == len(world.messenger.sent) == 1


def test_sixteen_workers_of_one_turn_message_ask_and_send_once(world, race):
    """B5."""
    world.say("hi")
    message, _ = world.queue.messages.pop()
    results = race(16, lambda _: world.worker().answer(message.user_id, message.message_key))
    assert results.count(DONE) == 1, results
    assert all(one is None or one is DONE or isinstance(one, TryLater) for one in results), results
    assert len(world.agent.asked) == len(world.messenger.sent) == 1
    assert world.said(Role.USER) == [("hi", ANSWERED)]


def test_a_worker_that_meets_a_running_turn_comes_again_later(world):
    def meet():
        message, _ = waiting
        with pytest.raises(TryLater) as later:
            world.worker().answer(message.user_id, message.message_key)
        assert 1 <= later.value.after_seconds <= 30

    world.say("hi")
    waiting = world.queue.messages[0]
    world.agent.before = meet
    assert world.answer_all() == [DONE]


# ── the agent fails


def test_an_agent_that_refuses_ends_the_turn_and_the_connection_says_why(world):
    """D5."""
    world.agent.script = [Refused("agent_key_refused", "no")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "agent_key_refused"
    assert world.said(Role.USER) == [("hi", UNANSWERED)]
    assert world.connections.get(world.tenant).last_error["code"] == "agent_key_refused"
    assert world.connections.get(world.tenant).is_connected


def test_an_agent_that_cannot_be_opened_for_good_ends_the_turn(world):
    world.agent.open_errors = [Refused("agent_not_found", "no")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "agent_not_found"
    assert world.agent.asked == []


def test_a_session_that_has_ended_is_followed_by_a_new_one_in_which_the_same_is_asked(world):
    """D6."""
    world.say("one")
    world.answer_all()
    world.agent.script = [SessionEnded("over"), ["In the new one."]]
    world.say("two")
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "one"), ("chat_1", "two"), ("chat_2", "two")]
    assert world.chat.chat_id == "chat_2"
    assert world.messenger.sent[-1] == "In the new one."


def test_a_session_that_ends_twice_ends_the_turn(world):
    """D6: once, not for ever."""
    world.agent.script = [SessionEnded("over"), SessionEnded("over")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "session_ended"
    assert len(world.agent.asked) == 2
    world.say("again")
    assert world.answer_all() == [DONE]


def test_a_lost_answer_is_not_asked_for_again(world):
    """D2."""
    world.agent.script = [OutcomeUnknown("lost")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "answer_lost"
    assert world.agent.questions == ["hi"]
    assert world.messenger.tries == []


def test_an_agent_that_is_not_to_be_reached_is_asked_later(world):
    """D1, D3."""
    world.agent.script = [TryLater("busy", after_seconds=7), ["We open at nine."]]
    world.say("hi")
    with pytest.raises(TryLater) as later:
        world.answer_next()
    assert later.value.after_seconds == 7
    assert world.said(Role.USER) == [("hi", MessageStatus.RECEIVED)]
    assert world.answer_all() == [DONE]
    assert world.messenger.sent == ["We open at nine."]


def test_a_session_that_cannot_be_opened_now_is_opened_later(world):
    world.agent.open_errors = [TryLater("busy")]
    world.say("hi")
    with pytest.raises(TryLater):
        world.answer_next()
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "hi")]


def test_a_new_session_that_cannot_be_opened_now_is_opened_later_and_nothing_is_said_twice(world):
    world.say("one")
    world.answer_all()
    world.agent.script = [SessionEnded("over")]
    world.agent.open_errors = [TryLater("busy")]
    world.say("two")
    with pytest.raises(TryLater):
        world.answer_next()
    assert world.answer_all() == [DONE]
    assert world.agent.heard == [("chat_1", "one"), ("chat_2", "two")]


# ── Instagram fails


def test_a_refused_part_ends_the_turn_and_what_was_sent_stays_sent(world):
    """E2, E4, C11."""
    world.agent.script = [["one", "two", "three"]]
    world.messenger.script = [None, Refused("window_closed", "no")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.said(Role.AGENT) == [
        ("one", MessageStatus.SENT),
        ("two", MessageStatus.FAILED),
        ("three", MessageStatus.FAILED),
    ]
    assert world.reason() == "window_closed"
    assert world.messenger.sent == ["one"]


def test_a_token_that_has_died_ends_the_turn_and_asks_for_a_reconnect(world):
    """E1."""
    world.messenger.script = [ReconnectNeeded("dead")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.connections.get(world.tenant).status == "needs_reconnection"
    world.say("again")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "needs_reconnection"
    assert len(world.messenger.tries) == len(world.agent.asked) == 1, "no loop"


def test_a_send_that_was_limited_is_made_later_and_what_was_sent_is_not_sent_again(world):
    """E3, C11."""
    world.agent.script = [["one", "two", "three"]]
    world.messenger.script = [None, TryLater("slow", after_seconds=60)]
    world.say("hi")
    with pytest.raises(TryLater) as later:
        world.answer_next()
    assert later.value.after_seconds == 60
    assert world.answer_all() == [DONE]
    assert world.messenger.sent == ["one", "two", "three"]
    assert len(world.agent.asked) == 1
    assert {status for _, status in world.said(Role.AGENT)} == {MessageStatus.SENT}


def test_a_send_whose_answer_was_lost_is_not_made_again(world):
    """E7, E8."""
    world.agent.script = [["one", "two"]]
    world.messenger.script = [OutcomeUnknown("lost")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "send_unknown"
    assert world.said(Role.AGENT) == [("one", MessageStatus.UNKNOWN), ("two", MessageStatus.FAILED)]
    world.echo("m", "one")
    assert world.said(Role.AGENT)[0] == ("one", MessageStatus.DELIVERED)
    assert len(world.messenger.tries) == 1


def test_the_echo_of_an_answer_is_ours_however_fast_it_is(world):
    """E10, E11: else the agent would be answered by its own words, or a person seen where there is none."""
    world.messenger.after = world.echo
    world.say("hi")
    assert world.answer_all() == [DONE]
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.DELIVERED)]
    assert world.said(Role.HUMAN) == []
    assert len(world.agent.asked) == 1


# ── a worker dies


def _die_and_resume(world):
    with pytest.raises(Died):
        world.answer_next(lease=NO_LEASE)
    world.agent.before = world.messenger.before = lambda: None
    return world.answer_all()


def test_a_worker_that_dies_while_it_asks_leaves_a_turn_that_is_not_asked_again(world):
    """C5, C6: without proof that nothing was asked."""
    world.agent.before = _die
    world.say("hi")
    assert _die_and_resume(world) == [FAILED]
    assert world.reason() == "answer_lost"
    assert world.agent.questions == ["hi"]
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_a_worker_that_dies_while_it_sends_leaves_a_message_that_is_not_sent_again(world):
    """C9."""
    world.messenger.before = _die
    world.say("hi")
    assert _die_and_resume(world) == [FAILED]
    assert world.reason() == "send_unknown"
    assert len(world.messenger.tries) == len(world.agent.asked) == 1


def test_a_message_that_was_being_sent_when_its_worker_died_ends_as_unknown(world):
    """A turn that is over leaves nothing that seems to be on its way."""
    world.messenger.before = _die
    world.say("hi")
    _die_and_resume(world)
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.UNKNOWN)]


def test_an_echo_that_proves_the_send_lets_the_next_worker_go_on(world):
    """C9, C10."""

    def send_and_die(mid, text):
        world.echo(mid, text)
        world.messenger.after = lambda *_: None
        raise Died

    world.agent.script = [["one", "two"]]
    world.messenger.after = send_and_die
    world.say("hi")
    assert _die_and_resume(world) == [DONE]
    assert world.messenger.sent == ["one", "two"]
    assert [status for _, status in world.said(Role.AGENT)] == [MessageStatus.DELIVERED, MessageStatus.SENT]


def test_a_worker_that_was_taken_over_while_it_asked_says_nothing(world):
    """C14: it was frozen, its lease ran out, and now it wakes up."""

    def be_taken_over():
        if len(world.agent.asked) == 1:
            assert world.worker().answer(USER, world.chat.turn_due_for) is FAILED

    world.agent.before = be_taken_over
    world.say("hi")
    assert world.answer_next(lease=NO_LEASE) is None
    assert world.messenger.tries == []
    assert world.reason() == "answer_lost"


# ── the connection changes


def test_a_disconnect_between_asking_and_sending_ends_the_turn_and_nothing_is_sent(world):
    """I3."""
    world.agent.before = lambda: world.connections.disconnect(world.tenant)
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "disconnected"
    assert world.messenger.tries == []
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.FAILED)]


def test_a_disconnect_between_two_parts_keeps_the_second_from_being_sent(world):
    """I3."""
    world.agent.script = [["one", "two"]]
    world.messenger.after = lambda *_: world.connections.disconnect(world.tenant)
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.said(Role.AGENT) == [("one", MessageStatus.SENT), ("two", MessageStatus.FAILED)]


def test_a_reconnect_between_asking_and_sending_ends_the_turn_too(world):
    """I5: the agent, or the account, may be another now."""
    world.agent.before = world.connect
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.messenger.tries == []
    world.agent.before = lambda: None
    world.say("again")
    assert world.answer_all() == [DONE]


def test_a_disconnect_before_the_turn_ends_it_without_asking(world):
    world.say("hi")
    world.connections.disconnect(world.tenant)
    assert world.answer_all() == [SKIPPED]
    assert world.agent.asked == []
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_a_message_of_an_account_that_the_agent_no_longer_has_is_not_answered_through_another(world):
    """I5: another account's Page must not write to this account's customers."""
    world.say("hi")
    world.connections.disconnect(world.tenant)
    world.connect(OTHER_ACCOUNT, "other-page")
    world.answer_all()
    assert world.agent.asked == []
    assert world.messenger.tries == []


def test_a_turn_of_a_chat_that_is_not_there_is_none(world):
    assert world.worker().answer("999", "mid:x") is None


def test_a_turn_of_a_tenant_that_never_connected_is_none(world, database):
    world.say("hi")
    database["instagram_connections"].delete_many({})
    assert world.answer_all() == [None]
    assert world.chat.account_id == ACCOUNT
