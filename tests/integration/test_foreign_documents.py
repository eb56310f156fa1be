"""The platform's own documents in `chats`, through the deployed handlers: none is changed, deleted or shown."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import Binary, Decimal128, ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from connector.deletions import SETTLED
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.documents import now
from connector.storage.index_command import run
from connector.storage.ownership import CHANNEL, OURS
from tests.integration.deployment import CONTEXT, echo, heard
from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OLD = datetime(2020, 1, 1, tzinfo=UTC)
TENANT = {"subaccountId": "sub_1", "agentId": "agent_1"}
CUSTOMER = {"channel": CHANNEL, "userId": USER, "instagramAccountId": ACCOUNT}
OURS_IN_FORM = TENANT | {
    "status": "ongoing",
    "metadata": CUSTOMER,
    "chatId": None,
    "turn": None,
    "pausedUntil": None,
    "createdAt": OLD,
    "updatedAt": OLD,
    "messages": [],
}
MESSAGE = {
    **dict.fromkeys(("mid", "text", "turnId", "editedAt", "deletedAt", "readAt")),
    "id": "1",
    "key": "mid:a",
    "role": "user",
    "status": "received",
    "createdAt": OLD,
    "attachments": [],
    "reactions": [],
}

# Each is the platform's: it lacks the mark, and something that each of our versions has written.
FOREIGN = [
    {"metadata": {"channel": CHANNEL}},
    {"metadata": {"channel": CHANNEL, "userId": USER}},
    {"metadata": {"channel": [CHANNEL, "web"], "userId": USER}},
    {"metadata": [{"channel": CHANNEL, "userId": USER}, {"channel": CHANNEL, "userId": USER}]},
    {"metadata": None},
    {"metadata": CHANNEL, "messages": CHANNEL},
    TENANT | {"status": "ongoing", "metadata": CUSTOMER},
    TENANT | {"status": "ongoing", "metadata": CUSTOMER},
    TENANT | {"status": "ongoing", "metadata": CUSTOMER, "messages": [{"role": "user", "content": "hi"}]},
    TENANT | {"status": "ongoing", "metadata": CUSTOMER, "messages": None, "wakeAt": OLD, "expireAt": OLD},
    TENANT | {"status": "ongoing", "metadata": CUSTOMER, "messages": {"0": MESSAGE}, "current": True},
    TENANT | {"status": ["ongoing"], "metadata": CUSTOMER, "messages": [[MESSAGE]], "wakeAt": [OLD, OLD]},
    TENANT | {"metadata": CUSTOMER, "messages": [MESSAGE, MESSAGE], "createdAt": OLD, "expireAt": OLD},
    TENANT | {"metadata": CUSTOMER, "messages": [MESSAGE], "createdAt": OLD, "expireAt": [OLD]},
    TENANT | {"metadata": CUSTOMER, "messages": [{"key": "mid:a"}, {"key": None}, None, 5, "x", []]},
    {"subaccountId": 1, "agentId": {"a": 1}, "metadata": CUSTOMER, "createdAt": "2020-01-01", "lastMessageAt": 5},
    {"subaccountId": None, "agentId": None, "metadata": CUSTOMER | {"userId": None}, "wakeAt": OLD},
    {"subaccountId": ["sub_1"], "agentId": ["agent_1"], "metadata": CUSTOMER, "status": "ongoing", "wakeAt": OLD},
    OURS_IN_FORM | {"_id": "a text"},
    OURS_IN_FORM | {"_id": 5, "expireAt": OLD},
    OURS_IN_FORM | {"_id": {"of": "two"}},
    OURS_IN_FORM | {"metadata": CUSTOMER | {"userId": 5}},
    OURS_IN_FORM | {"metadata": CUSTOMER | {"storedBy": "platform"}, "wakeAt": OLD, "expireAt": OLD},
    OURS_IN_FORM | {"metadata": {"channel": CHANNEL, "userId": USER}, "expireAt": OLD},
    OURS_IN_FORM | {"turn": "the customer's"},
    OURS_IN_FORM | {"turn": {"id": "t", "state": "open"}, "messages": [{"text": "hi"}], "wakeAt": OLD},
    OURS_IN_FORM | {"pausedUntil": "tomorrow"},
    OURS_IN_FORM | {"createdAt": OLD.isoformat(), "listed": None},
    OURS_IN_FORM | {"messages": [MESSAGE | {"createdAt": 1577836800000}]},
    OURS_IN_FORM | {"messages": [MESSAGE, {"role": "bot", "text": "Hello"}], "expireAt": OLD},
    OURS_IN_FORM | {"messages": [MESSAGE | {"key": 7}], "current": True, "lastMessageAt": OLD},
    OURS_IN_FORM | {"messages": [MESSAGE | {"attachments": None}]},
    {"metadata": {"channel": CHANNEL, "userId": Binary(b"\xff")}, "messages": [Decimal128("NaN")], "status": 1},
]


@pytest.fixture
def foreign(deployment, database):
    """The platform's documents, there before us: the bytes of each, by the text of its id."""
    database["chats"].drop_indexes()
    database["chats"].insert_many({"_id": ObjectId()} | one for one in FOREIGN)
    yield _stored(database)
    database["chats"].drop_indexes()


def _stored(database):
    raw = database["chats"].with_options(CodecOptions(document_class=RawBSONDocument))
    return {repr(one["_id"]): one.raw for one in raw.find()}


def _is_untouched(database, foreign):
    return foreign.items() <= _stored(database).items()


def _erase(deployment, database):
    database[DELETIONS].update_many({}, {"$set": {"askedAt": now() - SETTLED, "dueAt": now()}})
    deployment.function("erase")({}, CONTEXT)


def test_the_platforms_documents_stay_as_they_are(deployment, database, foreign, monkeypatch, caplog):
    monkeypatch.setenv("RETENTION_DAYS", "30")
    assert len(foreign) == len(FOREIGN) > 20
    deployment.sweep()
    (turn,) = deployment.take_in("a")
    assert deployment.deliver("reply", turn) == []
    assert deployment.sent == ["We open at nine."]
    deployment.tell(heard("b", "Is a person there?"), echo("e", text="Hi, this is Ana."))
    deployment.tell({**heard("c", None), "message": None, "read": {"mid": "out-1"}})
    deployment.tell({**heard("d", None), "message": None, "reaction": {"mid": "a", "action": "react", "emoji": "👍"}})
    deployment.tell(heard("a", None, is_deleted=True))
    for verb in ("pause", "resume"):
        assert deployment.call("POST", verb, payload={"userId": USER})[0] == 200
    database["chats"].update_one(OURS, {"$set": {"wakeAt": now() - timedelta(seconds=1)}})
    deployment.sweep()
    assert len(deployment.turns()) == 1
    _erase(deployment, database)
    assert _is_untouched(database, foreign)
    assert {one["role"] for one in deployment.messages()} == {"user", "agent", "human"}
    assert len(deployment.call("GET", "conversations")[1]["data"]["conversations"]) == 1
    exported = [one for one in deployment.call("GET", "export")[1] if one["type"] == "message"]
    assert len(exported) == len(deployment.messages())
    assert deployment.call("POST", "forget", payload={"userId": USER})[0] == 200
    _erase(deployment, database)
    assert _stored(database) == foreign, "ours is deleted, theirs is not"
    deployment.take_in("f")
    assert deployment.call("POST", "disconnect", payload={"purge": True})[0] == 200
    _erase(deployment, database)
    assert _stored(database) == foreign
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


def test_the_command_leaves_the_platforms_documents(deployment, database, foreign, mongodb_uri):
    lines = []
    run(mongodb_uri.replace("/?", f"/{database.name}?"), lines.append)
    assert _stored(database) == foreign
    assert database["chats"].count_documents(OURS) == 0, "so no index of ours holds them, nor deletes them"
    (others,) = [line for line in lines if "another writer" in line]
    assert int(others.split()[1]) > 15


@pytest.mark.parametrize("turn", [None, {"id": "t", "fence": 1, "state": "done", "leaseUntil": OLD, "generation": 1}])
def test_the_command_marks_what_the_first_version_wrote(database, mongodb_uri, turn):
    database["chats"].insert_one(OURS_IN_FORM | {"turn": turn, "messages": [MESSAGE]})
    run(mongodb_uri.replace("/?", f"/{database.name}?"), print)
    assert database["chats"].count_documents(OURS) == 1
