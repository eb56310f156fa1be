"""Reading messages, newest first, across all chats: `storage.pages` and `conversation.history` on a real mongod."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.chat import MessageStatus, Role
from connector.conversation.history import read_page
from connector.storage.pages import Pages
from tests.integration.world import START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER


def _add(chats, message):
    return chats.add(USER, ACCOUNT, message)


@pytest.fixture
def pages(collection):
    return Pages(collection, TENANT)


def _fill(chats, times):
    """Store a message for each time, of two users in turns, and return their keys, newest first."""
    stored = []
    for number, seconds in enumerate(times):
        message = user_message(f"mid:{number}", at=START + timedelta(seconds=seconds))
        stored.append(chats.add(USER if number % 2 else OTHER_USER, ACCOUNT, message))
    return [one.key for one in sorted(stored, key=lambda one: (one.created_at, one.id), reverse=True)]


def _walk(pages, limit, user_id=None):
    keys, cursor = [], None
    while True:
        page = read_page(pages, limit=limit, cursor=cursor, user_id=user_id)
        assert len(page.messages) <= limit
        keys += [message.key for _, message in page.messages]
        if page.next_cursor is None:
            return keys
        assert len(page.messages) == limit, "only the last page may be short"
        cursor = page.next_cursor


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_pages_give_every_message_once_newest_first_even_under_equal_times(chats, pages, collection, times, limit):
    collection.delete_many({})
    keys = _fill(chats, times)
    assert len(keys) == len(times)
    assert _walk(pages, limit) == keys


def test_pages_go_across_chats_and_sessions_and_can_be_of_one_user(chats, pages, collection):
    keys = _fill(chats, range(6))
    collection.update_many({}, {"$set": {"status": "ended"}})
    _add(chats, user_message("mid:new", at=START + timedelta(seconds=9)))
    assert _walk(pages, 2) == ["mid:new", *keys]
    assert _walk(pages, 2, USER) == ["mid:new", "mid:5", "mid:3", "mid:1"]
    assert {chat.user_id for chat, _ in pages.page(limit=10)} == {USER, OTHER_USER}


def test_a_message_stored_while_somebody_turns_pages_moves_none_of_the_others(chats, pages):
    keys = _fill(chats, range(6))
    page = read_page(pages, limit=3)
    _add(chats, user_message("mid:new", at=START + timedelta(seconds=9)))
    rest = read_page(pages, limit=10, cursor=page.next_cursor)
    assert [message.key for _, message in [*page.messages, *rest.messages]] == keys


def test_the_role_and_the_status_come_back_as_they_were(chats, pages):
    _add(chats, our_message("sent:1", status=MessageStatus.UNKNOWN, error={"code": "outcome_unknown"}))
    ((_, message),) = pages.page(limit=1)
    assert (message.role, message.status) == (Role.HUMAN, MessageStatus.UNKNOWN)
    assert message.error == {"code": "outcome_unknown"}
