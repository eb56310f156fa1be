"""What stands in `chats` and in no list: `storage.unlisted` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import MessageStatus
from connector.conversation.cursors import Cursors
from connector.conversation.history import read_page
from connector.storage.chats import Chats
from connector.storage.conversations import Conversations
from connector.storage.pages import Pages
from connector.storage.unlisted import Unlisted
from connector.tenancy import Tenant
from tests.integration.world import START, TENANT, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

OTHER = Tenant("sub_2", "agent_1")


@pytest.fixture
def unlisted(collection):
    return Unlisted(collection)


def _at(seconds):
    return START + timedelta(seconds=seconds)


def _say(chats, name, seconds=0, user_id=USER):
    message = user_message(f"mid:{name}", name, at=_at(seconds), status=MessageStatus.ANSWERED)
    return chats.add(user_id, ACCOUNT, message)


def _end(collection):
    collection.update_many({}, {"$set": {"status": "ended"}})


def _as_an_earlier_version_left_it(collection):
    collection.update_many({}, {"$unset": {"listed": 1, "current": 1}})
    collection.database["instagram_messages"].delete_many({})


def _texts(collection, tenant=TENANT):
    page = read_page(Pages(collection, tenant), Cursors(tenant, "messages"), limit=100)
    return [message.text for _, message in page.messages]


def _rows(collection, tenant=TENANT):
    return [one.chat.id for one in Conversations(collection, tenant).rows(limit=100)]


def test_i10_what_an_earlier_version_stored_is_listed_and_has_its_rows(chats, collection, unlisted):
    theirs = Chats(collection, OTHER)
    for number in range(3):
        _say(chats, f"{number}", number)
        _say(chats, f"other {number}", 10 + number, user_id=OTHER_USER)
        _say(theirs, f"theirs {number}", number)
        _end(collection)
    listed = collection.database["instagram_messages"]
    before = (list(listed.find().sort("_id", 1)), _texts(collection), _texts(collection, OTHER), _rows(collection))
    _as_an_earlier_version_left_it(collection)
    assert _texts(collection) == _rows(collection) == []
    assert unlisted.list_for(10) == 9
    after = (list(listed.find().sort("_id", 1)), _texts(collection), _texts(collection, OTHER), _rows(collection))
    assert after == before
    assert collection.count_documents({"current": True}) == 3
    assert unlisted.list_for(10) == 0


def test_an_entry_that_an_earlier_version_made_learns_the_words_of_its_message(chats, collection, unlisted):
    _say(chats, "0")
    listed = collection.database["instagram_messages"]
    before = list(listed.find())
    listed.update_many({}, {"$unset": {"words": 1}})
    collection.update_many({}, {"$unset": {"listed": 1}})
    assert unlisted.list_for(10) == 1
    assert list(listed.find()) == before
    assert before[0]["words"] == ["0"]


def test_what_our_own_writers_stored_is_never_listed_again(chats, collection, unlisted):
    small = Chats(collection, TENANT, most_messages=2)
    for number in range(7):
        _say(small, f"{number}", number)
        if number % 3 == 0:
            _end(collection)
    assert unlisted.list_for(10) == 0


def test_a_chat_that_goes_on_while_it_is_unlisted_passes_that_on(chats, collection, unlisted):
    """Its messages go over into a chat of our own making, and would be taken for listed."""
    small = Chats(collection, TENANT, most_messages=2)
    small.add(USER, ACCOUNT, user_message("mid:0", "0", at=_at(0)))
    _say(small, "1", 1)
    _as_an_earlier_version_left_it(collection)
    _say(small, "2", 2)
    assert [one.key for one in chats.ongoing(USER).messages] == ["mid:0", "mid:2"]
    assert unlisted.list_for(10) == 2
    assert _texts(collection) == ["2", "1", "0"]
    assert len(_rows(collection)) == collection.count_documents({"current": True}) == 1


def test_a_message_that_is_listed_already_keeps_its_place(chats, collection, unlisted):
    _say(chats, "0")
    listed = collection.database["instagram_messages"]
    before = list(listed.find())
    collection.update_many({}, {"$unset": {"listed": 1}, "$set": {"messages.0.createdAt": _at(99)}})
    assert unlisted.list_for(10) == 1
    assert list(listed.find()) == before


@pytest.mark.parametrize(
    "stranger",
    [
        {"metadata": {"channel": "instagram"}},
        {"metadata": {"channel": "instagram", "userId": USER}, "messages": "none"},
        {"subaccountId": "s", "agentId": "a", "metadata": {"channel": "instagram", "userId": 5}, "messages": [{}]},
        {
            "subaccountId": "sub_1",
            "agentId": "agent_1",
            "createdAt": START,
            "metadata": {"channel": "instagram", "userId": "7"},
            "messages": [{"role": "user", "content": "hi"}, {"key": "k", "id": "x", "role": "robot"}],
        },
    ],
)
def test_a_document_of_somebody_elses_making_stops_nothing(chats, collection, unlisted, stranger):
    _say(chats, "0")
    _as_an_earlier_version_left_it(collection)
    collection.insert_one(stranger)
    assert unlisted.list_for(10) == 1
    assert collection.find_one({"_id": stranger["_id"]}) == stranger
    assert _texts(collection) == ["0"]
    assert len(_rows(collection)) == 1
    assert unlisted.list_for(10) == 0


def test_it_stops_when_its_time_is_over_and_goes_on_the_next_time(chats, collection, unlisted):
    for number in range(30):
        _say(chats, f"{number}", number, user_id=f"{number}")
    _as_an_earlier_version_left_it(collection)
    assert unlisted.list_for(0) == 20
    assert len(_texts(collection)) == 20
    assert unlisted.list_for(0) == 10
    assert len(_texts(collection)) == 30


def test_other_channels_documents_are_left_alone(chats, collection, unlisted):
    theirs = {"metadata": {"channel": "whatsapp"}, "messages": [{"key": "k", "id": "i", "role": "user"}]}
    collection.insert_one(theirs)
    assert unlisted.list_for(10) == 0
    assert collection.find_one({"_id": theirs["_id"]}) == theirs
