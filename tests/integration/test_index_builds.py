"""Building indexes: by the functions where there is little, by the operator where there is much."""

import re
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from pymongo import ASCENDING, IndexModel

from connector.errors import ConnectorError, IndexesMissing
from connector.storage import index_builds
from connector.storage.build_progress import watching
from connector.storage.documents import now
from connector.storage.index_builds import COLLECTIONS, SMALL, build_indexes, ensure_indexes
from connector.storage.index_command import run
from connector.storage.indexes import AWAKE, MESSAGE_ONCE, OPENED
from connector.storage.ownership import CHANNEL, EARLIER_INDEXES, OURS
from tests.integration.deployment import CONNECT, CONTEXT
from tests.unit.payloads import USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

EARLIER = [
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("metadata.userId", ASCENDING)],
        name="instagram_one_ongoing_chat",
        unique=True,
        partialFilterExpression={"metadata.channel": CHANNEL, "status": "ongoing"},
    ),
    IndexModel(
        [("wakeAt", ASCENDING)],
        name="instagram_wakes",
        partialFilterExpression={"metadata.channel": CHANNEL, "wakeAt": {"$type": "date"}},
    ),
    IndexModel(
        [("expireAt", ASCENDING)],
        name="instagram_expired",
        expireAfterSeconds=0,
        partialFilterExpression={"metadata.channel": CHANNEL},
    ),
]


@pytest.fixture
def large(deployment, database):
    """A deployment whose platform has a large collection without our indexes."""
    for name in COLLECTIONS:
        database[name].drop_indexes()
    database["chats"].insert_many({"channel": "web", "number": number} for number in range(SMALL + 1))
    yield deployment
    database["chats"].drop_indexes()
    index_builds.check_again()


@pytest.fixture
def uri(mongodb_uri, database):
    return mongodb_uri.replace("/?", f"/{database.name}?")


def _built(database):
    return {
        name: set(database[name].index_information()) == {"_id_", *(one.document["name"] for one in models)}
        for name, models in COLLECTIONS.items()
    }


def _as_an_earlier_version(database):
    """Leave what an earlier version has stored as that would have: without the mark, under its own indexes."""
    database["chats"].drop_indexes()
    database["chats"].update_many(OURS, {"$unset": {"metadata.storedBy": 1}})
    database["chats"].create_indexes(EARLIER)
    index_builds.check_again()


def test_connect_says_which_indexes_are_missing_and_what_to_run(large, database, uri):
    status, told = large.call("POST", "connect", payload=CONNECT)
    assert (status, told["error"]["code"]) == (503, "indexes_missing")
    assert f"chats.{MESSAGE_ONCE} is missing" in told["error"]["message"]
    assert "`make indexes`" in told["error"]["message"]
    assert _built(database) == {name: name != "chats" for name in COLLECTIONS}, "small collections need no operator"
    run(uri, print)
    assert large.call("POST", "connect", payload=CONNECT)[0] == 200
    assert set(_built(database).values()) == {True}


def test_scheduled_functions_go_on_without_the_indexes(large, database, uri, caplog):
    large.sweep()
    large.function("erase")({}, CONTEXT)
    large.function("refresh")({}, CONTEXT)
    large.function("compare")({}, CONTEXT)
    assert any("make indexes" in getattr(one, "why", "") for one in caplog.records)
    assert database["instagram_retention"].find_one({"_id": "chats"}) is None, "it waits for its index"
    run(uri, print)
    large.sweep()
    large.function("erase")({}, CONTEXT)


def test_a_connected_agent_answers_while_indexes_are_missing(large, database, uri):
    run(uri, print)
    (turn,) = large.take_in("a")
    database["chats"].drop_indexes()
    database["instagram_messages"].drop_indexes()
    index_builds.check_again()
    assert large.deliver("reply", turn) == []
    assert [one["role"] for one in large.messages()] == ["user", "agent"]
    assert [one["userId"] for one in large.call("GET", "conversations")[1]["data"]["conversations"]] == [USER]
    assert large.call("GET", "export")[0] == 200
    large.sweep()
    assert large.call("POST", "forget", payload={"userId": USER})[0] == 200
    assert database["chats"].count_documents(OURS) == 0


def test_the_command_can_be_repeated(database, uri):
    lines = []
    run(uri, print)
    before = {name: database[name].index_information() for name in COLLECTIONS}
    run(uri, lines.append)
    assert {name: database[name].index_information() for name in COLLECTIONS} == before
    assert [line for line in lines if "building" in line] == []


def test_two_operators_at_once_build_the_same(database, uri, race):
    for name in COLLECTIONS:
        database[name].drop_indexes()
    assert race(2, lambda _: run(uri, print)) == [None, None]
    assert set(_built(database).values()) == {True}


def test_an_index_with_our_name_and_other_keys_is_named(large, database, uri):
    database["chats"].create_index([("number", ASCENDING)], name=AWAKE)
    for attempt in (lambda: run(uri, print), lambda: ensure_indexes(database)):
        with pytest.raises(ConnectorError, match=f"chats.{AWAKE} has other keys or options: drop it"):
            attempt()
    assert "number_1" not in database["chats"].index_information()
    database["chats"].drop_index(AWAKE)
    run(uri, print)
    ensure_indexes(database)


def test_a_build_under_way_is_no_index_and_the_command_waits_for_it(large, database, uri, mongodb):
    for name in COLLECTIONS:
        if name != "chats":
            ensure_indexes(database, [name])
    mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="alwaysOn")
    try:
        operators = [threading.Thread(target=run, args=(uri, print)) for _ in range(2)]
        operators[0].start()
        while not any(one.get("building") for one in _problems(database)):
            pass
        with pytest.raises(IndexesMissing, match=f"chats.{OPENED} is being built"):
            ensure_indexes(database)
        operators[1].start()
    finally:
        mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="off")
    for operator in operators:
        operator.join(60)
    ensure_indexes(database)


def _problems(database):
    return [{"building": "being built" in one} for one in index_builds._problems(database["chats"])]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("mongodb://user:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=50", "cannot be reached at 127.0.0.1:1"),
        ("mongodb://127.0.0.1:1", "must name a database"),
        ("http://127.0.0.1", "is not a MongoDB URI"),
    ],
)
def test_the_command_says_what_keeps_it_from_the_database(bad, words, monkeypatch):
    ran = subprocess.run(
        [sys.executable, "-m", "local.indexes"],
        env={"MONGODB_URI": bad, "PYTHONPATH": "layers/connector:."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "secret" not in ran.stderr + ran.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (13, "The user needs the role readWrite on this database"),
        (18, "MongoDB refuses the user"),
        (276, "MongoDB refused an operation"),
        (None, "is completed by MongoDB"),
    ],
)
def test_the_command_says_what_stopped_a_build(database, uri, mongodb, code, words):
    database["chats"].drop_indexes()
    data = {"failCommands": ["createIndexes"], **({"errorCode": code} if code else {"closeConnection": True})}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    with pytest.raises(ConnectorError, match=words):
        run(uri, print)
    run(uri, print)
    assert set(_built(database).values()) == {True}


def test_two_of_our_documents_that_are_not_unique_are_named_by_field(database, uri):
    database["chats"].drop_indexes()
    alike = {"subaccountId": "s", "agentId": "a", "status": "ongoing"}
    customer = {"channel": CHANNEL, "storedBy": "instagram-connector", "userId": "1234"}
    database["chats"].insert_many(alike | {"metadata": customer} for _ in range(2))
    with pytest.raises(ConnectorError, match=r"the same subaccountId, agentId, metadata.userId, which") as told:
        run(uri, print)
    assert "1234" not in str(told.value)


def test_progress_is_reported_while_a_build_runs(database, uri, mongodb):
    database["chats"].drop_indexes()
    database["chats"].insert_one({"channel": "web"})
    mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="alwaysOn")
    operator = threading.Thread(target=run, args=(uri, print))
    operator.start()
    lines, told = [], threading.Event()

    def report(line):
        lines.append(line)
        told.set()

    try:
        while not _builds(mongodb):
            pass
        with watching(database["chats"], report, every=0.05):
            assert told.wait(30)
    finally:
        mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="off")
    operator.join(60)
    assert re.fullmatch(r"chats: (under way|\w.*), \d+ s", lines[0])


def test_the_function_does_what_the_command_does(large, database):
    told = large.function("indexes")({}, CONTEXT)
    assert told["lines"][-1] == "done: all indexes exist"
    assert set(_built(database).values()) == {True}


def test_no_time_limit_is_sent_whatever_the_uri_says(database, uri, mongodb):
    database["chats"].drop_indexes()
    mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="alwaysOn")
    operator = threading.Thread(target=run, args=(f"{uri}&timeoutMS=100&socketTimeoutMS=100", print))
    operator.start()
    try:
        while not (found := _builds(mongodb)):
            pass
    finally:
        mongodb.admin.command("configureFailPoint", "hangAfterStartingIndexBuild", mode="off")
    operator.join(60)
    assert [one for one in found if "maxTimeMS" in one["command"]] == []
    assert set(_built(database).values()) == {True}


def _builds(mongodb):
    found = mongodb.admin.aggregate(
        [{"$currentOp": {"allUsers": True}}, {"$match": {"command.createIndexes": "chats"}}]
    )
    return found.to_list()


# ── from one version to the next


def test_functions_find_what_an_earlier_version_stored_until_it_is_marked(large, database, uri):
    """The bridge: nothing is lost between the deploy and the command."""
    run(uri, print)
    (turn,) = large.take_in("a")
    _as_an_earlier_version(database)
    assert large.deliver("reply", turn) == []
    assert [one["status"] for one in large.messages()] == ["answered", "sent"]
    assert len(large.call("GET", "conversations")[1]["data"]["conversations"]) == 1
    database["chats"].update_one({"metadata.userId": USER}, {"$set": {"wakeAt": now() - timedelta(seconds=1)}})
    large.sweep()
    assert len(large.turns()) == 1, "the index of the earlier version finds it"
    assert database["chats"].count_documents(OURS) == 0
    run(uri, print)
    assert database["chats"].count_documents(OURS) == 1
    assert not set(EARLIER_INDEXES) & database["chats"].index_information().keys()
    assert [one["status"] for one in large.messages()] == ["answered", "sent"]


def test_a_small_database_of_an_earlier_version_is_marked_by_the_sweep(deployment, database):
    deployment.take_in("a")
    _as_an_earlier_version(database)
    deployment.sweep()
    assert database["chats"].count_documents(OURS) == 1
    assert not set(EARLIER_INDEXES) & database["chats"].index_information().keys()


def test_forget_deletes_what_an_earlier_version_stored(large, database, uri):
    run(uri, print)
    large.take_in("a")
    _as_an_earlier_version(database)
    assert large.call("POST", "forget", payload={"userId": USER})[0] == 200
    assert database["chats"].count_documents({"metadata.channel": CHANNEL}) == 0


def test_retention_counts_anew_for_what_was_marked(database, uri):
    database["instagram_retention"].insert_one({"_id": "chats", "seconds": 1.0, "isDone": True})
    build_indexes(database)
    assert database["instagram_retention"].find_one({"_id": "chats"}), "nothing was marked"
