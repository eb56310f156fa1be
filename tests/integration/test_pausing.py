"""A person silences the agent through the API, and lets it speak again."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role, TurnState
from connector.conversation.pausing import Pausing
from connector.errors import NotConnected, NotFound

HOUR = timedelta(hours=1)
DONE, SKIPPED = TurnState.DONE, TurnState.SKIPPED


@pytest.fixture
def pausing(world):
    return Pausing(world.tenant, world.connections, world.chats, world.clock)


def test_a_paused_conversation_is_silent_and_others_go_on(world, pausing):
    world.say("hi")
    assert pausing.pause(world.user_id, HOUR) == world.chat.paused_until
    assert world.settle() == [SKIPPED]
    assert world.reason() == "paused"
    world.user_id = "5556667778889990"
    world.say("hello")
    assert world.settle() == [DONE]


def test_a_paused_connection_is_silent_in_all_conversations_also_in_new_ones(world, pausing):
    pausing.pause(None, HOUR)
    for user_id in ("1", "2"):
        world.user_id = user_id
        world.say("hi")
        assert world.settle() == [SKIPPED]
        assert world.said(Role.USER) == [("hi", MessageStatus.UNANSWERED)]
    world.clock.ahead += HOUR
    world.say("and now?")
    assert world.settle() == [DONE]


def test_a_pause_during_the_model_call_keeps_the_answer_from_being_sent(world, pausing):
    world.agent.before = lambda: pausing.pause(None, HOUR)
    world.say("hi")
    assert world.settle() == [SKIPPED]
    assert world.messenger.sent == []


@pytest.mark.parametrize("whole", [False, True])
def test_after_a_resume_the_agent_answers_and_knows_what_it_missed(world, pausing, whole):
    world.say("hi")
    pausing.pause(None if whole else world.user_id, HOUR)
    world.settle()
    pausing.resume(None if whole else world.user_id)
    world.say("are you there?")
    assert world.settle() == [DONE]
    assert world.agent.questions == ["hi\nare you there?"]


def test_a_newer_pause_may_be_shorter_than_the_one_that_stands(world, pausing):
    world.say("hi")
    pausing.pause(world.user_id, 10 * HOUR)
    until = pausing.pause(world.user_id, HOUR)
    assert world.chat.paused_until == until


def test_without_account_or_conversation_there_is_nothing_to_pause(world, pausing):
    with pytest.raises(NotFound):
        pausing.pause("nobody", HOUR)
    world.connections.disconnect(world.tenant)
    for call in (lambda: pausing.pause(None, HOUR), lambda: pausing.resume(None)):
        with pytest.raises(NotConnected):
            call()
