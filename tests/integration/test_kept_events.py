"""What Meta told us that changed no message: `storage.kept_events` on a real mongod."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.conversation.export import exported
from connector.instagram.events import Other
from connector.instagram.notifications import split
from connector.instagram.reading import read_as_it_came
from connector.storage.chats import Chats
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import COLLECTION, KeptEvents
from connector.storage.pages import Pages
from connector.tenancy import Tenant
from tests.integration.profiler import profiled
from tests.integration.world import START, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, RECEIVED_AT, USER, compact
from tests.unit.test_reading import mutated_payloads

TENANT = Tenant("sub_1", "agent_1")
EVENT = Other(ACCOUNT, USER, START, "message_edit", "message_edit:1", "messaging", "m", {"message_edit": {"mid": "m"}})


@pytest.fixture
def collection(database):
    return database[COLLECTION]


@pytest.fixture
def kept(collection, database):
    ensure_indexes(database)
    return KeptEvents(collection, TENANT)


def test_an_event_is_kept_once_and_found_by_its_message_until_it_is_forgotten(kept, collection):
    kept.keep(EVENT)
    kept.keep(replace(EVENT, item={"changed": True}))
    assert kept.about("m") == [EVENT]
    assert kept.about("other") == []
    kept.forget(EVENT)
    kept.forget(EVENT)
    assert collection.count_documents({}) == 0


def test_events_about_a_message_come_in_the_order_in_which_they_happened(kept):
    for number in (2, 0, 1):
        kept.keep(replace(EVENT, key=f"k{number}", at=START + timedelta(seconds=number)))
    assert [one.key for one in kept.about("m")] == ["k0", "k1", "k2"]


def test_what_came_before_a_message_is_found_by_indexes(kept, collection):
    referral = {"referral": {"ref": "spring"}}
    for number in range(60):
        kept.keep(replace(EVENT, key=f"theirs-{number}", user_id=f"user_{number}", mid=f"m-{number}"))
        kept.keep(replace(EVENT, key=f"old-{number}", mid=None, item=referral, at=START - timedelta(days=number + 2)))
    kept.keep(replace(EVENT, key="k1", mid=None, item=referral, at=START))
    kept.keep(replace(EVENT, key="k2", at=START - timedelta(days=3)))
    collection.database.command("planCacheClear", collection.name)  # plans of other tests' few events
    with profiled(collection) as operations:
        found = kept.before(USER, "m", START - timedelta(days=1))
        kept.before(USER, None, START - timedelta(days=1))
    assert [one.key for one in found] == ["k2", "k1"]
    assert [one["docsExamined"] < 5 for one in operations] == [True, True]
    assert "COLLSCAN" not in str([one["planSummary"] for one in operations])


def test_a20_sixteen_workers_that_keep_one_event_keep_it_once(kept, collection, race):
    assert race(16, lambda _: kept.keep(EVENT)) == [None] * 16
    assert collection.count_documents({}) == 1


def test_h5_one_tenant_neither_sees_nor_forgets_what_is_kept_for_another(kept, collection):
    kept.keep(EVENT)
    for other in (Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")):
        theirs = KeptEvents(collection, other)
        assert theirs.about("m") == theirs.page(None, limit=9) == theirs.page(USER, limit=9) == []
        theirs.forget(EVENT)
        theirs.keep(EVENT)
    assert collection.count_documents({}) == 3
    assert kept.about("m") == [EVENT]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mutated_payloads())
def test_b9_f6_whatever_meta_writes_can_be_kept_and_comes_back_as_it_was(kept, told):
    """Field names with dots and dollars, 64-bit integers, deep nesting."""
    for one in split(compact(told | {"object": "instagram"})):
        event = read_as_it_came(one, RECEIVED_AT)
        kept.keep(event)
        if event.mid:
            assert event in kept.about(event.mid)


# ── all of them, in order


def _keep(kept, number, seconds, user_id=USER):
    event = replace(EVENT, key=f"k{number}", user_id=user_id, at=START + timedelta(seconds=seconds))
    kept.keep(event)
    return event


def _walk(kept, limit, user_id=None):
    events, beyond = [], None
    while page := kept.page(user_id, limit=limit, beyond=beyond):
        events += [event for _, event in page]
        beyond = page[-1][0]
    return events


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([USER, OTHER_USER])), max_size=12), st.integers(1, 5))
def test_pages_give_every_event_once_oldest_first_even_under_equal_times(kept, collection, told, limit):
    collection.delete_many({})
    events = [_keep(kept, number, seconds, user_id) for number, (seconds, user_id) in enumerate(told)]
    assert _walk(kept, limit) == sorted(events, key=lambda one: one.at)
    theirs = [one for one in events if one.user_id == USER]
    assert _walk(kept, limit, USER) == sorted(theirs, key=lambda one: one.at)


def test_the_export_goes_on_from_any_line_with_all_that_follows_message_or_event(kept, database):
    chats = Chats(database["chats"], TENANT)
    for number in range(250):
        chats.add(USER, ACCOUNT, user_message(f"mid:{number}", at=START + timedelta(seconds=number)))
        _keep(kept, number, number + 0.5)
    pages = Pages(database["chats"], TENANT)

    def export(beyond=None):
        return list(exported(pages, kept, user_id=USER, beyond=beyond))

    everything = export()
    positions = [position for position, _ in everything]
    assert len(everything) == 500
    assert positions == sorted(positions)
    assert [isinstance(one, Other) for _, one in everything] == [False, True] * 250
    for place in (0, 99, 100, 101, 498, 499):
        assert export(positions[place]) == everything[place + 1 :]
