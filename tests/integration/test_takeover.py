"""A person writes from the Instagram app: the agent falls silent, and learns what was said when it speaks again."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role, TurnState

SKIPPED, DONE = TurnState.SKIPPED, TurnState.DONE
SOON = timedelta(microseconds=1)


def test_i12_a_person_who_writes_silences_the_agent_in_this_conversation(world):
    world.say("hi")
    world.answer_all()
    world.echo("m-person", "I'll take it from here")
    world.say("thank you")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "paused"
    assert len(world.agent.asked) == 1
    assert [(one.text, one.status, one.error) for one in world.chat.messages if one.role is Role.USER][-1] == (
        "thank you",
        MessageStatus.UNANSWERED,
        {"code": "paused"},
    )


def test_i12_a_person_who_writes_while_the_agent_thinks_is_not_talked_over(world):
    world.agent.before = lambda *_: world.echo("m-person", "I'll take it from here")
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.reason() == "paused"
    assert world.messenger.sent == []


def test_i12_a_person_who_writes_between_two_parts_keeps_the_second_from_being_sent(world):
    world.agent.script = [["one", "two"]]
    world.messenger.after = lambda *_: world.echo("m-person", "stop, let me")
    world.say("hi")
    assert world.answer_all() == [SKIPPED]
    assert world.messenger.sent == ["one"]
    assert world.said(Role.AGENT)[-1] == ("two", MessageStatus.FAILED)


def test_other_conversations_go_on(world):
    world.say("hi")
    world.answer_all()
    world.echo("m-person", "I'll take it from here")
    world.user_id = "5556667778889990"
    world.say("hello")
    assert world.answer_all() == [DONE]


def test_when_the_pause_is_over_the_agent_learns_what_was_said_once(world):
    world.say("hi")
    world.answer_all()
    world.echo("m-person", "We have oat milk today")
    world.say("lovely")
    world.answer_all()
    world.chats._collection.update_one({}, {"$set": {"pausedUntil": None}})
    world.say("and soy?")
    assert world.answer_all() == [DONE]
    world.say("bye")
    world.answer_all()
    _, resumed, after = [content for _, content in world.agent.asked]
    assert resumed == "[A colleague of yours wrote to the customer: “We have oat milk today”]\nlovely\nand soy?"
    assert after == "bye"


def test_a_late_echo_silences_the_agent_only_for_what_is_left_of_the_pause(world):
    world.pause = SOON
    world.say("hi")
    world.answer_all()
    world.echo("m-person", "an hour ago")
    world.say("still there?")
    assert world.answer_all() == [DONE]


def test_without_a_pause_a_person_and_the_agent_both_answer(world):
    world.pause = timedelta()
    world.say("hi")
    world.echo("m-person", "hello")
    assert world.answer_all() == [DONE]


@pytest.mark.parametrize("heard", ["We open at nine.", " We open at nine.\n", "Instagram made this of it"])
def test_e10_our_own_echo_never_silences_the_agent_in_whichever_order_it_comes(world, heard):
    world.messenger.after = lambda mid, *_: world.echo(mid, heard)
    world.say("hi")
    assert world.answer_all() == [DONE]
    world.messenger.after = lambda *_: None
    world.say("and on Sundays?")
    assert world.answer_all() == [DONE]
    assert world.said(Role.HUMAN) == []
    assert len(world.said(Role.AGENT)) == 2
