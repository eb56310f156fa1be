"""What customers do to messages that stand: `storage.changes` on a real mongod."""

from datetime import timedelta

import pytest

from connector.chat import Attachment, MessageStatus
from connector.storage.changes import Changes
from tests.integration.world import START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER


def _add(chats, message):
    return chats.add(USER, ACCOUNT, message)


@pytest.fixture
def changes(collection):
    return Changes(collection, TENANT)


@pytest.fixture
def known(chats):
    """A chat with one message of the customer's."""
    _add(chats, user_message("mid:a", "first", attachments=(Attachment("image", "https://x", "T"),)))
    return chats


def _only(chats):
    (message,) = chats.ongoing(USER).messages
    return message


def test_an_edit_replaces_the_text_and_says_when(known, changes):
    assert changes.edit("a", "second", START)
    assert (_only(known).text, _only(known).edited_at) == ("second", START)


def test_the_newest_edit_stands_whatever_the_order_of_arrival(known, changes):
    assert changes.edit("a", "newest", START + timedelta(seconds=2))
    assert changes.edit("a", "older", START + timedelta(seconds=1))
    assert _only(known).text == "newest"


def test_an_edit_never_changes_what_we_said(chats, changes):
    _add(chats, our_message("sent:1", "ours", mid="a"))
    assert not changes.edit("a", "changed", START)
    assert _only(chats).text == "ours"


def test_an_unsend_removes_what_was_said_and_keeps_that_it_was_there(known, changes, collection):
    assert changes.unsend("a", START)
    message = _only(known)
    assert (message.text, message.attachments, message.deleted_at) == (None, (), START)
    assert "first" not in str(collection.find_one())
    assert "https://x" not in str(collection.find_one())


def test_an_edit_after_an_unsend_brings_nothing_back(known, changes, collection):
    changes.unsend("a", START)
    changes.edit("a", "second", START + timedelta(seconds=1))
    assert "second" not in str(collection.find_one())


def test_a_reaction_is_set_replaced_and_taken_back(known, changes):
    assert changes.react("a", USER, "❤️", START)
    assert changes.react("a", USER, "👍", START + timedelta(seconds=1))
    assert [one["emoji"] for one in _only(known).reactions] == ["👍"]
    assert changes.react("a", USER, None, START + timedelta(seconds=2))
    assert _only(known).reactions == ()


def test_an_older_reaction_that_arrives_late_does_not_replace_a_newer_one(known, changes):
    """Meta promises no order of arrival; the signed times give it."""
    changes.react("a", USER, "👍", START + timedelta(seconds=2))
    changes.react("a", USER, "❤️", START + timedelta(seconds=1))
    assert [one["emoji"] for one in _only(known).reactions] == ["👍"]


def test_a_read_receipt_marks_what_was_sent_up_to_that_message_and_nothing_else(chats, changes):
    _add(chats, user_message("mid:u", at=START))
    for number, status in enumerate(
        [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.SENT, MessageStatus.SENT]
    ):
        at = START + timedelta(seconds=number)
        _add(chats, our_message(f"sent:{number}", mid=f"m{number}", status=status, at=at))
    assert changes.mark_read(USER, "m3", START + timedelta(hours=1))
    told = {message.mid: message.status.value for message in chats.ongoing(USER).messages}
    assert told == {"u": "received", "m0": "read", "m1": "read", "m2": "failed", "m3": "read", "m4": "sent"}


def test_changes_to_a_message_that_is_not_here_are_told_apart(known, changes):
    assert not changes.edit("b", "x", START)
    assert not changes.unsend("b", START)
    assert not changes.react("b", USER, "x", START)
    assert not changes.mark_read(USER, "b", START)
    assert not changes.mark_read(OTHER_USER, "a", START)


def test_a20_every_change_that_comes_again_changes_nothing(known, changes, collection):
    _add(known, our_message("sent:1", mid="m", status=MessageStatus.SENT))

    def all_of_them():
        changes.edit("a", "second", START + timedelta(seconds=1))
        changes.react("a", USER, "❤️", START + timedelta(seconds=2))
        changes.react("m", USER, "👍", START + timedelta(seconds=3))
        changes.mark_read(USER, "m", START + timedelta(seconds=4))

    def stored():
        return [{**one, "updatedAt": None} for one in collection.find()]

    all_of_them()
    before = stored()
    all_of_them()
    assert stored() == before


def test_b3_a_change_reaches_its_message_in_a_chat_that_has_ended(known, changes, collection):
    """A conversation goes on in other documents; what was said in the earlier ones can still be taken back."""
    _add(known, our_message("sent:1", mid="m", status=MessageStatus.SENT))
    collection.update_many({}, {"$set": {"status": "ended"}})
    _add(known, user_message("mid:b", "in the next"))
    assert changes.mark_read(USER, "m", START)
    assert changes.react("m", USER, "👍", START)
    assert changes.unsend("a", START)
    (ended,) = collection.find({"status": "ended"})
    assert {one["mid"]: (one["text"], one["status"], len(one["reactions"])) for one in ended["messages"]} == {
        "a": (None, "received", 0),
        "m": ("hello", "read", 1),
    }
    assert _only(known).text == "in the next"
