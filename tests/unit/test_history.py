"""The cursors of `conversation.history`."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Chat, Message, MessageStatus, Role
from connector.conversation.history import read_page
from connector.errors import InvalidRequest
from tests.unit.payloads import ACCOUNT, SENT_AT, USER

CHAT = Chat("c", ACCOUNT, USER)


class Recorded:
    """Chats that have more than one page, and that remember what they were asked."""

    def __init__(self, created_at=SENT_AT, message_id="a" * 24):
        message = Message("k", Role.USER, "hi", MessageStatus.RECEIVED, created_at, id=message_id)
        self.found = [(CHAT, message)] * 3
        self.asked = None

    def page(self, *, limit, before=None, user_id=None):
        self.asked = (limit, before, user_id)
        return self.found[:limit]


def _cursor(**fields):
    return read_page(Recorded(**fields), limit=1).next_cursor


@given(
    st.datetimes(datetime(2010, 10, 6), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.from_regex(r"[0-9a-f]{24}", fullmatch=True),
)
def test_a_cursor_leads_to_the_message_it_was_made_of_to_the_millisecond(created_at, message_id):
    created_at = created_at.replace(microsecond=created_at.microsecond // 1000 * 1000)
    chats = Recorded()
    read_page(chats, limit=7, cursor=_cursor(created_at=created_at, message_id=message_id), user_id=USER)
    assert chats.asked == (8, (created_at, message_id), USER)


def test_the_last_page_has_no_cursor():
    assert read_page(Recorded(), limit=3).next_cursor is None
    assert read_page(Recorded(), limit=2).next_cursor is not None


def test_a_cursor_fits_into_a_url():
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", _cursor())


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "null",
        "é",
        "\ud800",
        "MTIz",
        "LjA",
        _cursor()[:-1],
        _cursor()[1:],
        f"{_cursor()}A",
        f"{_cursor()}=",
        f"{_cursor()}\n",
        f"*{_cursor()}",
        f"****{_cursor()}",
        f"{_cursor()[:4]} {_cursor()[4:]}",
        f"{_cursor()[:4]}!{_cursor()[4:]}",
    ],
    ids=ascii,
)
def test_a_cursor_that_no_page_has_given_is_refused(cursor):
    """H9: strictly, so that nobody builds on what happens to work."""
    with pytest.raises(InvalidRequest) as refusal:
        read_page(Recorded(), limit=1, cursor=cursor)
    assert [detail.field for detail in refusal.value.details] == ["cursor"]


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_as_cursor_does_anything_but_be_refused(cursor):
    with pytest.raises(InvalidRequest):
        read_page(Recorded(), limit=1, cursor=cursor)
