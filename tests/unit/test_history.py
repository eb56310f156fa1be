"""Turning pages: `conversation.history`, over a list that may have gaps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Chat, Message, MessageStatus, Role
from connector.conversation.cursors import Cursors
from connector.conversation.history import Filters, Page, read_page
from connector.errors import InvalidRequest
from connector.ports.reading import Entry, Scope
from connector.tenancy import Tenant
from tests.unit.payloads import ACCOUNT, SENT_AT, USER

CHAT = Chat("c", ACCOUNT, USER)
CURSORS = Cursors(Tenant("sub_1", "agent_1"), "messages")
FAR_MORE = 2_000


class Listed:
    """A list of messages, newest first; None is an entry without a message. It counts what was looked at."""

    def __init__(self, messages):
        self.listed = [(Entry(f"k{n}", f"{len(messages) - n:014d}.{'0' * 24}"), one) for n, one in enumerate(messages)]
        self.looked_at = 0
        self.scopes = set()

    def entries(self, scope, *, limit, beyond=None, oldest_first=False):
        self.scopes.add(scope)
        found = [entry for entry, _ in self.listed if beyond is None or entry.position < beyond][:limit]
        self.looked_at += len(found)
        return found

    def messages(self, entries):
        by_key = {entry.key: message for entry, message in self.listed if message}
        return {entry.key: (CHAT, by_key[entry.key]) for entry in entries if entry.key in by_key}

    def all_keys(self):
        return [entry.key for entry, message in self.listed if message]


def _message(number=0, text="hi", status=MessageStatus.RECEIVED):
    at = SENT_AT - timedelta(seconds=number)
    return Message(f"k{number}", Role.USER, text, status, at, id=f"{number:024x}")


def _listed(*texts):
    return Listed([_message(number, text) if text is not None else None for number, text in enumerate(texts)])


def _walk(listed, limit, **filters):
    keys, lengths, cursor = [], [], None
    while True:
        page = read_page(listed, CURSORS, limit=limit, cursor=cursor, filters=Filters(**filters))
        keys += [message.key for _, message in page.messages]
        lengths.append(len(page.messages))
        assert lengths[-1] <= limit
        if page.next_cursor is None:
            return keys, lengths
        cursor = page.next_cursor


@given(st.lists(st.sampled_from(["a", "b", None]), max_size=30), st.integers(1, 7))
def test_pages_give_every_message_once_in_order_whatever_entries_have_none(texts, limit):
    listed = _listed(*texts)
    assert _walk(listed, limit)[0] == listed.all_keys()


@given(st.lists(st.sampled_from(["a", "b"]), max_size=30), st.integers(1, 7))
def test_without_filters_only_the_last_page_is_short_and_none_is_empty_but_the_first(texts, limit):
    keys, lengths = _walk(_listed(*texts), limit)
    assert lengths[:-1] == [limit] * (len(lengths) - 1)
    assert lengths[-1] > 0 or not keys


@given(st.lists(st.sampled_from(["a", "b", None]), max_size=300), st.integers(1, 7))
def test_with_a_filter_pages_give_every_message_that_fits_once_in_order(texts, limit):
    listed = _listed(*texts)
    fitting = [f"k{number}" for number, text in enumerate(texts) if text == "a"]
    assert _walk(listed, limit, text="A")[0] == fitting


@pytest.mark.parametrize(
    "filters",
    [Filters(Scope(user_id=USER), text="needle"), Filters(text="this needle"), Filters(text="thisneedle")],
    ids=["in one conversation", "two words", "more than an entry knows of a word"],
)
def test_where_entries_do_not_tell_one_call_looks_at_500_messages_and_says_where_to_go_on(filters):
    listed = _listed(*["hay"] * 600, "This needle. thisneedle", *["hay"] * FAR_MORE)
    page = read_page(listed, CURSORS, limit=100, filters=filters)
    assert (page.messages, listed.looked_at) == ([], 500)
    page = read_page(listed, CURSORS, limit=100, cursor=page.next_cursor, filters=filters)
    assert [message.text for _, message in page.messages] == ["This needle. thisneedle"]
    assert page.next_cursor is not None, "what follows has not been looked at"


def test_without_filters_one_call_looks_at_one_more_than_it_returns():
    listed = _listed(*["hi"] * FAR_MORE)
    read_page(listed, CURSORS, limit=50)
    assert listed.looked_at == 51


def test_a_filter_that_finds_enough_looks_no_further():
    listed = _listed(*["hi"] * FAR_MORE)
    page = read_page(listed, CURSORS, limit=50, filters=Filters(Scope(user_id=USER), text="hi"))
    assert (len(page.messages), listed.looked_at) == (50, 100)


def test_a_word_that_entries_tell_is_looked_for_by_them_and_costs_no_more_than_the_page():
    listed = _listed(*["We open at nine."] * FAR_MORE)
    page = read_page(listed, CURSORS, limit=50, filters=Filters(text="OPEN!"))
    assert (len(page.messages), listed.looked_at) == (50, 51)
    assert listed.scopes == {Scope(beginning="open")}


def test_of_several_words_the_longest_one_is_looked_for_by_entries():
    listed = _listed("We are open on Sundays.")
    page = read_page(listed, CURSORS, limit=50, filters=Filters(text="on sunday"))
    assert [message.text for _, message in page.messages] == ["We are open on Sundays."]
    assert listed.scopes == {Scope(beginning="sunday")}


@pytest.mark.parametrize("asked", ["?!", "❤️", " ", "\u0301"], ids=ascii)
def test_what_has_no_letter_and_no_digit_finds_nothing_and_not_everything(asked):
    listed = _listed("hi", "?!", "❤️", None)
    assert read_page(listed, CURSORS, limit=50, filters=Filters(text=asked)) == Page([], None)


def test_a_message_without_a_text_has_no_words():
    assert not Filters(text="hi").let_through(replace(_message(), text=None))


def test_both_filters_must_let_a_message_through():
    both = Filters(status=MessageStatus.ANSWERED, text="hi")
    assert both.let_through(_message(status=MessageStatus.ANSWERED))
    assert not both.let_through(_message())
    assert not both.let_through(_message(text="no", status=MessageStatus.ANSWERED))


def test_the_list_is_asked_for_what_it_can_tell_itself():
    scope = Scope(user_id=USER, role=Role.USER, since=SENT_AT, until=SENT_AT + timedelta(days=1))
    listed = _listed("hi")
    read_page(listed, CURSORS, limit=1, filters=Filters(scope))
    assert listed.scopes == {scope}


@pytest.mark.parametrize("until", [SENT_AT, SENT_AT - timedelta(seconds=1)])
def test_a_time_that_ends_before_it_begins_is_refused(until):
    with pytest.raises(InvalidRequest) as refusal:
        Filters(Scope(since=SENT_AT, until=until))
    assert [detail.field for detail in refusal.value.details] == ["until"]
