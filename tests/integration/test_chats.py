"""The platform's `chats` collection, as far as it is ours: `storage.chats` on a real mongod."""

import gc
import warnings
from datetime import timedelta
from functools import partial

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import ReadPreference
from pymongo.errors import OperationFailure

from connector.chat import LATE, LOOPING, PAUSED, Attachment, MessageStatus, Person
from connector.errors import Misconfigured, Unavailable
from connector.ports.reading import Scope
from connector.storage.changes import Changes
from connector.storage.chats import Chats
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.storage.mongodb import database as connector_database
from connector.storage.mongodb import translated
from connector.storage.pages import Pages
from connector.tenancy import Tenant
from connector.untrusted import clean
from tests.integration.world import START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

OTHERS = [Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")]


def _add(chats, message, **options):
    return chats.add(USER, ACCOUNT, message, **options)


# ── once


def test_a_message_is_stored_once_in_a_chat(chats):
    assert _add(chats, user_message("mid:a", "first")) is not None
    assert _add(chats, user_message("mid:a", "again")) is None
    assert [message.text for message in chats.ongoing(USER).messages] == ["first"]


def test_a20_a_message_is_stored_once_across_chats(chats, collection):
    """The redelivery comes when the session has ended."""
    _add(chats, user_message("mid:a"))
    collection.update_many({}, {"$set": {"status": "ended"}})
    assert _add(chats, user_message("mid:b")) is not None
    assert _add(chats, user_message("mid:a", "again")) is None
    assert collection.count_documents({}) == 2
    assert [message.key for message in chats.ongoing(USER).messages] == ["mid:b"]


def test_a20_a_message_of_an_ended_chat_opens_no_chat_when_it_comes_again(chats, collection):
    _add(chats, user_message("mid:a"))
    collection.update_many({}, {"$set": {"status": "ended"}})
    assert _add(chats, user_message("mid:a")) is None
    assert chats.ongoing(USER) is None


def test_a20_a_duplicate_changes_nothing(chats, collection):
    _add(chats, user_message("mid:a"), turn_due_in=timedelta(seconds=5))
    before = collection.find_one()
    assert _add(chats, user_message("mid:a", at=now()), turn_due_in=timedelta(seconds=500)) is None
    assert collection.find_one() == before


def test_f5_sixteen_writers_racing_to_open_a_chat_open_one_and_store_every_message_once(chats, collection, race):
    stored = race(16, lambda index: _add(chats, user_message(f"mid:{index}")))
    assert None not in stored, stored
    assert collection.count_documents({}) == 1
    assert sorted(message.key for message in chats.ongoing(USER).messages) == sorted(f"mid:{n}" for n in range(16))


def test_b5_sixteen_writers_of_one_message_store_it_once_and_one_is_told_so(chats, collection, race):
    stored = race(16, lambda index: _add(chats, user_message("mid:a", f"writer {index}")))
    assert [one for one in stored if isinstance(one, Exception)] == []
    assert len([one for one in stored if one is not None]) == 1
    assert [document["messages"][0]["key"] for document in collection.find()] == ["mid:a"]


def test_b5_writers_of_several_messages_and_their_doubles_store_each_once(chats, collection, race):
    stored = race(16, lambda index: _add(chats, user_message(f"mid:{index % 4}")))
    assert len([one for one in stored if one is not None]) == 4, stored
    assert collection.count_documents({}) == 1
    assert len(chats.ongoing(USER).messages) == 4


def test_a_user_has_one_ongoing_chat_even_when_somebody_else_writes_the_document(chats, collection):
    _add(chats, user_message("mid:a"))
    document = collection.find_one()
    copy = document | {"_id": ObjectId(), "messages": [document["messages"][0] | {"key": "mid:b"}]}
    with pytest.raises(Exception, match="connector_one_ongoing_chat"):
        collection.insert_one(copy)
    collection.insert_one(copy | {"status": "ended"})


def test_each_user_has_a_chat_of_their_own(chats):
    _add(chats, user_message("mid:a"))
    chats.add(OTHER_USER, ACCOUNT, user_message("mid:b"))
    assert [one.key for one in chats.ongoing(USER).messages] == ["mid:a"]
    assert [one.key for one in chats.ongoing(OTHER_USER).messages] == ["mid:b"]


# ── whose


def test_documents_of_other_channels_are_never_touched_and_never_refused(collection):
    """The collection is the platform's: its documents have fields of their own, or none."""
    theirs = [
        {"subaccountId": "sub_1", "agentId": "agent_1", "status": "ongoing", "metadata": {"channel": "whatsapp"}},
        {"subaccountId": "sub_1", "agentId": "agent_1", "status": "ongoing", "metadata": {"channel": "whatsapp"}},
        {"subaccountId": "sub_1", "agentId": "agent_1", "status": "ongoing", "chatId": "x"},
        {
            "subaccountId": "sub_1",
            "agentId": "agent_1",
            "status": "ongoing",
            "metadata": {"channel": "web", "userId": USER},
            "messages": [{"key": "mid:a", "mid": "a", "role": "user", "status": "sent", "text": "theirs"}],
        },
    ]
    collection.insert_many(theirs)
    ensure_indexes(collection.database)
    chats, changes = Chats(collection, TENANT), Changes(collection, TENANT)
    assert _add(chats, user_message("mid:a")) is not None
    chats.pause(USER, now(), PAUSED)
    chats.refer(USER, {"ref": "x"}, now())
    chats.describe(USER, Person("ada", "Ada", now()))
    changes.edit("a", "changed", now())
    changes.react("a", USER, "❤️", now())
    changes.mark_read(USER, "a", now())
    changes.unsend("a", now())
    assert len(Pages(collection, TENANT).entries(Scope(), limit=10)) == 1
    assert list(collection.find({"metadata.channel": {"$ne": "instagram"}})) == theirs
    collection.insert_one({name: value for name, value in theirs[3].items() if name != "_id"})


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_h5_one_tenant_neither_sees_nor_changes_anothers_chats(chats, collection, other):
    """The same user, the same mids."""
    theirs, their_changes = Chats(collection, other), Changes(collection, other)
    _add(chats, our_message("sent:1", mid="a", status=MessageStatus.SENT))
    _add(chats, user_message("mid:b"))
    before = collection.find_one()
    assert theirs.ongoing(USER) is None
    assert not theirs.has("sent:1")
    assert Pages(collection, other).entries(Scope(), limit=10) == []
    assert not their_changes.edit("b", "changed", now())
    assert not their_changes.unsend("a", now())
    assert not their_changes.react("a", USER, "❤️", now())
    assert not their_changes.mark_read(USER, "a", now())
    assert not theirs.refer(USER, {"ref": "x"}, now())
    theirs.pause(USER, now(), PAUSED)
    theirs.describe(USER, Person("ada", "Ada", now()))
    assert collection.find_one() == before
    assert _add(theirs, user_message("sent:1")) is not None, "a key is unique within a tenant, not beyond it"
    assert collection.count_documents({}) == 2


# ── what is stored


def test_a_message_comes_back_as_it_was_stored(chats):
    written = user_message(
        "mid:a",
        "Привет 👋",
        attachments=(Attachment("image", "https://x/1", None), Attachment("hologram", None, "T")),
        reply_to={"mid": "z"},
        postback={"payload": "P", "title": "T"},
    )
    stored = _add(chats, written)
    (read,) = chats.ongoing(USER).messages
    assert read == stored
    assert read.id
    assert read.key == written.key


def test_b3_messages_stand_in_the_order_of_their_times_whatever_the_order_of_arrival(chats):
    for name, seconds in (("c", 3), ("a", 1), ("b", 2)):
        _add(chats, user_message(f"mid:{name}", name, at=START + timedelta(seconds=seconds)))
    assert [message.text for message in chats.ongoing(USER).messages] == ["a", "b", "c"]


def test_a_chat_says_when_its_turn_is_due_and_for_which_message(chats):
    _add(chats, user_message("mid:a"), turn_due_in=timedelta(seconds=60))
    _add(chats, our_message("sent:1"))
    chat = chats.ongoing(USER)
    assert chat.turn_due_for == "mid:a"
    assert now() < chat.turn_due_at < now() + timedelta(seconds=61)
    assert chat.is_due("mid:a", now())
    assert not chat.is_due("mid:0", now())
    assert chat.is_due("mid:0", now() + timedelta(seconds=61))


def test_a_chat_is_looked_after_when_its_turn_message_is_late(chats, collection):
    _add(chats, our_message("sent:1"))
    assert collection.find_one()["wakeAt"] is None, "nobody waits for an answer to what a person wrote"
    _add(chats, user_message("mid:a"), turn_due_in=timedelta(seconds=60))
    chat, document = chats.ongoing(USER), collection.find_one()
    assert document["wakeAt"] == chat.turn_due_at + LATE


def test_the_window_is_open_from_the_newest_thing_the_customer_did_whatever_the_order_of_arrival(chats):
    _add(chats, user_message("mid:b", at=START + timedelta(seconds=9)))
    _add(chats, user_message("mid:a", at=START))
    _add(chats, our_message("sent:1", at=START + timedelta(seconds=99)))
    assert chats.ongoing(USER).window_opened_at == START + timedelta(seconds=9)
    assert chats.refer(USER, {"ref": "spring"}, START + timedelta(seconds=5))
    assert chats.ongoing(USER).window_opened_at == START + timedelta(seconds=9)
    assert chats.refer(USER, {"ref": "spring"}, START + timedelta(seconds=20))
    assert chats.ongoing(USER).window_opened_at == START + timedelta(seconds=20)


def test_of_all_that_brought_a_customer_here_the_latest_stands(chats):
    _add(chats, user_message("mid:a"))
    chats.refer(USER, {"ref": "summer"}, START + timedelta(seconds=9))
    chats.refer(USER, {"ref": "spring"}, START)
    assert chats.ongoing(USER).referral["ref"] == "summer"
    chats.refer(USER, {"ref": "autumn"}, START + timedelta(seconds=10))
    assert chats.ongoing(USER).referral["ref"] == "autumn"


def test_who_has_no_chat_is_neither_paused_nor_referred_nor_described(chats, collection):
    chats.pause(USER, now(), PAUSED)
    assert not chats.refer(USER, {"ref": "x"}, now())
    chats.describe(USER, Person("ada", "Ada", now()))
    assert collection.count_documents({}) == 0


def test_a_pause_is_never_made_shorter(chats):
    _add(chats, user_message("mid:a"))
    chats.pause(USER, START + timedelta(hours=2), PAUSED)
    chats.pause(USER, START + timedelta(hours=1), LOOPING)
    chat = chats.ongoing(USER)
    assert chat.paused_until == START + timedelta(hours=2)
    assert chat.is_paused(START + timedelta(minutes=119))
    assert not chat.is_paused(START + timedelta(hours=2))


def test_who_the_customer_is_comes_back_as_it_was_told_and_what_else_is_known_stays(chats):
    _add(chats, user_message("mid:a"))
    chats.refer(USER, {"ref": "spring"}, START)
    chats.describe(USER, Person("ada", "Ада 👩‍💻", START))
    chats.describe(USER, Person("ada", None, START + timedelta(days=2)))
    chat = chats.ongoing(USER)
    assert chat.person == Person("ada", None, START + timedelta(days=2))
    assert (chat.user_id, chat.account_id, chat.referral["ref"]) == (USER, ACCOUNT, "spring")


# ── a chat without messages: its writer died between two writes, or was about to make the second


def test_c1_the_writer_of_a_first_message_may_die_between_opening_the_chat_and_storing_it(chats, collection):
    assert chats._open(USER, ACCOUNT)
    assert _add(chats, user_message("mid:a")) is not None
    assert [one["messages"][0]["key"] for one in collection.find()] == ["mid:a"]


def test_f5_customers_who_write_for_the_first_time_at_one_moment_all_have_a_chat(chats, collection, race):
    """As one unique key, `null` would belong to the first of the chats that have no message yet."""
    assert [chats._open(user_id, ACCOUNT) for user_id in (USER, OTHER_USER)] == [True, True]
    stored = race(16, lambda index: chats.add(f"user_{index}", ACCOUNT, user_message(f"mid:{index}")))
    assert [one for one in stored if one is None or isinstance(one, Exception)] == []
    assert collection.count_documents({"status": "ongoing"}) == 18


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a.b", "$where", "$set", "", "a\0", "\ud800", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.text(st.characters(), max_size=8))
def test_f6_whatever_meta_writes_can_be_stored_once_it_is_cleaned(chats, collection, item, text):
    """Lone surrogates, 64-bit integers, field names with dots and dollars."""
    cleaned = clean(item)
    collection.delete_many({})
    assert _add(chats, user_message("mid:a", clean(text), reply_to=cleaned, postback=cleaned)) is not None
    document = collection.find_one()
    assert document["messages"][0]["replyTo"] == cleaned


# ── when the database fails


def _fail(mongodb, *commands, **data):
    mode = {"times": data.pop("times", 1)}
    mongodb.admin.command(
        {"configureFailPoint": "failCommand", "mode": mode, "data": {"failCommands": list(commands), **data}}
    )


@pytest.fixture
def failing(mongodb):
    yield partial(_fail, mongodb)
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_f1_f2_a_write_whose_answer_is_lost_is_stored_once(chats, failing):
    """The driver's retryable write."""
    failing("update", closeConnection=True)
    assert _add(chats, user_message("mid:a")) is not None
    assert len(chats.ongoing(USER).messages) == 1


def test_f1_a_primary_that_steps_down_costs_one_retry(chats, failing):
    failing("update", errorCode=10107, errorLabels=["RetryableWriteError"])
    assert _add(chats, user_message("mid:a")) is not None


@pytest.mark.parametrize("code", [8000, 112, 211, 50])
def test_an_operation_that_the_database_refuses_is_unavailable(chats, failing, code):
    failing("find", "update", errorCode=code, times=10)
    with pytest.raises(Unavailable):
        chats.ongoing(USER)
    with pytest.raises(Unavailable):
        _add(chats, user_message("mid:a"))


@pytest.mark.parametrize("code", [13, 18])
def test_f9_a_database_that_does_not_let_us_in_is_misconfigured(chats, failing, code):
    failing("find", errorCode=code)
    with pytest.raises(Misconfigured):
        chats.ongoing(USER)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("bad auth : authentication failed", Misconfigured),
        ("user is not allowed to do action [insert] on [acme.chats]", Misconfigured),
        ("you are over your space quota", Unavailable),
    ],
)
def test_f9_an_atlas_error_is_told_apart_by_its_words(words, expected):
    with pytest.raises(expected), translated():
        raise OperationFailure(words, 8000)


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("hush", id="not-a-uri"),
        pytest.param("mongodb://user:hush@127.0.0.1:1/", id="no-database"),
        pytest.param("mongodb://user:hush@127.0.0.1:99999/x", id="no-port"),
        pytest.param("mongodb://user:hu:sh@127.0.0.1/x", id="password-not-escaped"),
        pytest.param("mongodb://user:hush/@127.0.0.1/x", id="slash-not-escaped"),
    ],
)
def test_a_uri_that_is_none_or_names_no_database_is_misconfigured_quotes_nothing_and_leaves_no_client(uri):
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        with pytest.raises(Misconfigured) as refusal:
            connector_database(uri)
        gc.collect()
    assert "hush" not in refusal.value.message
    assert [str(one.message) for one in left] == [], "a client and its threads are left behind at every invocation"


def test_reads_go_to_the_primary_whatever_the_uri_says(mongodb_uri, database):
    asked = "readPreference=secondaryPreferred&readPreferenceTags=dc:east&maxStalenessSeconds=120"
    named = connector_database(mongodb_uri.replace("/?", f"/{database.name}?{asked}&"))

    assert named.read_preference == named["chats"].read_preference == ReadPreference.PRIMARY
    named.client.close()
