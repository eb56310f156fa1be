"""Taking up what was left hanging: `conversation.sweep` and `storage.waiting` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import LATE, PAUSED, Role, TurnState
from connector.conversation.sweep import Sweep
from connector.envelopes import TurnMessage
from connector.errors import TryLater, Unavailable
from connector.storage.chats import Chats
from connector.tenancy import Tenant
from tests.integration.profiler import profiled
from tests.integration.world import LEASE, ListedQueue, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, OTHER_USER, USER

REST = timedelta(seconds=55)


@pytest.fixture
def lost(world):
    """A customer who has written, and whose turn message got lost."""
    world.say("hi")
    world.queue.messages.clear()
    return world


def _wait(world, how_long):
    world.clock.ahead += how_long


# ── what is found, and when


def test_nothing_is_scheduled_where_nothing_waits(world):
    world.echo("m", "Hi, this is Ana.")
    world.say("hi")
    world.settle()
    _wait(world, timedelta(days=1))
    assert world.sweep() == 0
    assert world.queue.messages == []


def test_c2_a_message_whose_turn_message_was_lost_is_found_a_minute_after_its_time(lost):
    _wait(lost, lost.quiet + LATE - timedelta(seconds=2))
    assert lost.sweep() == 0, "its turn message may still come"
    _wait(lost, timedelta(seconds=2))
    assert lost.sweep() == 1
    assert lost.answer_all() == [TurnState.DONE]
    assert lost.messenger.sent == ["We open at nine."]


def test_c3_a_turn_whose_worker_died_is_found_when_its_lease_is_out(lost):
    _wait(lost, lost.quiet)
    assert lost.turns.claim(lost.chat, generation=1, lease=LEASE) is not None
    assert lost.sweep() == 0
    _wait(lost, LEASE)
    assert lost.sweep() == 1
    assert lost.answer_all() == [TurnState.DONE]


def test_d1_a_turn_that_was_put_off_is_found_a_minute_after_the_time_of_its_next_try(world):
    world.agent.script = [TryLater("Not now.", after_seconds=600)]
    world.say("hi")
    assert world.work_next().again_in_seconds == 600
    world.queue.messages.clear()
    _wait(world, timedelta(seconds=600) + LATE - timedelta(seconds=2))
    assert world.sweep() == 0, "the message of its next try may still come"
    _wait(world, timedelta(seconds=2))
    assert world.sweep() == 1
    assert world.answer_all() == [TurnState.DONE]


def test_a_turn_that_ended_is_not_found_whatever_its_end(world):
    for state in (TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED):
        world.say(state.value)
        chat = world.turns.claim(world.chat, generation=1, lease=LEASE)
        world.turns.finish(chat, state, None if state is TurnState.DONE else PAUSED)
        _wait(world, timedelta(hours=1))
        assert world.sweep() == 0, state


def test_a_message_in_standby_or_of_a_persons_is_not_found(world):
    world.chats.add(USER, ACCOUNT, user_message("mid:s", at=world.clock()))
    world.chats.add(USER, ACCOUNT, our_message("sent:1", at=world.clock()))
    _wait(world, timedelta(days=1))
    assert world.sweep() == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"metadata.channel": "whatsapp"}, id="another-channel"),
        pytest.param({"status": "ended"}, id="ended"),
        pytest.param({"wakeAt": None}, id="nobody-is-to-look"),
        pytest.param({"wakeAt": "2020-01-01T00:00:00Z"}, id="no-time"),
    ],
)
def test_what_is_not_ours_not_ongoing_or_has_no_time_is_never_found(lost, collection, change):
    collection.update_one({}, {"$set": change})
    _wait(lost, timedelta(days=30))
    before = collection.find_one()
    assert lost.sweep() == 0
    assert collection.find_one() == before


def test_the_longest_waiting_come_first_and_no_more_than_a_run_may_take(world):
    for number in range(5):
        message = user_message(f"mid:{number}", at=world.clock())
        world.chats.add(f"user_{number}", ACCOUNT, message, turn_due_in=timedelta(seconds=(number * 7) % 5))
    _wait(world, timedelta(hours=1))
    assert [one.user_id for one in world.waiting.late(3).values()] == ["user_0", "user_3", "user_1"]
    assert Sweep(world.waiting, world.queue, world.clock).run(3) == 3
    assert Sweep(world.waiting, world.queue, world.clock).run(3) == 2
    assert {one.user_id for one, _ in world.queue.messages} == {f"user_{number}" for number in range(5)}


# ── what the turn message says


def test_a_turn_message_names_its_own_tenant_and_customer_and_nothing_that_was_said(lost, collection):
    theirs = Chats(collection, Tenant("sub_2", "agent_9"), lost.clock)
    theirs.add(OTHER_USER, OTHER_ACCOUNT, user_message("mid:b", "a secret"), turn_due_in=timedelta(0))
    _wait(lost, timedelta(hours=1))
    assert lost.sweep() == 2
    assert sorted((one for one, _ in lost.queue.messages), key=str) == [
        TurnMessage("sub_1", "agent_1", ACCOUNT, USER, None),
        TurnMessage("sub_2", "agent_9", OTHER_ACCOUNT, OTHER_USER, None),
    ]


# ── once


def test_two_sweeps_within_the_rest_send_once_and_after_it_again(lost):
    _wait(lost, timedelta(hours=1))
    assert [lost.sweep(), lost.sweep()] == [1, 0]
    _wait(lost, REST - timedelta(seconds=2))
    assert lost.sweep() == 0
    _wait(lost, timedelta(seconds=2))
    assert lost.sweep() == 1


def test_a_swept_turn_whose_own_message_comes_after_all_is_answered_once(world):
    world.say("hi")
    _wait(world, timedelta(hours=1))
    assert world.sweep() == 1
    assert len(world.queue.messages) == 2
    assert [state for state in world.answer_all() if state] == [TurnState.DONE]
    assert len(world.agent.asked) == len(world.messenger.sent) == 1


def test_two_sweeps_at_one_moment_may_send_twice_and_it_is_answered_once(lost, race):
    _wait(lost, timedelta(hours=1))
    assert set(race(4, lambda _: lost.sweep())) <= {0, 1}
    assert lost.queue.messages
    lost.answer_all()
    assert len(lost.agent.asked) == len(lost.messenger.sent) == 1


def test_the_rest_does_not_put_off_what_a_worker_has_set_meanwhile(lost, collection):
    _wait(lost, timedelta(hours=1))
    late = lost.waiting.late(10)
    chat = lost.turns.claim(lost.chat, generation=1, lease=LEASE)
    lost.waiting.put_off(late, lost.clock() + timedelta(days=7))
    assert collection.find_one()["wakeAt"] == chat.turn.lease_until
    lost.turns.finish(chat, TurnState.DONE)
    lost.waiting.put_off(late, lost.clock() + timedelta(days=7))
    assert collection.find_one()["wakeAt"] is None


def test_b10_what_could_not_be_scheduled_is_found_again_by_the_next_run(lost):
    class Down(ListedQueue):
        def send_all(self, messages, *, delay_seconds=0):
            raise Unavailable("The queue does not answer.")

    _wait(lost, timedelta(hours=1))
    with pytest.raises(Unavailable):
        Sweep(lost.waiting, Down(), lost.clock).run(10)
    assert lost.sweep() == 1


# ── what it costs


def test_a_sweep_looks_at_what_is_late_and_at_nothing_else(lost, collection):
    for number in range(50):
        message = user_message(f"mid:{number}", role=Role.USER, at=lost.clock())
        lost.chats.add(f"user_{number}", ACCOUNT, message, turn_due_in=timedelta(days=2) if number % 2 else None)
    _wait(lost, timedelta(hours=1))
    with profiled(collection) as operations:
        assert len(lost.waiting.late(100)) == 1
    (looked,) = operations
    assert looked["planSummary"] == "IXSCAN { wakeAt: 1 }"
    assert (looked["docsExamined"], looked["nreturned"]) == (1, 1)
