"""One turn, from what the customer wrote to what Meta has: `conversation.turn` with real stores."""

import threading
import time
from datetime import timedelta
from threading import Event

import pytest

from connector.agents.answers import Answer
from connector.chat import MessageStatus, Role, TurnState
from connector.envelopes import InboxMessage, Route
from connector.errors import OutcomeUnknown, RateLimited, ReconnectNeeded, Refused, SessionEnded, TryLater
from connector.instagram.notifications import Notification
from connector.storage.documents import now
from tests.integration.world import LEASE, NO_LEASE, Died
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, USER

DONE, SKIPPED, FAILED = TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED
ANSWERED, UNANSWERED = MessageStatus.ANSWERED, MessageStatus.UNANSWERED


def _die():
    raise Died


# ── the answer


def test_what_the_customer_wrote_is_asked_once_and_the_answer_sent_once(world):
    world.say("When do you open?")
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "When do you open?")]
    assert world.messenger.tries == [(USER, "We open at nine.")]
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


def test_b3_messages_that_arrive_out_of_order_are_asked_in_the_order_of_their_times(world):
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


def test_d9_a_long_answer_is_sent_in_parts_that_instagram_takes(world):
    answer = "Мы открыты с девяти. 👩‍👩‍👧‍👦 " * 60
    world.agent.script = [[answer]]
    world.say("hi")
    assert world.answer_all() == [DONE]
    assert " ".join(world.messenger.sent) == answer.strip()
    assert all(len(part.encode()) <= 1000 for part in world.messenger.sent)
    assert len(world.messenger.sent) > 1


@pytest.mark.parametrize("said", [[], ["", "  "]], ids=["nothing", "blanks"])
def test_d8_an_agent_that_says_nothing_ends_the_turn_and_nothing_is_sent(world, said):
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


def test_c12_a_turn_message_that_comes_twice_answers_once(world):
    world.say("hi")
    message = world.queue.messages[0]
    world.queue.messages.append(message)
    assert world.answer_all() == [DONE, None]
    assert len(world.agent.asked) == len(world.messenger.sent) == 1


def test_b5_sixteen_workers_of_one_turn_message_ask_and_send_once(world, race):
    world.say("hi")
    message, _ = world.queue.messages.pop()
    results = race(16, lambda _: world.worker().answer(message.user_id, message.message_key))
    assert sorted(str(one and one.state) for one in results) == ["None"] * 15 + ["done"]
    assert len(world.agent.asked) == len(world.messenger.sent) == 1
    assert world.said(Role.USER) == [("hi", ANSWERED)]


def test_a_worker_that_meets_a_running_turn_leaves_it_alone(world):
    def meet():
        message, _ = waiting
        assert world.worker().answer(message.user_id, message.message_key) is None

    world.say("hi")
    waiting = world.queue.messages[0]
    world.agent.before = meet
    assert world.answer_all() == [DONE, None]
    assert world.agent.questions == ["hi"]


# ── the agent fails


def test_d5_an_agent_that_refuses_ends_the_turn_and_the_connection_says_why(world):
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


def test_d6_a_session_that_has_ended_is_followed_by_a_new_one_in_which_the_same_is_asked(world):
    world.say("one")
    world.answer_all()
    world.agent.script = [SessionEnded("over"), ["In the new one."]]
    world.say("two")
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "one"), ("chat_1", "two"), ("chat_2", "two")]
    assert world.chat.chat_id == "chat_2"
    assert world.messenger.sent[-1] == "In the new one."


def test_d6_a_session_that_ends_twice_ends_the_turn(world):
    """Once, not for ever."""
    world.agent.script = [SessionEnded("over"), SessionEnded("over")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "session_ended"
    assert len(world.agent.asked) == 2
    world.say("again")
    assert world.answer_all() == [DONE]


def test_c6_d2_d4_an_answer_that_was_lost_on_the_way_is_read_back_and_not_asked_for_again(world):
    world.agent.script = [OutcomeUnknown("lost")]
    world.say("hi")
    assert world.answer_all() == [None, DONE]
    assert world.agent.questions == ["hi"]
    assert world.messenger.sent == ["We open at nine."]


def test_c4_a_question_that_never_arrived_is_asked_again_once_that_is_certain(world):
    """The transcript holds as many questions as before, and there was time to write it."""
    world.say("hi")
    world.answer_all()
    world.agent.before = _die
    world.say("and on Sundays?")
    with pytest.raises(Died):
        world.answer_next()
    world.agent.before = lambda: None
    assert world.settle() == [DONE]
    assert world.agent.heard == [("chat_1", "hi"), ("chat_1", "and on Sundays?")]


def test_c4_the_absence_of_a_question_proves_nothing_before_the_agents_side_had_time_to_write_it(world):
    world.agent.script = [OutcomeUnknown("lost")]
    world.say("hi")
    world.answer_next()
    world.agent.heard.clear()
    message, _ = world.queue.messages[0]
    world.chats._collection.update_one({}, {"$set": {"turn.leaseUntil": now(), "turn.askedAt": world.clock()}})
    outcome = world.worker().answer(message.user_id, message.message_key)
    assert (outcome.state, outcome.again_in_seconds) == (TurnState.ASKING, 15)
    assert world.agent.questions == ["hi"]


def test_c5_d2_an_agent_that_is_still_thinking_is_waited_for(world):
    """One question more and no answer yet."""
    world.agent.script = [OutcomeUnknown("lost")]
    world.agent.lost = None
    world.say("hi")
    world.answer_next()
    world.answer_next()
    world.agent.answers["chat_1"] = Answer(("At nine.",))
    assert world.settle() == [DONE]
    assert world.agent.questions == ["hi"]
    assert world.messenger.sent == ["At nine."]


def test_d2_an_answer_that_never_comes_ends_the_turn_after_a_quarter_of_an_hour(world):
    world.agent.script = [OutcomeUnknown("lost")]
    world.agent.lost = None
    world.say("hi")
    before = world.clock()
    assert world.settle() == [FAILED]
    assert world.reason() == "answer_lost"
    assert world.clock() - before <= timedelta(minutes=15, seconds=10)
    assert world.agent.questions == ["hi"]


def test_d2_without_transcripts_a_lost_question_is_never_asked_again(world):
    world.agent.script = [OutcomeUnknown("lost")]
    world.agent.tells = False
    world.say("hi")
    assert world.settle() == [FAILED]
    assert world.reason() == "answer_lost"
    assert world.agent.questions == ["hi"]
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_a_lost_question_whose_session_vanished_is_asked_once_in_a_new_one(world):
    world.agent.script = [OutcomeUnknown("lost")]
    world.agent.read_errors = [SessionEnded("gone")] * 2
    world.say("hi")
    assert world.settle() == [DONE]
    assert world.agent.asked == [("chat_1", "hi"), ("chat_2", "hi")]
    assert world.messenger.sent == ["We open at nine."]


def test_a_lost_question_whose_second_session_vanished_ends_the_turn(world):
    world.fallback = "Please wait for a colleague."
    world.agent.script = [OutcomeUnknown("lost")] * 2
    world.agent.read_errors = [SessionEnded("gone")] * 9
    world.say("hi")
    assert world.settle() == [FAILED]
    assert world.reason() == "answer_lost"
    assert len(world.agent.asked) == 2
    assert world.messenger.sent == ["Please wait for a colleague."]


def test_after_a_lost_answer_the_session_goes_on_with_what_it_holds(world):
    """What was lost for good is counted before the next question, so that its own loss can be proven too."""
    world.agent.script = [OutcomeUnknown("lost")]
    world.agent.lost = None
    world.say("hi")
    world.settle()
    world.agent.lost = Answer(("At nine.",))
    world.agent.script = [OutcomeUnknown("lost")]
    world.say("hello?")
    assert world.settle() == [DONE]
    assert world.agent.heard == [("chat_1", "hi"), ("chat_1", "hello?")]
    assert world.messenger.sent == ["At nine."]


def test_d1_d3_an_agent_that_is_not_to_be_reached_is_asked_later(world):
    """After what it asks for, which is more than the first back-off."""
    world.agent.script = [TryLater("busy", after_seconds=7), ["We open at nine."]]
    world.say("hi")
    outcome = world.work_next()
    assert (outcome.state, outcome.again_in_seconds) == (TurnState.OPEN, 7)
    assert world.queue.messages[0][1] == 7
    assert world.said(Role.USER) == [("hi", MessageStatus.RECEIVED)]
    assert world.answer_all() == [DONE]
    assert world.messenger.sent == ["We open at nine."]


def test_d1_an_agent_that_stays_away_is_given_up_after_a_quarter_of_an_hour(world):
    world.agent.script = [TryLater("busy")] * 20
    world.say("hi")
    before = world.clock()
    assert world.settle() == [FAILED]
    assert world.reason() == "agent_unavailable"
    assert world.clock() - before <= timedelta(minutes=15, seconds=10)
    assert len(world.agent.script) > 10, "and not asked all the time"
    assert world.connections.get(world.tenant).last_error["code"] == "agent_unavailable"


def test_when_the_agent_is_given_up_the_customer_is_told_once(world):
    world.fallback = "We will write to you soon."
    for text in ("hi", "hello?"):
        world.agent.script = [Refused("agent_unpaid", "no")]
        world.say(text)
        assert world.settle() == [FAILED]
        assert world.reason() == "agent_unpaid"
    assert world.messenger.sent == ["We will write to you soon."]
    assert world.said(Role.AGENT) == [("We will write to you soon.", MessageStatus.SENT)]
    assert world.said(Role.USER) == [("hi", UNANSWERED), ("hello?", UNANSWERED)]
    world.agent.script = []
    world.say("still there?")
    assert world.settle() == [DONE]


def test_a_worker_that_dies_while_it_sends_the_fallback_leaves_a_turn_that_has_failed(world):
    world.fallback = "We will write to you soon."
    world.agent.script = [Refused("agent_unpaid", "no")]
    world.messenger.before = _die
    world.say("hi")
    assert _die_and_resume(world) == [FAILED]
    assert world.reason() == "agent_unpaid"
    assert world.messenger.sent == ["We will write to you soon."]


def test_a_session_that_cannot_be_opened_now_is_opened_later(world):
    world.agent.open_errors = [TryLater("busy")]
    world.say("hi")
    assert world.answer_all() == [None, DONE]
    assert world.agent.asked == [("chat_1", "hi")]


def test_a_new_session_that_cannot_be_opened_now_is_opened_later_and_nothing_is_said_twice(world):
    world.say("one")
    world.answer_all()
    world.agent.script = [SessionEnded("over")]
    world.agent.open_errors = [TryLater("busy")]
    world.say("two")
    assert world.answer_all() == [None, DONE]
    assert world.agent.heard == [("chat_1", "one"), ("chat_2", "two")]


def test_c13_a_worker_killed_again_and_again_by_one_turn_gives_it_up(world):
    """What kills a worker must not kill all of them for ever."""
    world.say("hi")
    for _ in range(5):
        world.agent.before = _die
        with pytest.raises(Died):
            world.answer_next(lease=NO_LEASE)
        world.clock.ahead += timedelta(seconds=25)
    assert world.settle() == [FAILED]
    assert world.reason() == "given_up"


# ── the session


def test_the_agent_is_told_who_writes_and_what_brought_them(world):
    item = world.about("in-1", text="hi", referral={"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"})
    world.take(item)
    world.answer_all()
    assert world.agent.variables == [
        {
            "channel": "instagram",
            "instagram_username": "ada",
            "instagram_name": "Ada",
            "referral_ref": "spring",
            "referral_source": "SHORTLINKS",
        }
    ]
    assert world.agent.metadata[0].items() >= {"userId": USER, "accountId": ACCOUNT}.items()
    assert (world.chat.person.username, world.chat.person.name) == ("ada", "Ada")


@pytest.mark.parametrize("error", [TryLater("slow"), Refused("graph_refused", "no consent"), ReconnectNeeded("dead")])
def test_a_profile_that_cannot_be_had_costs_nobody_an_answer(world, error):
    world.messenger.who = error
    world.say("hi")
    assert world.answer_all() == [DONE]
    assert world.agent.variables == [{"channel": "instagram"}]


def test_a_session_that_ends_takes_its_document_with_it_and_the_question_goes_on_in_the_next(world, collection):
    world.say("one")
    world.answer_all()
    world.agent.script = [SessionEnded("over")]
    world.say("two")
    world.answer_all()
    documents = collection.find().sort("createdAt", 1).to_list()
    assert [(one["chatId"], one["status"]) for one in documents] == [("chat_1", "ended"), ("chat_2", "ongoing")]
    assert [[message["text"] for message in one["messages"]] for one in documents] == [
        ["one", "We open at nine."],
        ["two", "We open at nine."],
    ]
    assert world.agent.metadata[1]["previousChatId"] == "chat_1"


def test_when_the_agent_ends_the_chat_the_document_ends_with_it(world, collection):
    world.agent.script = [Answer(("Good-bye.",), ends_session=True)]
    world.say("bye")
    assert world.answer_all() == [DONE]
    assert world.chats.ongoing(USER) is None
    assert collection.find_one()["endedBecause"] == "agent_ended"
    world.say("wait")
    assert world.answer_all() == [DONE]
    assert world.agent.asked == [("chat_1", "bye"), ("chat_2", "wait")]


def test_a_message_that_came_while_the_agent_ended_the_chat_is_answered_in_the_next(world):
    world.agent.script = [Answer(("Good-bye.",), ends_session=True)]
    world.agent.before = lambda: world.say("wait") if len(world.agent.asked) == 1 else None
    world.say("bye")
    assert world.settle() == [DONE, DONE]
    assert world.agent.asked == [("chat_1", "bye"), ("chat_2", "wait")]


@pytest.mark.races
def test_the_typing_indicator_is_shown_while_the_agent_thinks(world):
    shown = Event()
    act = world.background.act

    def note(user_id, action):
        act(user_id, action)
        if action == "typing_on":
            shown.set()

    world.background.act = note
    world.agent.before = lambda: shown.wait(10)
    world.say("hi")
    world.answer_all()
    assert world.background.acts == ["mark_seen", "typing_on"]


@pytest.mark.races
def test_a_worker_renews_its_lease_while_the_agent_thinks(world):
    def thinks():
        claimed_until = world.chat.turn.lease_until
        deadline = time.monotonic() + 20
        while world.chat.turn.lease_until <= claimed_until and time.monotonic() < deadline:
            time.sleep(0.01)
        renewed.append(world.chat.turn.lease_until > claimed_until)

    renewed = []
    world.agent.before = thinks
    world.say("hi")
    assert world.answer_next(lease=timedelta(seconds=0.3)) is DONE
    assert renewed == [True]
    assert [thread.name for thread in threading.enumerate() if thread.name in ("lease", "typing")] == []


def test_a_turn_that_another_worker_has_is_looked_at_again_when_its_lease_ends(world):
    world.say("hi")
    world.turns.claim(world.chat, generation=1, lease=LEASE)
    assert world.answer_next() is None
    (delay,) = [delay for _, delay in world.queue.messages]
    assert timedelta() < timedelta(seconds=delay) <= LEASE


# ── the policy


def test_e4_when_the_window_has_closed_the_agent_is_not_asked(world):
    """Nothing could be sent, and an answer that nobody gets is paid for."""
    world.say("hi")
    world.clock.ahead += timedelta(hours=25)
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "window_closed"
    assert world.agent.asked == []
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_e11_two_machines_that_talk_to_each_other_are_stopped(world):
    for _ in range(4):
        world.say("Thank you for your message! We will be back soon.")
        states = world.settle()
    assert states == [SKIPPED]
    assert world.reason() == "loop"
    assert len(world.agent.asked) == 2
    assert world.chat.paused_because == "loop"


# ── Instagram fails


def test_e4_a_refused_part_ends_the_turn_and_what_was_sent_stays_sent(world):
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


def test_e2_a_token_that_dies_between_two_parts_leaves_what_was_sent(world):
    world.agent.script = [["one", "two", "three"]]
    world.messenger.script = [None, ReconnectNeeded("dead")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.reason() == "reconnect_needed"
    assert [status for _, status in world.said(Role.AGENT)] == [
        MessageStatus.SENT,
        MessageStatus.FAILED,
        MessageStatus.FAILED,
    ]
    assert world.connections.get(world.tenant).status == "needs_reconnection"


def test_e1_a_token_that_has_died_ends_the_turn_and_asks_for_a_reconnect(world):
    world.messenger.script = [ReconnectNeeded("dead")]
    world.say("hi")
    assert world.answer_all() == [FAILED]
    assert world.connections.get(world.tenant).status == "needs_reconnection"
    world.say("again")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "needs_reconnection"
    assert len(world.messenger.tries) == len(world.agent.asked) == 1, "no loop"


def test_e3_a_send_that_was_limited_is_made_later_and_what_was_sent_is_not_sent_again(world):
    world.agent.script = [["one", "two", "three"]]
    world.messenger.script = [None, RateLimited("slow", after_seconds=60)]
    world.say("hi")
    assert world.work_next().again_in_seconds == 60
    assert world.answer_all() == [DONE]
    assert world.messenger.sent == ["one", "two", "three"]
    assert len(world.agent.asked) == 1
    assert {status for _, status in world.said(Role.AGENT)} == {MessageStatus.SENT}


def test_e3_a_limited_account_sends_nothing_in_any_conversation_for_as_long_as_meta_says(world):
    """The limit is the account's; 40 minutes are more than a queue can wait, so the sweep looks after it."""
    world.messenger.script = [RateLimited("slow", after_seconds=2400)]
    limited_until = world.clock() + timedelta(seconds=2400)
    world.say("hi")
    world.answer_all()
    world.user_id = "5556667778889990"
    world.say("hello")
    world.answer_all()
    assert len(world.messenger.tries) == 1
    world.messenger.before = lambda: times.append(world.clock())
    times = []
    assert world.settle() == [DONE, DONE]
    assert len(times) == 2
    assert min(times) >= limited_until


def test_e7_e8_a_send_whose_answer_was_lost_is_proven_by_the_thread_and_not_made_again(world):
    world.agent.script = [["one", "two"]]
    world.messenger.script = [OutcomeUnknown("lost")]
    world.say("hi")
    assert world.answer_all() == [None, DONE]
    assert world.messenger.sent == ["one", "two"]
    assert world.said(Role.AGENT) == [("one", MessageStatus.SENT), ("two", MessageStatus.SENT)]
    assert world.chat.messages[1].mid == world.messenger.thread[0].mid


def test_e8_e10_a_send_whose_answer_was_lost_is_proven_by_its_echo_without_looking(world):
    world.messenger.script = [OutcomeUnknown("lost")]
    world.say("hi")
    world.answer_next()
    world.echo(world.messenger.thread[0].mid, "We open at nine.")
    assert world.answer_all() == [DONE]
    assert (world.messenger.reads, len(world.messenger.tries)) == (0, 1)


def test_e7_e8_a_send_that_never_arrived_is_made_again_once_that_is_certain(world):
    world.messenger.delivers_lost = False
    world.messenger.script = [OutcomeUnknown("lost")]
    world.say("hi")
    assert world.answer_all() == [None, DONE]
    assert world.messenger.sent == ["We open at nine."]
    assert (world.messenger.reads, len(world.messenger.tries)) == (1, 2)


def test_e8_the_same_words_of_an_earlier_turn_are_no_proof(world):
    world.say("hi")
    world.answer_all()
    world.messenger.delivers_lost = False
    world.messenger.script = [OutcomeUnknown("lost")]
    world.say("hello?")
    assert world.answer_all() == [None, DONE]
    assert world.messenger.sent == ["We open at nine."] * 2


def test_e8_while_the_thread_cannot_be_read_nothing_is_sent_again_and_at_last_it_stays_unknown(world):
    """And an echo may still settle it."""
    world.messenger.script = [OutcomeUnknown("lost")]
    world.messenger.read_errors = [TryLater("down")] * 50
    world.say("hi")
    before = world.clock()
    assert world.settle() == [FAILED]
    assert world.reason() == "send_unknown"
    assert world.clock() - before <= timedelta(minutes=15, seconds=30)
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.UNKNOWN)]
    assert len(world.messenger.tries) == 1
    world.echo(world.messenger.thread[0].mid, "We open at nine.")
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.DELIVERED)]
    assert world.said(Role.USER) == [("hi", ANSWERED)]


def test_e10_e11_the_echo_of_an_answer_is_ours_however_fast_it_is(world):
    """Else the agent would be answered by its own words, or a person seen where there is none."""
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
    world.clock.ahead += timedelta(seconds=10)
    return world.settle()


def test_c8_a_worker_that_dies_while_it_sends_leaves_a_message_that_the_next_one_looks_for(world):
    world.messenger.before = _die
    world.say("hi")
    assert _die_and_resume(world) == [DONE]
    assert world.messenger.reads == 1
    assert len(world.messenger.sent) == len(world.agent.asked) == 1


def test_c9_c10_c11_an_echo_that_proves_the_send_lets_the_next_worker_go_on(world):

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


def test_c14_a_worker_that_was_taken_over_while_it_asked_says_nothing(world):
    """It was frozen, its lease ran out, and now it wakes up."""

    def be_taken_over():
        if len(world.agent.asked) == 1:
            world.agent.heard.append(("chat_1", "hi"))
            world.agent.answers["chat_1"] = Answer(("read back",))
            world.clock.ahead += timedelta(seconds=10)
            assert world.worker().answer(USER, world.chat.turn_due_for).state is DONE

    world.agent.before = be_taken_over
    world.say("hi")
    assert world.answer_next(lease=NO_LEASE) is None
    assert world.messenger.sent == ["read back"]
    assert world.settle() == []


# ── the connection changes


def test_i3_a_disconnect_between_asking_and_sending_ends_the_turn_and_nothing_is_sent(world):
    world.agent.before = lambda: world.connections.disconnect(world.tenant)
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "disconnected"
    assert world.messenger.tries == []
    assert world.said(Role.AGENT) == [("We open at nine.", MessageStatus.FAILED)]


def test_i3_a_disconnect_between_two_parts_keeps_the_second_from_being_sent(world):
    world.agent.script = [["one", "two"]]
    world.messenger.after = lambda *_: world.connections.disconnect(world.tenant)
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.said(Role.AGENT) == [("one", MessageStatus.SENT), ("two", MessageStatus.FAILED)]


def test_i5_a_reconnect_between_asking_and_sending_ends_the_turn_too(world):
    """The agent, or the account, may be another now."""
    world.agent.before = world.connect
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.messenger.tries == []
    world.agent.before = lambda: None
    world.say("again")
    assert world.answer_all() == [DONE]


def test_i3_a_disconnect_before_the_turn_ends_it_without_asking(world):
    world.say("hi")
    world.connections.disconnect(world.tenant)
    assert world.answer_all() == [SKIPPED]
    assert world.agent.asked == []
    assert world.said(Role.USER) == [("hi", UNANSWERED)]


def test_i5_a_message_of_an_account_that_the_agent_no_longer_has_is_not_answered_through_another(world):
    """Another account's Page must not write to this account's customers."""
    world.say("hi")
    world.connections.disconnect(world.tenant)
    world.connect(OTHER_ACCOUNT, "other-page")
    world.answer_all()
    assert world.agent.asked == []
    assert world.messenger.tries == []


def test_a_turn_of_a_chat_that_is_not_there_is_none(world):
    assert world.worker().answer("999", "mid:x") is None


def test_a_turn_of_a_tenant_that_is_no_longer_known_ends(world, database):
    world.say("hi")
    database["instagram_connections"].delete_many({})
    assert world.settle() == [SKIPPED]
    assert world.reason() == "disconnected"


# ── what an older version, or a queue that stood still, has left


def test_b11_a_message_that_waited_two_days_in_a_queue_is_stored_and_no_longer_answered(world):
    two_days_ago = world.clock() - timedelta(days=2)
    received_at = int(two_days_ago.timestamp() * 1000)
    item = world.about("in-1", text="hi") | {"timestamp": received_at - 1000}
    route = Route(world.tenant.subaccount_id, world.tenant.agent_id)
    world.ingest().take(InboxMessage(Notification(ACCOUNT, "messaging", item), route, received_at))
    assert world.settle() == [SKIPPED]
    assert world.reason() == "window_closed"
    assert world.said(Role.USER) == [("hi", UNANSWERED)]
    assert world.messenger.tries == []


def test_a21_a_body_that_is_replayed_after_three_days_is_dropped(world):
    item = world.about("in-1", text="hi")
    world.clock.ahead += timedelta(days=3)
    route = Route(world.tenant.subaccount_id, world.tenant.agent_id)
    replayed = InboxMessage(Notification(ACCOUNT, "messaging", item), route, int(world.clock().timestamp() * 1000))
    assert world.ingest().take(replayed) == "EventTooOld"
    assert world.chats.ongoing(USER) is None


def test_b10_a_turn_message_that_is_lost_costs_minutes_and_no_answer(world):
    world.say("hi")
    world.queue.messages.clear()
    began = world.clock()
    assert world.settle() == [DONE]
    assert world.clock() - began < timedelta(minutes=2)
    assert world.messenger.sent == ["We open at nine."]


def test_e4_what_the_window_has_ended_is_not_taken_up_by_the_sweep(world):
    world.say("hi")
    world.messenger.script = [Refused("window_closed", "no")]
    assert world.settle() == [FAILED]
    assert world.wait_and_sweep() == 0
    assert len(world.messenger.tries) == 1


def test_i10_a_turn_that_an_older_version_has_left_hanging_is_ended(world, collection):
    """Documents of the first version: a turn without its times and counts, a chat that no sweep knows."""
    world.say("one")
    world.answer_all()
    world.say("two")
    world.agent.before = _die
    with pytest.raises(Died):
        world.answer_next(lease=NO_LEASE)
    world.agent.before = lambda: None
    newer = ["questions", "wakeAt", "windowOpenedAt", "pausedBecause"]
    newer += [f"turn.{name}" for name in ("openedAt", "tries", "askedAt", "askedAfter", "endsChat")]
    collection.update_many({}, {"$unset": dict.fromkeys(newer)})
    collection.update_many({}, {"$unset": {f"messages.$[].{name}": "" for name in ("sendingAt", "content")}})
    assert world.answer_all() == [FAILED], "whether it was asked cannot be known"
    assert world.reason() == "answer_lost"
    world.say("three")
    assert world.settle() == [DONE]
