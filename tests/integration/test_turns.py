"""The state of turns: `storage.turns` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import LATE, PAUSED, MessageStatus, Role, TurnState
from connector.ports.stores import Superseded
from connector.storage.documents import now
from connector.storage.turns import Turns
from connector.tenancy import Tenant
from tests.integration.world import LEASE, NO_LEASE, START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, USER


@pytest.fixture
def turns(collection):
    return Turns(collection, TENANT)


def _write(chats, *texts):
    for number, text in enumerate(texts):
        at = START + timedelta(seconds=number)
        chats.add(USER, ACCOUNT, user_message(f"mid:{text}", text, at=at))
    return chats.ongoing(USER)


def _claim(turns, chat, lease=LEASE, generation=1):
    return turns.claim(chat, generation=generation, lease=lease)


def _part(chat, index, text="part"):
    turn_id = chat.turn.id
    return our_message(f"turn:{turn_id}:{index}", text, role=Role.AGENT, turn_id=turn_id)


def test_a_turn_takes_up_every_unanswered_message_and_no_other(chats, turns):
    _write(chats, "a", "b")
    chats.add(USER, ACCOUNT, user_message("mid:s", "standby", status=MessageStatus.UNANSWERED))
    chat = _claim(turns, chats.ongoing(USER))
    assert [message.text for message in chat.of_turn(chat.turn.id, Role.USER)] == ["a", "b"]
    assert (chat.turn.fence, chat.turn.state, chat.turn.generation) == (1, TurnState.OPEN, 1)
    assert not chats.ongoing(USER).has_unanswered


def test_a_chat_with_nothing_unanswered_has_no_turn(chats, turns):
    chats.add(USER, ACCOUNT, our_message("sent:1"))
    assert _claim(turns, chats.ongoing(USER)) is None


def test_b5_d7_of_sixteen_workers_one_opens_the_turn(chats, turns, race):
    chat = _write(chats, "a", "b", "c")
    taken = race(16, lambda _: _claim(turns, chat))
    assert [one for one in taken if isinstance(one, Exception)] == []
    winners = [one for one in taken if one is not None]
    assert len(winners) == 1
    stored = chats.ongoing(USER)
    assert {message.turn_id for message in stored.messages} == {winners[0].turn.id} == {stored.turn.id}


def test_c3_of_sixteen_workers_one_takes_over_a_turn_whose_worker_died(chats, turns, race):
    dead = _claim(turns, _write(chats, "a"), NO_LEASE)
    taken = race(16, lambda _: _claim(turns, chats.ongoing(USER)))
    winners = [one for one in taken if one is not None]
    assert [one.turn.fence for one in winners] == [2], taken
    assert winners[0].turn.id == dead.turn.id


def test_a_turn_is_nobody_elses_while_its_lease_lasts(chats, turns):
    _claim(turns, _write(chats, "a"))
    assert _claim(turns, chats.ongoing(USER)) is None


def test_b3_a_message_that_comes_during_a_turn_waits_for_the_next(chats, turns):
    first = _claim(turns, _write(chats, "a"))
    chats.add(USER, ACCOUNT, user_message("mid:b", "b", at=START + timedelta(seconds=9)))
    assert chats.ongoing(USER).has_unanswered
    turns.finish(first, TurnState.DONE)
    second = _claim(turns, chats.ongoing(USER))
    assert [message.text for message in second.of_turn(second.turn.id, Role.USER)] == ["b"]
    assert second.turn.id != first.turn.id


def test_c7_a_turn_is_resumed_from_the_state_that_stands_with_what_it_has(chats, turns):
    dead = _claim(turns, _write(chats, "a"), NO_LEASE)
    asking = turns.begin_asking(turns.set_session(dead, "chat_1"))
    turns.store_answer(asking, [_part(dead, 0, "one"), _part(dead, 1, "two")])
    resumed = _claim(turns, chats.ongoing(USER), generation=7)
    assert (resumed.turn.state, resumed.turn.fence, resumed.chat_id) == (TurnState.ANSWERED, 2, "chat_1")
    assert resumed.turn.generation == 1, "it is still the turn of the connection it began under"
    assert [message.text for message in resumed.of_turn(resumed.turn.id, Role.AGENT)] == ["one", "two"]


def test_a_renewed_lease_keeps_the_turn_from_others(chats, turns):
    held = _claim(turns, _write(chats, "a"), NO_LEASE)
    turns.renew(held, LEASE)
    assert _claim(turns, chats.ongoing(USER)) is None


def test_a_turn_that_was_put_off_is_not_renewed(chats, turns, collection):
    chat = _claim(turns, _write(chats, "a"))
    turns.put_off(chat, now(), look_after=LATE)
    before = collection.find_one()
    with pytest.raises(Superseded):
        turns.renew(chat, LEASE)
    assert collection.find_one() == before


WRITES = {
    "renew": lambda turns, chat: turns.renew(chat, LEASE),
    "set_session": lambda turns, chat: turns.set_session(chat, "chat_x"),
    "set_questions": lambda turns, chat: turns.set_questions(chat, 7),
    "begin_asking": lambda turns, chat: turns.begin_asking(chat),
    "take_back_asking": lambda turns, chat: turns.take_back_asking(chat),
    "give_up_session": lambda turns, chat: turns.give_up_session(chat),
    "store_answer": lambda turns, chat: turns.store_answer(chat, [_part(chat, 0)]),
    "put_off": lambda turns, chat: turns.put_off(chat, now(), look_after=LATE),
    "roll_over": lambda turns, chat: turns.roll_over(chat, "full", keeps_session=True),
    "finish": lambda turns, chat: turns.finish(chat, TurnState.DONE),
    "finish without an answer": lambda turns, chat: turns.finish(chat, TurnState.FAILED, "x"),
    "finish and end the chat": lambda turns, chat: turns.finish(chat, TurnState.DONE, end_chat_because="x"),
}


@pytest.mark.parametrize("write", WRITES)
def test_c14_a_worker_that_was_superseded_writes_nothing_more(chats, turns, collection, write):
    zombie = _claim(turns, _write(chats, "a"), NO_LEASE)
    assert _claim(turns, chats.ongoing(USER)) is not None
    before = collection.find_one()
    with pytest.raises(Superseded):
        WRITES[write](turns, zombie)
    assert collection.find_one() == before


@pytest.mark.parametrize("write", WRITES)
def test_c14_a_worker_of_an_earlier_turn_writes_nothing_into_a_later_one(chats, turns, collection, write):
    earlier = _claim(turns, _write(chats, "a"))
    turns.finish(earlier, TurnState.DONE)
    chats.add(USER, ACCOUNT, user_message("mid:b"))
    assert _claim(turns, chats.ongoing(USER)) is not None
    before = collection.find_one()
    with pytest.raises(Superseded):
        WRITES[write](turns, earlier)
    assert collection.find_one() == before


@pytest.mark.parametrize("write", WRITES)
def test_another_tenant_writes_nothing_into_a_turn(chats, turns, collection, write):
    chat = _claim(turns, _write(chats, "a"))
    before = collection.find_one()
    for other in (Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")):
        with pytest.raises(Superseded):
            WRITES[write](Turns(collection, other), chat)
        assert _claim(Turns(collection, other), chat, NO_LEASE) is None
    assert collection.find_one() == before


def test_d1_a_turn_that_is_put_off_is_nobodys_until_then_and_has_not_died(chats, turns):
    chat = _claim(turns, _write(chats, "a"))
    turns.put_off(chat, now() + LEASE, look_after=LATE)
    assert _claim(turns, chats.ongoing(USER)) is None
    turns.put_off(chat, now(), look_after=LATE)
    resumed = _claim(turns, chats.ongoing(USER))
    assert (resumed.turn.state, resumed.turn.fence, resumed.turn.tries) == (TurnState.OPEN, 2, 1)


def test_c13_a_turn_counts_the_workers_that_died_at_it(chats, turns):
    _claim(turns, _write(chats, "a"), NO_LEASE)
    tries = [_claim(turns, chats.ongoing(USER), NO_LEASE).turn.tries for _ in range(3)]
    assert tries == [2, 3, 4]


def test_a_turn_keeps_the_time_at_which_it_was_opened(chats, turns):
    opened = _claim(turns, _write(chats, "a"), NO_LEASE)
    resumed = _claim(turns, chats.ongoing(USER))
    assert resumed.turn.opened_at == opened.turn.opened_at <= now()


# ── asking


def test_c4_c5_a_turn_says_that_it_asks_since_when_and_after_how_many_questions(chats, turns):
    chat = turns.set_session(_claim(turns, _write(chats, "a")), "chat_1")
    assert chat.questions == 0
    chat = turns.set_questions(chat, 4)
    before = now()
    asking = turns.begin_asking(chat)
    assert asking == chats.ongoing(USER)
    assert (asking.turn.state, asking.turn.asked_after) == (TurnState.ASKING, 4)
    assert before <= asking.turn.asked_at <= now()
    assert asking.questions is None, "whoever finds it so cannot know whether the question is in the session"


def test_c4_a_question_that_was_certainly_not_asked_is_as_if_nobody_had_tried(chats, turns):
    chat = turns.set_questions(turns.set_session(_claim(turns, _write(chats, "a")), "chat_1"), 4)
    taken_back = turns.take_back_asking(turns.begin_asking(chat))
    assert taken_back == chats.ongoing(USER)
    assert (taken_back.turn.state, taken_back.questions) == (TurnState.OPEN, 4)


@pytest.mark.parametrize(
    ("asked_after", "reason", "questions"),
    [
        pytest.param(4, None, 5, id="answered"),
        pytest.param(None, None, None, id="nobody-knows-how-many-there-were"),
        pytest.param(4, "agent_unavailable", None, id="something-is-said-in-the-agents-place"),
    ],
)
def test_an_answer_tells_how_many_questions_the_session_holds_where_that_can_be_known(
    chats, turns, asked_after, reason, questions
):
    chat = turns.set_questions(turns.set_session(_claim(turns, _write(chats, "a")), "chat_1"), asked_after)
    answered = turns.store_answer(turns.begin_asking(chat), [_part(chat, 0)], reason=reason)
    assert answered == chats.ongoing(USER)
    assert (answered.turn.state, answered.turn.reason) == (TurnState.ANSWERED, reason)
    assert answered.questions == questions


def test_an_answer_that_was_read_back_tells_that_the_agent_has_ended_the_chat(chats, turns):
    answered = turns.store_answer(turns.begin_asking(_claim(turns, _write(chats, "a"))), [], ends_chat=True)
    assert answered.turn.ends_chat
    assert chats.ongoing(USER).turn.ends_chat


# ── the end


def test_a_finished_turn_ends_the_wait_of_its_messages(chats, turns):
    chat = _claim(turns, _write(chats, "a", "b"))
    turns.finish(chat, TurnState.DONE)
    stored = chats.ongoing(USER)
    assert [message.status for message in stored.messages] == [MessageStatus.ANSWERED] * 2
    assert not stored.has_hanging_turn
    assert _claim(turns, stored, NO_LEASE) is None


@pytest.mark.parametrize("state", [TurnState.SKIPPED, TurnState.FAILED])
def test_a_turn_that_ends_without_an_answer_names_its_reason_and_will_not_send_what_waits(chats, turns, state):
    chat = _claim(turns, _write(chats, "a"))
    turns.store_answer(chat, [_part(chat, 0, "sent already"), _part(chat, 1, "waits")])
    turns._collection.update_one({}, {"$set": {"messages.1.status": "sent"}})
    turns.finish(chat, state, "disconnected")
    stored = chats.ongoing(USER)
    assert [(one.text, one.status, one.error) for one in stored.messages] == [
        ("a", MessageStatus.UNANSWERED, {"code": "disconnected"}),
        ("sent already", MessageStatus.SENT, None),
        ("waits", MessageStatus.FAILED, {"code": "disconnected"}),
    ]
    assert (stored.turn.state, stored.turn.reason) == (state, "disconnected")


def test_d8_an_answer_of_no_parts_is_an_answer(chats, turns):
    chat = _claim(turns, _write(chats, "a"))
    answered = turns.store_answer(chat, [])
    assert answered == chats.ongoing(USER)
    assert answered.turn.state is TurnState.ANSWERED
    assert answered.of_turn(chat.turn.id, Role.AGENT) == ()


def test_the_end_of_a_turn_tells_whether_more_waits(chats, turns):
    first = _claim(turns, _write(chats, "a"))
    chats.add(USER, ACCOUNT, user_message("mid:b", "b", at=START + timedelta(seconds=9)))
    assert turns.finish(first, TurnState.DONE) is True
    second = _claim(turns, chats.ongoing(USER))
    assert turns.finish(second, TurnState.DONE) is False


@pytest.mark.parametrize("state", [TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED])
def test_a_chat_of_which_nothing_waits_is_not_looked_after_any_more(chats, turns, collection, state):
    chats.add(USER, ACCOUNT, user_message("mid:a"), turn_due_in=timedelta(seconds=5))
    chat = _claim(turns, chats.ongoing(USER))
    assert collection.find_one()["wakeAt"] == chat.turn.lease_until, "its worker may die"
    turns.put_off(chat, now() + LEASE, look_after=LATE)
    assert collection.find_one()["wakeAt"] >= now() + LEASE
    turns.finish(chat, state, None if state is TurnState.DONE else "x")
    assert collection.find_one()["wakeAt"] is None


def test_a_chat_of_which_something_waits_is_looked_after_when_its_turn_message_is_late(chats, turns, collection):
    first = _claim(turns, _write(chats, "a"))
    chats.add(USER, ACCOUNT, user_message("mid:b", "b", at=START + timedelta(seconds=9)))
    before = now()
    turns.finish(first, TurnState.DONE)
    assert before + LATE <= collection.find_one()["wakeAt"] <= now() + LATE


# ── what the agent has missed


def test_a_turn_takes_up_what_a_person_said_and_what_was_said_to_that_person(chats, turns):
    paused = _claim(turns, _write(chats, "to the person"))
    chats.add(USER, ACCOUNT, our_message("sent:1", "a person", at=START + timedelta(1), status=MessageStatus.SENT))
    turns.finish(paused, TurnState.SKIPPED, PAUSED)
    chats.add(USER, ACCOUNT, our_message("sent:2", "not sent", at=START + timedelta(2), status=MessageStatus.FAILED))
    chats.add(USER, ACCOUNT, user_message("mid:b", "to the agent", at=START + timedelta(3)))
    chat = _claim(turns, chats.ongoing(USER))
    told = [one.text for one in chat.of_turn(chat.turn.id, Role.USER, Role.HUMAN)]
    assert told == ["to the person", "a person", "to the agent"]


def test_what_a_person_said_is_told_in_the_next_turn_where_this_one_fails(chats, turns):
    chats.add(USER, ACCOUNT, our_message("sent:1", "a person", status=MessageStatus.DELIVERED))
    failed = _claim(turns, _write(chats, "a"))
    turns.finish(failed, TurnState.FAILED, "agent_unavailable")
    chats.add(USER, ACCOUNT, user_message("mid:b", "b", at=START + timedelta(seconds=9)))
    chat = _claim(turns, chats.ongoing(USER))
    assert [one.text for one in chat.of_turn(chat.turn.id, Role.USER, Role.HUMAN)] == ["a person", "b"]
    turns.finish(chat, TurnState.DONE)
    chats.add(USER, ACCOUNT, user_message("mid:c", "c", at=START + timedelta(seconds=10)))
    chat = _claim(turns, chats.ongoing(USER))
    assert [one.text for one in chat.of_turn(chat.turn.id, Role.USER, Role.HUMAN)] == ["c"]
