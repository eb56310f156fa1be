"""Nothing is kept longer than the deployment wants: `storage.retention`, and MongoDB's own clock."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo import MongoClient

from connector.chat import TurnState
from connector.storage import retention
from connector.storage.chats import Chats
from connector.storage.documents import now
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.retention import COLLECTION as STATES
from connector.storage.retention import Retention
from connector.storage.turns import Turns
from connector.storage.unlisted import Unlisted
from local.mongodb import Mongod
from tests.integration.test_kept_events import EVENT
from tests.integration.world import TENANT, Clock, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

DAY = timedelta(days=1)
KEEP = 30 * DAY
STORED = ("chats", ENTRIES, KEPT_EVENTS)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(database, clock):
    """Chats that are kept for a month."""
    ensure_indexes(database)
    return Chats(database["chats"], TENANT, clock, keep_for=KEEP)


def _say(chats, clock, text="hi", user_id=USER):
    key = f"mid:{user_id}-{text}"
    return chats.add(user_id, ACCOUNT, user_message(key, text, at=clock().replace(microsecond=0)))


def _expire_at(database, name="chats"):
    return [one.get("expireAt") for one in database[name].find().sort("_id", 1)]


def _is_near(moments, expected):
    """Compare times that are hours or days apart; the real time passes while a test runs."""
    return all(abs(one - expected) < timedelta(hours=1) for one in moments)


# ── who writes says until when


def test_a_chat_goes_so_long_after_it_was_last_written_in_and_an_entry_so_long_after_its_message(kept, clock, database):
    _say(kept, clock)
    clock.ahead = 20 * DAY
    _say(kept, clock, "again")
    assert _is_near(_expire_at(database), now() + 50 * DAY)
    first, second = sorted(_expire_at(database, ENTRIES))
    assert _is_near([first], now() + 30 * DAY)
    assert _is_near([second], now() + 50 * DAY)


def test_an_answer_keeps_a_chat_as_a_question_does(database, world):
    world.chats, world.turns = (kind(database["chats"], TENANT, world.clock, keep_for=KEEP) for kind in (Chats, Turns))
    world.say("hi")
    world.agent.before = lambda: setattr(world.clock, "ahead", timedelta(hours=3))
    assert world.answer_all() == [TurnState.DONE]
    assert _is_near(_expire_at(database), world.clock() + KEEP)
    assert len([one for one in _expire_at(database, ENTRIES) if one]) == 2


def test_a_kept_event_goes_so_long_after_it_happened(database):
    ensure_indexes(database)
    KeptEvents(database[KEPT_EVENTS], TENANT, KEEP).keep(EVENT)
    assert _expire_at(database, KEPT_EVENTS) == [EVENT.at + KEEP]


def test_a_chat_that_goes_on_in_the_next_document_goes_on_with_its_time(clock, database):
    ensure_indexes(database)
    chats = Chats(database["chats"], TENANT, clock, most_messages=2, keep_for=KEEP)
    for text in ("1", "2", "3"):
        _say(chats, clock, text)
        database["chats"].update_many({}, {"$set": {"messages.$[].status": "answered"}})
    assert database["chats"].count_documents({}) == 2
    assert _is_near(_expire_at(database), now() + KEEP)


def test_for_ever_nothing_says_until_when(clock, database):
    chats = Chats(database["chats"], TENANT, clock)
    _say(chats, clock)
    KeptEvents(database[KEPT_EVENTS], TENANT).keep(EVENT)
    Retention(database["chats"], None, clock).keep_up(5)
    assert [_expire_at(database, name) for name in STORED] == [[None]] * 3
    assert [one["_id"] for one in database[STATES].find()] == [KEPT_EVENTS]  # once, for those that name nobody


def test_chats_that_were_put_back_are_kept_from_then_on(clock, database):
    chats = Chats(database["chats"], TENANT, clock)
    _say(chats, clock)
    database[ENTRIES].delete_many({})
    database["chats"].update_many({}, {"$unset": {"listed": ""}})
    Unlisted(database["chats"], KEEP).list_for(5)
    assert _is_near(_expire_at(database) + _expire_at(database, ENTRIES), now() + KEEP)


# ── another setting


@pytest.fixture
def few_at_once(monkeypatch):
    """Sets how many documents are gone through in a step."""

    def set_to(number):
        kinds = tuple(replace(kind, at_once=number) for kind in retention._KINDS)
        monkeypatch.setattr(retention, "_KINDS", kinds)

    return set_to


def test_another_setting_holds_for_what_was_written_before_too(clock, database, few_at_once):
    few_at_once(3)
    ensure_indexes(database)
    chats = Chats(database["chats"], TENANT, clock)
    for number in range(10):
        _say(chats, clock, user_id=f"user_{number}")
        KeptEvents(database[KEPT_EVENTS], TENANT).keep(replace(EVENT, key=f"k{number}"))
    for keep_for in (KEEP, 7 * DAY, 90 * DAY):
        assert Retention(database["chats"], keep_for, clock).keep_up(30) == 30
        assert Retention(database["chats"], keep_for, clock).keep_up(30) == 0, "it is done once"
        for name in ("chats", ENTRIES):
            assert len(_expire_at(database, name)) == 10
            assert _is_near(_expire_at(database, name), now() + keep_for)
        assert _is_near(_expire_at(database, KEPT_EVENTS), now() + keep_for), "it happened before retention was on"
    assert Retention(database["chats"], None, clock).keep_up(30) == 30
    assert [set(_expire_at(database, name)) for name in STORED] == [{None}] * 3


def test_switching_retention_on_deletes_nothing_before_its_days_have_passed(clock, database):
    ensure_indexes(database)
    clock.ahead = -400 * DAY
    chats = Chats(database["chats"], TENANT, clock)
    _say(chats, clock, "old")
    KeptEvents(database[KEPT_EVENTS], TENANT).keep(EVENT)
    clock.ahead = timedelta(0)
    _say(chats, clock, "new")
    keeping = Retention(database["chats"], KEEP, clock)
    keeping.keep_up(30)
    for name in STORED:
        assert _is_near(_expire_at(database, name), now() + KEEP), name
    clock.ahead = KEEP - timedelta(hours=1)
    keeping.keep_up(30)
    assert [len(chat["messages"]) for chat in database["chats"].find()] == [2], "the old message is there, too"
    clock.ahead = KEEP + timedelta(hours=1)
    keeping.keep_up(30)
    assert [len(chat["messages"]) for chat in database["chats"].find()] == [0]


def test_a_shorter_setting_counts_from_when_retention_was_first_switched_on(clock, database):
    ensure_indexes(database)
    clock.ahead = -400 * DAY
    _say(Chats(database["chats"], TENANT, clock), clock)
    clock.ahead = timedelta(0)
    Retention(database["chats"], 90 * DAY, clock).keep_up(30)
    clock.ahead = 10 * DAY
    Retention(database["chats"], KEEP, clock).keep_up(30)
    assert _is_near(_expire_at(database), now() + KEEP)


def test_retention_that_was_off_counts_from_when_it_is_switched_on_again(clock, database):
    ensure_indexes(database)
    _say(Chats(database["chats"], TENANT, clock), clock)
    Retention(database["chats"], KEEP, clock).keep_up(30)
    clock.ahead = 100 * DAY
    Retention(database["chats"], None, clock).keep_up(30)
    clock.ahead = 200 * DAY
    Retention(database["chats"], KEEP, clock).keep_up(30)
    assert _is_near(_expire_at(database), now() + 200 * DAY + KEEP)


def test_a_chat_older_than_the_retention_is_listed_for_its_days(clock, database):
    clock.ahead = -400 * DAY
    _say(Chats(database["chats"], TENANT, clock), clock)
    database[ENTRIES].delete_many({})
    database["chats"].update_many({}, {"$unset": {"listed": ""}})
    Unlisted(database["chats"], KEEP).list_for(5)
    assert _is_near(_expire_at(database) + _expire_at(database, ENTRIES), now() + KEEP)


def test_what_there_was_no_time_for_is_done_in_the_next_run(clock, database, few_at_once):
    few_at_once(2)
    chats = Chats(database["chats"], TENANT, clock)
    ensure_indexes(database)
    for number in range(5):
        _say(chats, clock, user_id=f"user_{number}")
    kept = Retention(database["chats"], KEEP, clock)
    assert [kept.keep_up(0) for _ in range(4)] == [4, 4, 2, 0], "a step of each kind, and no more"
    assert _is_near(_expire_at(database) + _expire_at(database, ENTRIES), now() + KEEP)


def test_other_channels_chats_get_no_time_whatever_the_setting(clock, database, kept):
    _say(kept, clock)
    theirs = database["chats"].find_one({}, {"_id": 0}) | {"metadata": {"channel": "web"}, "expireAt": "their own"}
    database["chats"].insert_one(dict(theirs))
    Retention(database["chats"], DAY, clock).keep_up(5)
    clock.ahead = 2 * DAY
    Retention(database["chats"], DAY, clock).keep_up(5)
    assert database["chats"].find_one({"metadata.channel": "web"}, {"_id": 0}) == theirs


# ── chats that live on


def test_a_chat_that_lives_on_loses_its_oldest_messages(kept, clock, database):
    keeping = Retention(database["chats"], KEEP, clock)
    keeping.keep_up(5)
    _say(kept, clock, "old")
    clock.ahead = 20 * DAY
    _say(kept, clock, "new")
    _say(kept, clock, "another", OTHER_USER)
    clock.ahead = 29 * DAY
    keeping.keep_up(5)
    assert [len(one["messages"]) for one in database["chats"].find()] == [2, 1]
    clock.ahead = 31 * DAY
    keeping.keep_up(5)
    assert [[one["text"] for one in chat["messages"]] for chat in database["chats"].find()] == [["new"], ["another"]]


def test_the_oldest_messages_are_looked_for_once_a_day(kept, clock, database):
    keeping = Retention(database["chats"], KEEP, clock)
    keeping.keep_up(5)
    _say(kept, clock, "old")
    clock.ahead = 20 * DAY
    _say(kept, clock, "new")
    database[STATES].update_one({"_id": "trim"}, {"$set": {"at": now() + 31 * DAY - timedelta(hours=23)}}, upsert=True)
    clock.ahead = 31 * DAY
    assert keeping.keep_up(5) == 0
    clock.ahead += timedelta(hours=2)
    assert keeping.keep_up(5) == 1


# ── and MongoDB does it


@pytest.fixture
def quick(tmp_path):
    """A database of a mongod that looks for what has expired once a second, not once a minute."""
    mongod = Mongod(tmp_path / "mongodb", parameters=("ttlMonitorSleepSecs=1",))
    mongod.launch()
    with MongoClient(mongod.wait_until_ready(), tz_aware=True) as client:
        yield client.get_default_database()
    mongod.stop()


def _await_next_pass(database):
    """Wait until MongoDB has looked for what has expired, from beginning to end."""
    deadline = time.monotonic() + 60
    for _ in range(2):
        before = database.client.admin.command("serverStatus")["metrics"]["ttl"]["passes"]
        while database.client.admin.command("serverStatus")["metrics"]["ttl"]["passes"] == before:
            assert time.monotonic() < deadline, "MongoDB does not look for what has expired"


def test_mongodb_removes_what_has_expired_and_nothing_of_other_channels(quick, clock):
    ensure_indexes(quick)
    for user_id in (USER, OTHER_USER, "in another channel"):
        _say(Chats(quick["chats"], TENANT, clock), clock, user_id=user_id)
    KeptEvents(quick[KEPT_EVENTS], TENANT).keep(EVENT)
    quick["chats"].update_one({"metadata.userId": "in another channel"}, {"$set": {"metadata.channel": "web"}})
    quick["chats"].insert_one({"metadata": {"channel": "instagram", "userId": "of the platform"}})
    _say(Chats(quick["chats"], TENANT, clock, keep_for=KEEP), clock, "again", OTHER_USER)
    for name in STORED:
        quick[name].update_many({"expireAt": None}, {"$set": {"expireAt": now() - DAY}})
    _await_next_pass(quick)
    left = {chat["metadata"]["userId"]: chat for chat in quick["chats"].find()}
    assert left.keys() == {OTHER_USER, "in another channel", "of the platform"}
    assert len(left[OTHER_USER]["messages"]) == 2, "a chat that is written in lives on"
    assert left["in another channel"]["expireAt"] < now(), "it bears the field, and is none of ours"
    assert [one["userId"] for one in quick[ENTRIES].find()] == [OTHER_USER]
    assert quick[KEPT_EVENTS].count_documents({}) == 0
