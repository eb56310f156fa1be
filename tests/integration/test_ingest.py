"""Writing what Meta tells us into the chats: `conversation.ingest` with real stores."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role
from connector.envelopes import InboxMessage
from connector.instagram.notifications import split
from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.tenancy import Tenant
from tests.integration.world import our_message
from tests.unit.payloads import ACCOUNT, NAMES, OTHER_ACCOUNT, USER, body, item, notification


def _scheduled(world):
    return [(message.message_key, delay) for message, delay in world.queue.messages]


def _names_of_kept(documents):
    return [document["name"] for document in documents.find()]


@pytest.mark.parametrize("name", NAMES)
def test_every_payload_finds_its_place_and_a_redelivery_changes_nothing(world, database, name):
    """A20."""
    received_at = int(now().timestamp() * 1000)
    messages = [InboxMessage(one, None, received_at) for one in split(body(name))]
    for message in messages:
        world.ingest().take(message)
    stored = {each: list(database[each].find()) for each in ("chats", COLLECTION, KEPT_EVENTS)}
    for message in messages:
        world.ingest().take(message)
    assert {each: list(database[each].find()) for each in stored} == stored


def test_a_message_is_stored_and_its_turn_scheduled_after_the_quiet_time(world):
    assert world.take(item("text")) == "MessageReceived"
    assert world.said(Role.USER) == [("Привет 👋 what are your hours?", MessageStatus.RECEIVED)]
    assert _scheduled(world) == [(world.chat.messages[0].key, 5)]
    assert world.chat.account_id == ACCOUNT


def test_each_of_four_quick_messages_has_a_turn_message_and_only_the_last_is_due(world):
    """§2.4."""
    for text in "abcd":
        world.say(text)
    due = [world.chat.is_due(message.message_key, now()) for message, _ in world.queue.messages]
    assert due == [False, False, False, True]


def test_a_duplicate_schedules_again_because_the_first_worker_may_have_died(world):
    """C2."""
    mid = world.say("hi")
    world.queue.messages.clear()
    world.say("hi", mid=mid)
    assert [key for key, _ in _scheduled(world)] == [f"mid:{mid}"]


def test_a_duplicate_of_what_was_answered_schedules_nothing(world):
    mid = world.say("hi")
    world.answer_all()
    world.say("hi", mid=mid)
    assert world.queue.messages == []


def test_a_message_in_standby_is_stored_and_never_answered(world):
    told = replace(notification("standby"))
    world.ingest().take(InboxMessage(told, None, int(now().timestamp() * 1000)))
    (message,) = world.chat.messages
    assert (message.status, message.error) == (MessageStatus.UNANSWERED, {"code": "other_app_in_control"})
    assert world.queue.messages == []
    world.say("and now to you")
    assert [one.text for one in world.chat.messages if one.status is MessageStatus.RECEIVED] == ["and now to you"]


def test_a_postback_is_a_message_that_says_its_title_and_keeps_its_payload_and_referral(world, collection):
    world.take(item("postback"))
    (message,) = world.chat.messages
    assert (message.text, message.postback["payload"]) == ("What are your hours?", "FAQ_HOURS")
    referral = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"}
    assert collection.find_one()["metadata"]["referral"] == referral
    assert len(world.queue.messages) == 1


def test_a_postback_without_mid_is_stored_once_and_a_second_tap_is_another(world):
    first = item("postback-without-mid")
    world.take(first)
    world.take(first)
    world.take(first | {"timestamp": first["timestamp"] + 1000})
    assert len(world.chat.messages) == 2


def test_a_quick_reply_keeps_its_payload(world):
    world.take(item("quick-reply"))
    (message,) = world.chat.messages
    assert message.postback == {"payload": "FAQ_HOURS", "title": "Opening hours"}


def test_a_referral_into_an_existing_thread_is_kept_with_the_chat(world, database):
    world.say("hi")
    world.take(item("referral"))
    assert _names_of_kept(database[KEPT_EVENTS]) == ["referral"]


def test_an_echo_of_what_we_sent_settles_it_and_adds_nothing(world):
    stored = world.chats.add(USER, ACCOUNT, our_message("sent:1", "hello"))
    world.outbox.begin_sending(stored)
    world.outbox.record_sent(stored, "m")
    world.echo("m", "hello")
    assert world.said(Role.HUMAN) == [("hello", MessageStatus.DELIVERED)]
    assert world.queue.messages == []


def test_an_echo_of_what_a_person_wrote_in_the_app_is_stored_as_theirs_once_and_never_asked(world):
    """I12, E10."""
    world.echo("m", "Hi, this is Ana.")
    world.echo("m", "Hi, this is Ana.")
    assert world.said(Role.HUMAN) == [("Hi, this is Ana.", MessageStatus.DELIVERED)]
    assert world.queue.messages == []
    assert not world.chat.has_unanswered


def test_an_edit_an_unsend_a_reaction_and_a_read_receipt_change_their_message(world):
    mid = world.say("hi")
    parties = {name: value for name, value in world.about(mid).items() if name != "message"}
    world.take(parties | {"message_edit": {"mid": mid, "text": "hello", "num_edit": 1}})
    world.take(parties | {"reaction": {"mid": mid, "action": "react", "reaction": "love", "emoji": "❤️"}})
    (message,) = world.chat.messages
    assert (message.text, [one["emoji"] for one in message.reactions]) == ("hello", ["❤️"])
    world.take(parties | {"reaction": {"mid": mid, "action": "unreact"}})
    world.take(world.about(mid, is_deleted=True))
    (message,) = world.chat.messages
    assert (message.text, message.reactions) == (None, ())
    assert message.deleted_at
    sent = world.chats.add(USER, ACCOUNT, our_message("sent:1", mid="m", status=MessageStatus.SENT, at=now()))
    world.take(parties | {"read": {"mid": sent.mid}})
    assert world.said(Role.HUMAN) == [("hello", MessageStatus.READ)]


def test_an_unsend_that_arrives_before_its_message_is_applied_when_it_comes(world, database):
    """Meta promises no order: what a customer took back is neither kept nor answered."""
    world.say("something before")
    world.answer_all()
    world.take(world.about("early", is_deleted=True))
    world.say("a secret", mid="early")
    world.answer_all()
    assert "a secret" not in str([list(database[name].find()) for name in database.list_collection_names()])
    assert not [question for question in world.agent.questions if "a secret" in question]


def test_an_edit_that_arrives_before_its_message_is_applied_when_it_comes(world):
    world.say("something before")
    parties = {name: value for name, value in world.about("early").items() if name != "message"}
    later = parties["timestamp"] + 60_000
    world.take(parties | {"timestamp": later, "message_edit": {"mid": "early", "text": "new", "num_edit": 1}})
    world.say("old", mid="early")
    assert [message.text for message in world.chat.messages] == ["something before", "new"]


def test_all_that_arrives_before_its_message_is_applied_in_the_order_in_which_it_happened(world, database):
    def early(seconds, **fields):
        told = world.about("early") | {"timestamp": int(now().timestamp() * 1000) - 10_000 + seconds * 1000}
        del told["message"]
        world.take(told | fields)

    early(3, message_edit={"mid": "early", "text": "third", "num_edit": 2})
    early(2, message_edit={"mid": "early", "text": "second", "num_edit": 1})
    early(5, reaction={"mid": "early", "action": "unreact"})
    early(4, reaction={"mid": "early", "action": "react", "reaction": "love", "emoji": "❤️"})
    world.say("first", mid="early", at=now() - timedelta(seconds=10))
    (message,) = world.chat.messages
    assert (message.text, message.reactions) == ("third", ())
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_an_unsend_and_its_message_racing_end_as_if_the_message_had_come_first(world, race):
    for number in range(10):
        mid = f"m{number}"

        def work(index, mid=mid):
            return world.take(world.about(mid, is_deleted=True)) if index else world.say("a secret", mid=mid)

        race(2, work)
        message = next(one for one in world.chat.messages if one.mid == mid)
        assert message.text is None, "what was taken back is still there"


def test_an_edit_that_arrives_after_its_message_was_taken_back_is_kept_nowhere(world, database):
    mid = world.say("a secret")
    parties = {name: value for name, value in world.about(mid).items() if name != "message"}
    world.take(world.about(mid, is_deleted=True))
    world.take(parties | {"message_edit": {"mid": mid, "text": "a secret again", "num_edit": 1}})
    stored = [*database["chats"].find(), *database[COLLECTION].find(), *database[KEPT_EVENTS].find()]
    assert "a secret" not in str(stored)


@pytest.mark.parametrize("name", ["edit", "unsend", "react", "read", "thread-control", "unknown-event"])
def test_what_changes_no_message_is_kept_as_it_came(world, database, name):
    world.say("hi")
    world.take(item(name))
    (kept,) = database[KEPT_EVENTS].find()
    assert kept["item"] == item(name)
    assert (kept["subaccountId"], kept["agentId"]) == (world.tenant.subaccount_id, world.tenant.agent_id)
    assert len(world.queue.messages) == 1


@pytest.mark.parametrize("name", ["edit", "unsend", "edit-without-parties", "comment", "thread-control"])
def test_what_belongs_to_no_chat_is_kept_all_the_same(world, database, name):
    world.ingest().take(InboxMessage(notification(name), None, int(now().timestamp() * 1000)))
    assert len(_names_of_kept(database[KEPT_EVENTS])) == 1
    assert database["chats"].count_documents({}) == 0


def test_a_dashboard_test_is_no_customer(world, database):
    told = InboxMessage(notification("dashboard-test"), None, int(now().timestamp() * 1000))
    assert world.ingest().take(told) == "DashboardTest"
    assert database["chats"].count_documents({}) == 0


# ── whose event it is


def test_an_event_never_concerns_another_account_than_its_paths(world, database):
    """An app of one tenant signs for its own path, and may not write into another account's chats."""
    told = copy.deepcopy(item("text"))
    told["recipient"]["id"] = OTHER_ACCOUNT
    assert world.take(told, account_id=OTHER_ACCOUNT) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


def test_an_event_of_an_account_that_nobody_has_is_dropped(world, database):
    """I11."""
    assert world.take(item("text"), account_id=OTHER_ACCOUNT, route=False) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


@pytest.mark.parametrize("route", [True, False])
def test_an_event_after_the_disconnect_is_dropped(world, database, route):
    """I4."""
    world.connections.disconnect(world.tenant)
    assert world.take(item("text"), route=route) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


@pytest.mark.parametrize("route", [True, False])
def test_an_event_for_an_account_whose_token_has_died_is_still_stored(world, route):
    """E1."""
    connection = world.connections.get(world.tenant)
    world.connections.record_error(connection, "reconnect_needed", needs_reconnection=True)
    assert world.take(item("text"), route=route) == "MessageReceived"
    assert len(world.chat.messages) == 1


def test_on_the_apps_own_path_the_account_names_the_agent(world, database):
    other = Tenant("sub_2", "agent_9")
    account = replace(world.connections.get(world.tenant).account, account_id=OTHER_ACCOUNT)
    world.connections.connect(other, account, retell_agent_id="r", token_version=1)
    seen = []
    ingest = replace(world.ingest(), chats_of=lambda tenant: seen.append(tenant) or world.chats)
    for one in split(body("batch-of-two-accounts")):
        ingest.take(InboxMessage(one, None, int(now().timestamp() * 1000)))
    assert seen == [world.tenant, world.tenant, other]


def test_the_connection_knows_when_meta_last_told_something(world):
    before = now()
    world.take(item("read"))
    assert before <= world.connections.get(world.tenant).last_event_at <= now() + timedelta(seconds=1)
