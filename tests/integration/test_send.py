"""What a person sends through the API: stored first, allowed by the policy, sent once."""

from datetime import timedelta

import pytest

from connector.chat import Attachment, MessageStatus, Role, TurnState
from connector.conversation.send import Letter
from connector.errors import (
    InProgress,
    KeyReused,
    NotAllowed,
    NotConnected,
    OutcomeUnknown,
    RateLimited,
    ReconnectNeeded,
    Refused,
    TryLater,
)
from connector.instagram import limits
from tests.integration.world import Died

FAILED, SENT = MessageStatus.FAILED, MessageStatus.SENT
DAY = timedelta(days=1)


def _persons(world):
    return [one for one in world.chat.messages if one.role is Role.HUMAN]


def _die():
    raise Died


# ── stored, judged, sent


def test_a_text_is_stored_before_it_is_sent_and_bears_its_mid_afterwards(world):
    world.messenger.before = lambda: stored.extend(world.said(Role.HUMAN))
    stored = []
    sent = world.send("We close at 17:00.")
    assert stored == [("We close at 17:00.", MessageStatus.SENDING)]
    assert (sent.status, sent.mid) == (SENT, world.messenger.thread[0].mid)
    assert world.said(Role.HUMAN) == [("We close at 17:00.", SENT)]


def test_a_person_who_writes_takes_the_conversation_over(world):
    world.say("hi")
    world.send("I'll take it from here.")
    assert world.settle() == [TurnState.SKIPPED]
    assert world.reason() == "paused"
    assert world.agent.asked == []


def test_a_person_may_let_the_agent_go_on_and_it_learns_what_was_said(world):
    world.say("hi")
    world.send("Our shop is closed today.", pauses_agent=False)
    assert world.settle() == [TurnState.DONE]
    assert "Our shop is closed today." in world.agent.questions[0]


def test_after_a_day_what_a_person_writes_bears_the_persons_tag(world):
    world.say("hi")
    world.clock.ahead += 2 * DAY
    assert world.send("Sorry for the wait.").by_person_only
    assert world.messenger.messages[0].by_person_only


def test_h16_after_a_week_nothing_is_sent_and_the_message_says_why_and_when(world):
    world.say("hi")
    world.clock.ahead += 8 * DAY
    with pytest.raises(NotAllowed) as refused:
        world.send("Are you still there?")
    assert refused.value.code == "window_closed"
    assert refused.value.status == 409
    (message,) = _persons(world)
    assert message.status is FAILED
    assert message.error["code"] == "window_closed"
    assert message.error["message"] == refused.value.message
    assert world.messenger.tries == []


def test_a_limited_account_refuses_with_the_time_to_wait_and_without_asking_meta(world):
    world.say("hi")
    world.messenger.script = [RateLimited("slow", after_seconds=600)]
    with pytest.raises(RateLimited):
        world.send("one")
    with pytest.raises(RateLimited) as limited:
        world.send("two")
    assert 590 <= limited.value.after_seconds <= 601
    assert limited.value.status == 429
    assert len(world.messenger.tries) == 1


@pytest.mark.parametrize(
    ("error", "code"), [(Refused("user_unavailable", "no"), "user_unavailable"), (TryLater("down"), "try_later")]
)
def test_what_meta_refuses_is_told_and_stored(world, error, code):
    world.messenger.script = [error]
    with pytest.raises(type(error)):
        world.send("hello")
    assert [(one.status, one.error["code"]) for one in _persons(world)] == [(FAILED, code)]


def test_without_an_account_nothing_is_stored(world):
    world.connections.disconnect(world.tenant)
    with pytest.raises(NotConnected):
        world.send("hello")
    assert world.chats.ongoing(world.user_id) is None


def test_every_kind_of_message_is_stored_as_it_shows(world):
    letter = Letter(
        None, {"type": "image", "urls": ["https://a.example/b.png"]}, (Attachment("image", "https://a.example/b.png"),)
    )
    world.sender().send(world.user_id, [letter], reply_to="m-1")
    (message,) = _persons(world)
    assert message.attachments == letter.attachments
    assert message.reply_to == {"mid": "m-1"}
    assert world.messenger.messages[0].content == letter.content


def test_the_parts_of_a_long_text_go_out_in_order(world):
    _, sent = world.sender().send(world.user_id, [Letter("one"), Letter("two"), Letter("three")])
    assert [one.text for one in sent] == world.messenger.sent == ["one", "two", "three"]


def test_a_reaction_and_typing_are_shown_and_are_no_messages(world):
    mid = world.say("hi")
    world.sender().react(world.user_id, mid, "love")
    world.sender().show_typing(world.user_id)
    assert world.messenger.acts == [f"love on {mid}", "typing_on"]
    assert [one["emoji"] for one in world.chat.messages[0].reactions] == ["❤️"]
    assert _persons(world) == []


def test_what_an_account_may_send_in_a_second_is_not_exceeded(world):
    moment = world.clock()
    world.connections._clock = lambda: moment
    connection = world.connections.get(world.tenant)
    for _ in range(limits.SENDS_PER_SECOND):
        assert world.connections.spend(connection, "text", limits.SENDS_PER_SECOND)
    with pytest.raises(RateLimited) as limited:
        world.send("one too many")
    assert limited.value.after_seconds == 1
    assert world.messenger.tries == []


# ── once


def test_h16_the_same_key_and_text_answer_what_stands_and_send_nothing(world):
    first = world.send("hello", idempotency_key="k-1")
    assert world.send("hello", idempotency_key="k-1").id == first.id
    assert world.send("hello", idempotency_key="k-2").id != first.id
    assert world.messenger.sent == ["hello", "hello"]


@pytest.mark.parametrize("change", ["text", "reply_to", "user"])
def test_h16_the_same_key_for_something_else_is_refused(world, change):
    world.send("hello", idempotency_key="k-1")
    if change == "user":
        world.user_id = "5556667778889990"
    with pytest.raises(KeyReused):
        world.send(
            "good-bye" if change == "text" else "hello",
            reply_to="m-1" if change == "reply_to" else None,
            idempotency_key="k-1",
        )
    assert world.messenger.sent == ["hello"]


def test_h17_sixteen_at_once_with_one_key_send_once(world, race):
    results = race(16, lambda _: world.send("hello", idempotency_key="k-1"))
    assert world.messenger.sent == ["hello"]
    assert {type(one).__name__ for one in results} <= {"Message", "InProgress"}, results
    assert any(getattr(one, "status", None) is SENT for one in results)


def test_a_key_whose_first_use_failed_for_the_moment_is_tried_again(world):
    world.messenger.script = [TryLater("down")]
    with pytest.raises(TryLater):
        world.send("hello", idempotency_key="k-1")
    assert world.send("hello", idempotency_key="k-1").status is SENT
    assert world.messenger.sent == ["hello"]


def test_a_key_whose_first_use_was_refused_is_refused_again_without_asking_meta(world):
    world.messenger.script = [Refused("user_unavailable", "no")]
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            world.send("hello", idempotency_key="k-1")
        assert refused.value.code == "user_unavailable"
    assert len(world.messenger.tries) == 1


def test_a_refusal_of_the_policy_is_repeated_in_its_own_words(world):
    world.say("hi")
    world.clock.ahead += 8 * DAY
    told = []
    for _ in range(2):
        with pytest.raises(NotAllowed) as refused:
            world.send("hello", idempotency_key="k-1")
        told.append(refused.value.message)
    assert told[0] == told[1]


def test_a_key_whose_sender_is_at_work_is_asked_to_wait(world):
    def again():
        world.messenger.before = lambda: None
        with pytest.raises(InProgress):
            world.send("hello", idempotency_key="k-1")

    world.messenger.before = again
    world.send("hello", idempotency_key="k-1")
    assert world.messenger.sent == ["hello"]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_key_whose_sender_died_finds_out_whether_it_was_sent(world, arrived):
    world.messenger.delivers_lost = arrived
    if arrived:
        world.messenger.script = [OutcomeUnknown("lost")]
        with pytest.raises(OutcomeUnknown):
            world.send("hello", idempotency_key="k-1")
    else:
        world.messenger.before = _die
        with pytest.raises(Died):
            world.send("hello", idempotency_key="k-1")
        world.messenger.before = lambda: None
    world.clock.ahead += timedelta(seconds=61)
    assert world.send("hello", idempotency_key="k-1").status is SENT
    assert world.messenger.sent == ["hello"]


HEART = Letter(None, {"type": "heart"}, (Attachment("like_heart", None),))


def test_a_heart_whose_answer_was_lost_is_found_in_the_thread(world):
    world.messenger.script = [OutcomeUnknown("lost")]
    with pytest.raises(OutcomeUnknown):
        world.sender().send(world.user_id, [HEART], idempotency_key="k-1")
    world.clock.ahead += timedelta(seconds=61)
    _, (sent,) = world.sender().send(world.user_id, [HEART], idempotency_key="k-1")
    assert (sent.status, sent.mid) == (SENT, world.messenger.thread[0].mid)
    assert len(world.messenger.tries) == 1


def test_a_heart_that_the_thread_does_not_show_is_sent_again_later(world):
    world.messenger.script = [OutcomeUnknown("lost")]
    world.messenger.delivers_lost = False
    with pytest.raises(OutcomeUnknown):
        world.sender().send(world.user_id, [HEART], idempotency_key="k-1")
    world.clock.ahead += timedelta(seconds=61)
    with pytest.raises(TryLater):
        world.sender().send(world.user_id, [HEART], idempotency_key="k-1")
    world.clock.ahead += timedelta(seconds=30)
    _, (sent,) = world.sender().send(world.user_id, [HEART], idempotency_key="k-1")
    assert sent.status is SENT
    assert len(world.messenger.tries) == 2


def test_a_dead_token_asks_for_a_reconnect_again_and_again(world):
    world.messenger.script = [ReconnectNeeded("dead")]
    for _ in range(2):
        with pytest.raises(ReconnectNeeded):
            world.send("hello", idempotency_key="k-1")
