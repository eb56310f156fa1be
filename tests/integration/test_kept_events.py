"""What Meta told us that changed no message: `storage.kept_events` on a real mongod."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from connector.instagram.events import Other
from connector.instagram.notifications import split
from connector.instagram.reading import read_as_it_came
from connector.storage.kept_events import COLLECTION, KeptEvents
from connector.tenancy import Tenant
from tests.integration.world import START
from tests.unit.payloads import ACCOUNT, RECEIVED_AT, USER, compact
from tests.unit.test_reading import mutated_payloads

TENANT = Tenant("sub_1", "agent_1")
EVENT = Other(ACCOUNT, USER, START, "message_edit", "message_edit:1", "messaging", "m", {"message_edit": {"mid": "m"}})


@pytest.fixture
def collection(database):
    return database[COLLECTION]


@pytest.fixture
def kept(collection):
    made = KeptEvents(collection, TENANT)
    made.ensure_indexes()
    return made


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


def test_a20_sixteen_workers_that_keep_one_event_keep_it_once(kept, collection, race):
    assert race(16, lambda _: kept.keep(EVENT)) == [None] * 16
    assert collection.count_documents({}) == 1


def test_one_tenant_neither_sees_nor_forgets_what_is_kept_for_another(kept, collection):
    """H5."""
    kept.keep(EVENT)
    for other in (Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")):
        theirs = KeptEvents(collection, other)
        assert theirs.about("m") == []
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
