"""A customer who wants nothing more written to them, and one who changes their mind."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus, TurnState
from connector.errors import NotAllowed
from tests.integration.world import ACCOUNT


def test_the_agent_says_nothing_more_and_the_chat_says_why(world):
    world.say("Stop!")
    assert world.settle() == [TurnState.SKIPPED]
    world.say("and one more thing")
    assert world.settle() == [TurnState.SKIPPED]
    assert (world.messenger.tries, world.agent.asked) == ([], [])
    named = [(one.status, one.error["code"]) for one in world.chat.messages]
    assert named == [(MessageStatus.UNANSWERED, "opted_out")] * 2


@pytest.mark.parametrize("what", ["send", "react", "type"])
def test_a_person_may_not_write_either_and_learns_since_when(world, what):
    world.say("stop")
    do = {
        "send": lambda: world.send("hello"),
        "react": lambda: world.sender().react(world.user_id, "mid", "love"),
        "type": lambda: world.sender().show_typing(world.user_id),
    }
    with pytest.raises(NotAllowed) as refusal:
        do[what]()
    assert (refusal.value.code, "not to be written to" in refusal.value.message) == ("opted_out", True)
    assert (world.messenger.tries, world.messenger.acts) == ([], [])


def test_who_takes_it_back_is_answered(world):
    world.say("stop")
    world.say("Start", at=world.clock() + timedelta(seconds=1))
    assert world.settle() == [TurnState.DONE]
    assert world.chat.opted_out_at is None


def test_what_was_said_last_counts_and_not_what_came_last(world):
    later = world.clock()
    world.say("start", at=later)
    world.say("stop", at=later - timedelta(minutes=1))
    assert world.chat.opted_out_at is None
    world.say("stop", at=later + timedelta(seconds=1))
    assert world.chat.opted_out_at is not None


def test_the_wish_outlives_the_chat(world):
    world.say("stop")
    since = world.chat.opted_out_at
    world.chats._collection.update_one({"status": "ongoing"}, {"$set": {"status": "ended", "wakeAt": None}})
    world.say("hello?")
    assert (len(world.chat.messages), world.chat.opted_out_at) == (1, since)


def test_a_message_that_only_holds_the_word_is_answered_as_any_other(world):
    world.say("When does the stop at the corner close?")
    assert world.settle() == [TurnState.DONE]
    assert world.chat.account_id == ACCOUNT
