"""What reading costs does not grow with what is stored: counted by mongod, over a short history and a long one."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from bench.stored import ACCOUNT, BEGAN, STEP, store_history, user_id
from connector.chat import MessageStatus, Role
from connector.conversation.conversations import read_rows
from connector.conversation.cursors import Cursors
from connector.conversation.export import exported
from connector.conversation.history import Filters, read_page
from connector.ports.reading import Scope
from connector.storage.conversations import Conversations
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.kept_events import COLLECTION as EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.pages import Pages
from tests.integration.profiler import profiled
from tests.integration.world import TENANT

# The long history is dear to store: one process does it for all.
pytestmark = pytest.mark.xdist_group("history")

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
# The bounds are the same for both, and so for any other. A million take a minute or two to store: see tests/README.md.
SHORT, LONG = 10_000, 1_000_000 if IS_LONG else 50_000
OF_EACH = 500
LIMIT = 50
CURSORS = Cursors(TENANT, "messages")


@pytest.fixture(scope="module", params=[SHORT, LONG])
def history(request, mongodb) -> Iterator[Database[dict[str, Any]]]:
    """A connection with so many messages."""
    database = mongodb[f"history_{request.param}"]
    store_history(database, TENANT, request.param, of_each=OF_EACH)
    _store_events(database, request.param // 10)
    yield database
    mongodb.drop_database(database.name)


def _store_events(database, number):
    """Keep events of five customers, in turns."""
    template = {"accountId": ACCOUNT, "mid": None, "name": "new", "channel": "messaging", "item": {}}
    tenant = {"subaccountId": TENANT.subaccount_id, "agentId": TENANT.agent_id}
    database[EVENTS].insert_many(
        tenant | template | {"key": f"new:{one}", "userId": user_id(one % 5), "at": BEGAN + one * STEP}
        for one in range(number)
    )


def _size(database):
    return int(database.name.removeprefix("history_"))


def _examined(operations, collection):
    """Return the entries of indexes and the documents that were looked at, and how often mongod was asked."""
    operations = [one for one in operations if one["ns"].endswith(f".{collection}")]
    assert not [one["planSummary"] for one in operations if "COLLSCAN" in one["planSummary"]]
    assert not [one for one in operations if one.get("hasSortStage")], "it sorted what an index has in order"
    return (
        sum(one["keysExamined"] for one in operations),
        sum(one["docsExamined"] for one in operations),
        len(operations),
    )


def _middle(pages, size):
    """Return a cursor to the middle of the history."""
    (entry,) = pages.entries(Scope(until=BEGAN + size // 2 * STEP), limit=1)
    return CURSORS.write(entry.position)


PAGES = {
    "the newest": (Scope(), False),
    "from the middle": (Scope(), True),
    "of one user": (Scope(user_id=user_id(7)), False),
    "of one user from the middle": (Scope(user_id=user_id(7)), True),
    "of one role": (Scope(role=Role.HUMAN), False),
    "of one role from the middle": (Scope(role=Role.AGENT), True),
    "of one role of one user": (Scope(user_id=user_id(7), role=Role.HUMAN), False),
    "before a time": (Scope(until=BEGAN + 1000 * STEP), False),
    "between two times": (Scope(since=BEGAN + 1000 * STEP, until=BEGAN + 5000 * STEP), False),
}


@pytest.mark.parametrize("asked", PAGES)
def test_a_page_examines_the_page_and_a_constant_number_of_entries_and_documents(history, asked):
    scope, from_the_middle = PAGES[asked]
    pages = Pages(history["chats"], TENANT)
    cursor = _middle(pages, _size(history)) if from_the_middle else None
    with profiled(history[ENTRIES], history["chats"]) as operations:
        page = read_page(pages, CURSORS, limit=LIMIT, cursor=cursor, filters=Filters(scope))
    assert len(page.messages) == LIMIT
    assert page.next_cursor is not None
    keys, documents, asked_for = _examined(operations, ENTRIES)
    # One more than the page, and one ahead in each of the three roles that are merged.
    assert keys <= LIMIT + 1 + 2 * len(Role), f"{keys} entries of the index for a page of {LIMIT}"
    assert (documents <= LIMIT + 1, asked_for) == (True, 1)
    keys, documents, asked_for = _examined(operations, "chats")
    # A key is looked up where it should be, and the next one is looked at to know that there are no more of it.
    assert keys <= 2 * (LIMIT + 1), f"{keys} keys for {LIMIT + 1} messages"
    assert (documents <= LIMIT + 1, asked_for) == (True, 1)


WORDS = {
    "in every message": ("messa", Scope(), LIMIT),
    "in every message, from the middle": ("nine", Scope(), LIMIT),
    "in every message, of one role": ("nine", Scope(role=Role.AGENT), LIMIT),
    "in every message, before a time": ("at", Scope(until=BEGAN + 1000 * STEP), LIMIT),
    "in one message": ("1234", Scope(until=BEGAN + 1235 * STEP), 1),
    "in none": ("nobody", Scope(), 0),
}


@pytest.mark.parametrize("asked", WORDS)
def test_a_search_for_a_word_examines_the_page_and_a_constant_number_however_common_or_rare_the_word_is(history, asked):
    word, scope, expected = WORDS[asked]
    pages = Pages(history["chats"], TENANT)
    cursor = _middle(pages, _size(history)) if "middle" in asked else None
    with profiled(history[ENTRIES], history["chats"]) as operations:
        page = read_page(pages, CURSORS, limit=LIMIT, cursor=cursor, filters=Filters(scope, text=word))
    assert (len(page.messages), page.next_cursor is None) == (expected, expected < LIMIT)
    keys, documents, asked_for = _examined(operations, ENTRIES)
    assert keys <= expected + 1 + 2 * len(Role), f"{keys} entries of the index for {expected} messages"
    assert (documents <= expected + 1, asked_for) == (True, 1)
    if expected:
        keys, documents, asked_for = _examined(operations, "chats")
        assert (keys <= 2 * (expected + 1), documents <= expected + 1, asked_for) == (True, True, 1)


@pytest.mark.parametrize("filters", [{"text": "messages open"}, {"status": MessageStatus.FAILED}], ids=str)
def test_a_search_that_finds_nothing_examines_a_fixed_number_and_says_where_to_go_on(history, filters):
    pages = Pages(history["chats"], TENANT)
    with profiled(history[ENTRIES], history["chats"]) as operations:
        page = read_page(pages, CURSORS, limit=LIMIT, filters=Filters(**filters))
    assert (page.messages, page.next_cursor is not None) == ([], True)
    for keys, documents, asked_for in (_examined(operations, ENTRIES), _examined(operations, "chats")):
        assert keys <= 2 * 500
        assert (documents <= 500, asked_for) == (True, 5)


def test_a_page_of_the_export_costs_what_it_returns(history):
    pages, kept = Pages(history["chats"], TENANT), KeptEvents(history[EVENTS], TENANT)
    (entry,) = pages.entries(Scope(until=BEGAN + _size(history) // 2 * STEP), limit=1)
    with profiled(history[ENTRIES], history["chats"]) as operations:
        lines = exported(pages, kept, user_id=None, beyond=entry.position)
        assert len([next(lines) for _ in range(200)]) == 200
    for keys, documents, asked_for in (_examined(operations, ENTRIES), _examined(operations, "chats")):
        assert keys <= 2 * 200 + 2 * len(Role)
        assert (documents <= 200, asked_for) == (True, 2)


@pytest.mark.parametrize("user", [None, user_id(3)], ids=["of all", "of one user"])
def test_a_page_of_events_costs_what_it_returns(history, user):
    kept = KeptEvents(history[EVENTS], TENANT)
    (*_, (middle, _)) = kept.page(user, limit=100)
    for beyond in (None, middle):
        with profiled(history[EVENTS]) as operations:
            assert len(kept.page(user, limit=100, beyond=beyond)) == 100
        keys, documents, asked_for = _examined(operations, EVENTS)
        # One ahead in each of the two ranges that are merged: the same moment, and all later ones.
        assert (keys <= 100 + 2, documents <= 100, asked_for) == (True, True, 1)


@pytest.mark.parametrize("page", [1, 2])
def test_a_page_of_conversations_costs_what_it_returns(history, page):
    conversations, pages = Conversations(history["chats"], TENANT), Pages(history["chats"], TENANT)
    cursors = Cursors(TENANT, "conversations")
    cursor = None
    for _ in range(page):
        with profiled(history[ENTRIES], history["chats"]) as operations:
            rows = read_rows(conversations, pages, cursors, limit=5, cursor=cursor)
        cursor = rows.next_cursor
    assert [row.last is not None for row in rows.conversations] == [True] * 5
    keys, documents, asked_for = _examined(operations, "chats")
    assert (keys <= 5 + 1 + 2, documents <= 5 + 1, asked_for) == (True, True, 1)


def test_the_conversation_with_one_user_is_found_by_an_index(history):
    conversations, pages = Conversations(history["chats"], TENANT), Pages(history["chats"], TENANT)
    with profiled(history[ENTRIES], history["chats"]) as operations:
        (row,) = read_rows(
            conversations, pages, Cursors(TENANT, "conversations"), limit=5, user_id=user_id(7)
        ).conversations
    assert row.chat.user_id == user_id(7)
    assert _examined(operations, "chats") == (1, 1, 1)
