"""Odd values from outside, through the deployed handlers: all routes go on to answer.

Hypothesis puts any JSON into any field of Meta's events, and any value that BSON knows into any field of stored chats
and events, as another writer of the platform's collections might. HYPOTHESIS_PROFILE=long tries many more.
"""

from datetime import UTC, datetime

import pytest
from bson import DBRef, Decimal128, Int64, ObjectId, Timestamp
from bson.errors import InvalidDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import PyMongoError

from connector.deletions import SETTLED
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.retell_deletions import COLLECTION as RETELL_DELETIONS
from connector.wiring.forgetting import forgetting
from tests.integration.deployment import CONNECT, echo, heard, just_now
from tests.unit.mutations import ANY_VALUE, mutated_bodies
from tests.unit.payloads import ACCOUNT, SENT_AT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

READS = [
    ("messages", {}),
    ("messages", {"userId": USER}),
    ("messages", {"q": "hours"}),
    ("messages", {"status": "answered"}),
    ("conversations", {}),
    ("conversations", {"userId": USER}),
    ("export", {}),
    ("export", {"userId": USER}),
    ("status", {}),
]
STORED = ("chats", KEPT_EVENTS, "instagram_messages", DELETIONS, RETELL_DELETIONS, "instagram_tombstones")


def _read_everything(deployment):
    for verb, query in READS:
        status, body = deployment.call("GET", verb, query=query)
        assert status == 200, (verb, query, body)


def _forget(deployment, database):
    """Forget the customer and carry the deletion to its end; return what is left that names them."""
    status, body = deployment.call("POST", "forget", payload={"userId": USER})
    assert status == 200, body
    database[DELETIONS].update_many({}, {"$set": {"askedAt": now() - SETTLED, "dueAt": now()}})
    forgetting().carry_on(60)  # as `functions/erase` does
    assert database[DELETIONS].count_documents({"status": "pending", "erasedAt": None}) == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
@given(mutated_bodies())
def test_a_route_reads_whatever_an_event_held(connected, database, raw):
    raw = raw.replace(str(int(SENT_AT.timestamp() * 1000)).encode(), str(just_now()).encode())
    assert connected.post(raw) == 200
    assert connected.deliver("ingest", *connected.inbox()) == []
    connected.deliver("reply", *connected.turns())
    _read_everything(connected)
    _forget(connected, database)


@pytest.mark.parametrize("field", ["message", "reply_to", "referral", "postback", "reaction", "optin", "from"])
def test_an_operator_as_a_field_name_is_not_stored(connected, database, field):
    reference = {"$ref": "x", "$id": "y", "a.b": {"$where": "1"}, "nul\0": 1, "plain": "kept"}
    item = heard("m1", "hello") | {field: reference}
    if field == "reply_to":
        item = heard("m1", "hello", reply_to=reference)
    connected.tell(item, heard("m2", "When?"))
    connected.deliver("reply", *connected.turns())
    names = {name for one in STORED for document in database[one].find() for name in _names(document)}
    assert not [name for name in names if name.startswith("$") or "." in name or "\0" in name]
    _read_everything(connected)


def _names(value):
    """Yield every field name in a document; what the driver made an object of is one that should not be."""
    assert not isinstance(value, DBRef)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


ODD = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            -1,
            1.5,
            float("nan"),
            float("inf"),
            Int64(2**62),
            Decimal128("1e6000"),
            Timestamp(2**32 - 1, 1),
        ),
        *("", "x", b"\xff", ObjectId(), DBRef("x", "y"), DBRef("x", {"a": 1}), datetime(1, 1, 1, tzinfo=UTC)),
        *([], [[]], [None], [5], [{}], ["x"], {}, {"$ref": "x", "$id": 1}, {"at": 5}, {"type": 5}, {"code": []}),
        *(datetime(9999, 12, 31, tzinfo=UTC), [now()], {"url": "javascript:alert(1)"}, {"generic": None}),
    ]
) | ANY_VALUE.filter(lambda one: not isinstance(one, int) or abs(one) < 2**63)
UNTOUCHED = {"_id", "subaccountId", "agentId", "metadata.channel"}


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_a_route_reads_whatever_a_stored_document_holds(connected, database, data):
    for name in STORED:
        database[name].delete_many({})
    reply = {"story": {"id": "1", "url": "https://x/y"}}
    referral = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD", "ads_context_data": {"ad_title": "Ad"}}
    card = {"title": "T", "buttons": [{"title": "B", "url": "https://x/b"}]}
    template = {"type": "template", "payload": {"generic": {"elements": [card]}}}
    place = {"type": "location", "payload": {"coordinates": {"lat": 1.0, "long": 2.0}}}
    connected.tell(
        heard("m1", "What are your hours?", reply_to=reply, referral=referral, attachments=[template, place])
    )
    connected.tell({**heard("x", None), "message": None, "reaction": {"mid": "m1", "action": "react", "emoji": "❤️"}})
    connected.tell(echo("e1", text="Hello from us"), {"recipient": {"id": ACCOUNT}, "optin": {"user_ref": USER}})
    connected.deliver("reply", *connected.turns())
    for _ in range(data.draw(st.integers(1, 3))):
        collection = database[data.draw(st.sampled_from(["chats", "chats", "chats", KEPT_EVENTS]))]
        document = collection.find_one()
        if document is None:
            continue
        place = data.draw(st.sampled_from([one for one in _places(document) if one not in UNTOUCHED]))
        value = data.draw(ODD)
        try:
            collection.update_one({"_id": document["_id"]}, {"$set": {place: value}})
        except (
            PyMongoError,
            InvalidDocument,
            UnicodeError,
            OverflowError,
        ):  # what MongoDB itself refuses is stored by nobody
            continue
    _read_everything(connected)
    _forget(connected, database)


def _places(document, before=""):
    """Yield the path of every field of a document; of a list, its elements too."""
    for name, value in document.items():
        path = f"{before}{name}"
        yield path
        if isinstance(value, dict):
            yield from _places(value, f"{path}.")
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if isinstance(one, dict):
                    yield from _places({str(index): one}, f"{path}.")


@pytest.fixture
def connected(deployment):
    """A deployment whose account is connected."""
    deployment.is_warm = True
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment
