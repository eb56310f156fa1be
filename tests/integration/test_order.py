"""Meta promises no order: whatever order events arrive in, the chat ends as if they had come as they happened."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.storage.documents import now
from tests.unit.payloads import ACCOUNT

TOLD = {
    "a": {"message": {"mid": "in-a", "text": "a", "referral": {"ref": "first", "source": "ADS"}}},
    "b": {"message": {"mid": "in-b", "text": "b"}},
    "first edit of a": {"message_edit": {"mid": "in-a", "text": "a, better", "num_edit": 1}},
    "second edit of a": {"message_edit": {"mid": "in-a", "text": "a, at last", "num_edit": 2}},
    "reaction to a": {"reaction": {"mid": "in-a", "action": "react", "reaction": "love", "emoji": "❤"}},
    "reaction taken back": {"reaction": {"mid": "in-a", "action": "unreact"}},
    "b taken back": {"message": {"mid": "in-b", "is_deleted": True}},
    "a person": {"message": {"mid": "out-h", "text": "Hello, I am Ann.", "is_echo": True}},
    "the person was read": {"read": {"mid": "out-h"}},
    "reaction to the person": {"reaction": {"mid": "out-h", "action": "react", "reaction": "like", "emoji": "👍"}},
    "a button": {"postback": {"mid": "in-p", "title": "Hours", "payload": "HOURS", "referral": {"ref": "second"}}},
}
BEGAN = now() - timedelta(minutes=5)


def _tell(world, name):
    ends = [{"id": world.user_id}, {"id": ACCOUNT}]
    sender, recipient = reversed(ends) if name == "a person" else ends
    at = BEGAN + timedelta(seconds=list(TOLD).index(name))
    timestamp = int(at.timestamp() * 1000)
    world.take({"sender": sender, "recipient": recipient, "timestamp": timestamp, **TOLD[name]})


def _chat_after(world, order):
    """Return what is stored of events in this order, but for ids, and for what says when we heard of them."""
    for name in order:
        _tell(world, name)
    chat = world.chat
    world.chats._collection.delete_many({})
    world.kept._collection.delete_many({})
    return (
        [replace(message, id="") for message in chat.messages],
        (chat.paused_until, chat.window_opened_at, chat.referral),
    )


@pytest.fixture
def in_order(world):
    return _chat_after(world, list(TOLD))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(list(TOLD)), repeated=st.lists(st.sampled_from(list(TOLD)), max_size=3))
def test_b3_events_in_any_order_and_repeated_end_in_the_chat_of_events_in_order(world, in_order, order, repeated):
    assert _chat_after(world, [*order, *repeated]) == in_order
