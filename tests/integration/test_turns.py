"""The state of turns: `storage.turns` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role, TurnState
from connector.ports.stores import Superseded
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


def test_of_sixteen_workers_one_opens_the_turn(chats, turns, race):
    """B5."""
    chat = _write(chats, "a", "b", "c")
    taken = race(16, lambda _: _claim(turns, chat))
    assert [one for one in taken if isinstance(one, Exception)] == []
    winners = [one for one in taken if one is not None]
    assert len(winners) == 1
    stored = chats.ongoing(USER)
    assert {message.turn_id for message in stored.messages} == {winners[0].turn.id} == {stored.turn.id}


def test_of_sixteen_workers_one_takes_over_a_turn_whose_worker_died(chats, turns, race):
    dead = _claim(turns, _write(chats, "a"), NO_LEASE)
    taken = race(16, lambda _: _claim(turns, chats.ongoing(USER)))
    winners = [one for one in taken if one is not None]
    assert [one.turn.fence for one in winners] == [2], taken
    assert winners[0].turn.id == dead.turn.id


def test_a_turn_is_nobody_elses_while_its_lease_lasts(chats, turns):
    _claim(turns, _write(chats, "a"))
    assert _claim(turns, chats.ongoing(USER)) is None


def test_a_message_that_comes_during_a_turn_waits_for_the_next(chats, turns):
    first = _claim(turns, _write(chats, "a"))
    chats.add(USER, ACCOUNT, user_message("mid:b", "b", at=START + timedelta(seconds=9)))
    assert chats.ongoing(USER).has_unanswered
    turns.finish(first, TurnState.DONE)
    second = _claim(turns, chats.ongoing(USER))
    assert [message.text for message in second.of_turn(second.turn.id, Role.USER)] == ["b"]
    assert second.turn.id != first.turn.id


def test_a_turn_is_resumed_from_the_state_that_stands_with_what_it_has(chats, turns):
    dead = _claim(turns, _write(chats, "a"), NO_LEASE)
    turns.set_session(dead, "chat_1")
    turns.set_state(dead, TurnState.ASKING)
    turns.store_answer(dead, [_part(dead, 0, "one"), _part(dead, 1, "two")])
    resumed = _claim(turns, chats.ongoing(USER), generation=7)
    assert (resumed.turn.state, resumed.turn.fence, resumed.chat_id) == (TurnState.ANSWERED, 2, "chat_1")
    assert resumed.turn.generation == 1, "it is still the turn of the connection it began under"
    assert [message.text for message in resumed.of_turn(resumed.turn.id, Role.AGENT)] == ["one", "two"]


WRITES = {
    "set_session": lambda turns, chat: turns.set_session(chat, "chat_x"),
    "set_state": lambda turns, chat: turns.set_state(chat, TurnState.ASKING),
    "store_answer": lambda turns, chat: turns.store_answer(chat, [_part(chat, 0)]),
    "release": lambda turns, chat: turns.release(chat, TurnState.OPEN),
    "finish": lambda turns, chat: turns.finish(chat, TurnState.DONE),
    "finish without an answer": lambda turns, chat: turns.finish(chat, TurnState.FAILED, "x"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_was_superseded_writes_nothing_more(chats, turns, collection, write):
    """C14: a worker that was frozen wakes up."""
    zombie = _claim(turns, _write(chats, "a"), NO_LEASE)
    assert _claim(turns, chats.ongoing(USER)) is not None
    before = collection.find_one()
    with pytest.raises(Superseded):
        WRITES[write](turns, zombie)
    assert collection.find_one() == before


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_of_an_earlier_turn_writes_nothing_into_a_later_one(chats, turns, collection, write):
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


def test_a_released_turn_is_anybodys_at_once(chats, turns):
    chat = _claim(turns, _write(chats, "a"))
    turns.set_state(chat, TurnState.ASKING)
    turns.release(chat, TurnState.OPEN)
    resumed = _claim(turns, chats.ongoing(USER))
    assert (resumed.turn.state, resumed.turn.fence) == (TurnState.OPEN, 2)


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


def test_an_answer_of_no_parts_is_an_answer(chats, turns):
    chat = _claim(turns, _write(chats, "a"))
    assert turns.store_answer(chat, []) == ()
    assert chats.ongoing(USER).turn.state is TurnState.ANSWERED
