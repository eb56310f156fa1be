"""Writing what Meta tells us into the chats: `conversation.ingest` with real stores."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.chat import MessageStatus, Role
from connector.envelopes import InboxMessage, Route
from connector.instagram.notifications import split
from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.tenancy import Tenant
from tests.integration.world import our_message
from tests.unit.payloads import (
    ACCOUNT,
    NAMES,
    OTHER_ACCOUNT,
    RECEIVED_AT,
    SENT_AT,
    USER,
    body,
    compact,
    item,
    message,
    messaging,
    notification,
)


def _inbox(told, received_at=RECEIVED_AT):
    """Return what stands on the inbox queue of something that came by the app's own path."""
    return InboxMessage(told, None, int(received_at.timestamp() * 1000))


def _scheduled(world):
    return [(message.message_key, delay) for message, delay in world.queue.messages]


def _names_of_kept(documents):
    return [document["name"] for document in documents.find()]


@pytest.mark.parametrize("name", NAMES)
def test_a19_a20_every_payload_finds_its_place_and_a_redelivery_changes_nothing(world, database, name):
    messages = [_inbox(one) for one in split(body(name))]
    results = [world.ingest().take(one) for one in messages]
    assert "EventTooOld" not in results
    stored = {each: list(database[each].find()) for each in ("chats", COLLECTION, KEPT_EVENTS)}
    for one in messages:
        world.ingest().take(one)
    assert {each: list(database[each].find()) for each in stored} == stored


def test_a_message_is_stored_and_its_turn_scheduled_after_the_quiet_time(world):
    assert world.take(item("text")) == "MessageReceived"
    assert world.said(Role.USER) == [("Привет 👋 what are your hours?", MessageStatus.RECEIVED)]
    assert _scheduled(world) == [(world.chat.messages[0].key, 5)]
    assert world.chat.account_id == ACCOUNT


def test_each_of_four_quick_messages_has_a_turn_message_and_only_the_last_is_due(world):
    for text in "abcd":
        world.say(text)
    due = [world.chat.is_due(one.message_key, now()) for one, _ in world.queue.messages]
    assert due == [False, False, False, True]


def test_c2_a_duplicate_schedules_again_because_the_first_worker_may_have_died(world):
    mid = world.say("hi")
    world.queue.messages.clear()
    world.say("hi", mid=mid)
    assert [key for key, _ in _scheduled(world)] == [f"mid:{mid}"]


def test_a20_a_duplicate_of_what_was_answered_schedules_nothing(world):
    mid = world.say("hi")
    world.answer_all()
    world.say("hi", mid=mid)
    assert world.queue.messages == []


def test_a_message_in_standby_is_stored_and_never_answered(world):
    world.ingest().take(_inbox(notification("standby")))
    (stored,) = world.chat.messages
    assert (stored.status, stored.error) == (MessageStatus.UNANSWERED, {"code": "other_app_in_control"})
    assert world.queue.messages == []
    world.say("and now to you")
    assert [one.text for one in world.chat.messages if one.status is MessageStatus.RECEIVED] == ["and now to you"]


def test_a_postback_is_a_message_that_says_its_title_and_keeps_its_payload_and_referral(world):
    world.take(item("postback"))
    (stored,) = world.chat.messages
    assert (stored.text, stored.postback["payload"]) == ("What are your hours?", "FAQ_HOURS")
    assert world.chat.referral == {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD", "at": SENT_AT}
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


def test_a_referral_into_an_existing_thread_is_what_last_brought_the_customer_here_and_opens_the_window(
    world, database
):
    world.say("hi", at=SENT_AT - timedelta(hours=30))
    world.queue.messages.clear()
    assert world.take(item("referral")) == "Referred"
    assert world.chat.referral["ref"] == "spring"
    assert world.chat.window_opened_at == SENT_AT
    assert _names_of_kept(database[KEPT_EVENTS]) == []
    assert world.queue.messages == [], "nothing was said that could be answered"


def test_a_referral_of_somebody_without_a_chat_opens_none_and_is_kept(world, database):
    world.take(item("referral"))
    assert _names_of_kept(database[KEPT_EVENTS]) == ["referral"]
    assert database["chats"].count_documents({}) == 0


def test_e10_an_echo_of_what_we_sent_settles_it_and_adds_nothing(world):
    stored = world.chats.add(USER, ACCOUNT, our_message("sent:1", "hello"))
    world.outbox.begin_sending(stored)
    world.outbox.record_sent(stored, "m")
    world.echo("m", "hello")
    assert world.said(Role.HUMAN) == [("hello", MessageStatus.DELIVERED)]
    assert world.queue.messages == []


def test_e10_i12_an_echo_of_what_a_person_wrote_in_the_app_is_stored_as_theirs_once_and_never_asked(world):
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


def test_b3_an_unsend_that_arrives_before_its_message_is_applied_when_it_comes(world, database):
    """Meta promises no order: what a customer took back is neither kept nor answered."""
    world.say("something before")
    world.answer_all()
    world.take(world.about("early", is_deleted=True))
    world.say("a secret", mid="early")
    world.answer_all()
    assert "a secret" not in str([list(database[name].find()) for name in database.list_collection_names()])
    assert not [question for question in world.agent.questions if "a secret" in question]


def test_b3_an_edit_that_arrives_before_its_message_is_applied_when_it_comes(world):
    world.say("something before")
    parties = {name: value for name, value in world.about("early").items() if name != "message"}
    later = parties["timestamp"] + 60_000
    world.take(parties | {"timestamp": later, "message_edit": {"mid": "early", "text": "new", "num_edit": 1}})
    world.say("old", mid="early")
    assert [message.text for message in world.chat.messages] == ["something before", "new"]


def test_b3_all_that_arrives_before_its_message_is_applied_in_the_order_in_which_it_happened(world, database):
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


def test_b3_an_unsend_and_its_message_racing_end_as_if_the_message_had_come_first(world, race):
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
def test_b9_what_changes_no_message_is_kept_as_it_came(world, database, name):
    world.say("hi")
    world.take(item(name))
    (kept,) = database[KEPT_EVENTS].find()
    assert kept["item"] == item(name)
    assert (kept["subaccountId"], kept["agentId"]) == (world.tenant.subaccount_id, world.tenant.agent_id)
    assert len(world.queue.messages) == 1


@pytest.mark.parametrize("name", ["edit", "unsend", "edit-without-parties", "comment", "thread-control"])
def test_b9_what_belongs_to_no_chat_is_kept_all_the_same(world, database, name):
    world.ingest().take(_inbox(notification(name)))
    assert len(_names_of_kept(database[KEPT_EVENTS])) == 1
    assert database["chats"].count_documents({}) == 0


def test_a_dashboard_test_is_no_customer(world, database):
    assert world.ingest().take(_inbox(notification("dashboard-test"))) == "DashboardTest"
    assert database["chats"].count_documents({}) == 0


# ── whose event it is


def test_an_event_never_concerns_another_account_than_its_paths(world, database):
    """An app of one tenant signs for its own path, and may not write into another account's chats."""
    told = copy.deepcopy(item("text"))
    told["recipient"]["id"] = OTHER_ACCOUNT
    assert world.take(told, account_id=OTHER_ACCOUNT) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


def test_i11_an_event_of_an_account_that_nobody_has_is_dropped(world, database):
    assert world.take(item("text"), account_id=OTHER_ACCOUNT, route=False) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


@pytest.mark.parametrize("route", [True, False])
def test_i4_an_event_after_the_disconnect_is_dropped(world, database, route):
    world.connections.disconnect(world.tenant)
    assert world.take(item("text"), route=route) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0


@pytest.mark.parametrize("route", [True, False])
def test_e1_an_event_for_an_account_whose_token_has_died_is_still_stored(world, route):
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
        ingest.take(_inbox(one))
    assert seen == [world.tenant, world.tenant, other]


def test_the_connection_knows_when_meta_last_told_something(world):
    for seconds in (1, 3, 2):
        world.ingest().take(_inbox(notification("read"), SENT_AT + timedelta(seconds=seconds)))
    assert world.connections.get(world.tenant).last_event_at == SENT_AT + timedelta(seconds=3)


# ── what comes late


@pytest.mark.parametrize("name", ["text", "echo", "edit", "unsend", "react", "read", "postback", "unknown-event"])
def test_a21_what_is_told_more_than_48_hours_after_it_happened_is_dropped(world, database, name):
    """A signature has no time. What somebody captured is no longer news by then, and Meta has long given up."""
    late = SENT_AT + timedelta(hours=48, seconds=60)
    assert world.ingest().take(_inbox(notification(name), late)) == "EventTooOld"
    assert database["chats"].count_documents({}) == database[KEPT_EVENTS].count_documents({}) == 0
    assert world.queue.messages == []
    assert world.connections.get(world.tenant).last_event_at is None


def test_a21_what_meta_tells_at_last_after_36_hours_of_trying_is_stored(world):
    assert world.ingest().take(_inbox(notification("text"), SENT_AT + timedelta(hours=36))) == "MessageReceived"
    assert len(world.chat.messages) == 1


def test_b11_what_waited_in_our_queue_for_days_was_in_time_all_the_same(world):
    """It is its coming that counts, not when a redrive brings it to the worker. Its turn then meets a closed window."""
    assert world.ingest().take(_inbox(notification("text"))) == "MessageReceived"
    world.answer_all()
    (stored,) = world.chat.messages
    assert (stored.status, stored.error) == (MessageStatus.UNANSWERED, {"code": "window_closed"})
    assert world.messenger.tries == []


# ── what comes before the message that it is about


def test_b3_a_reaction_and_a_receipt_that_come_before_the_echo_of_what_we_sent_are_applied_with_it(world, database):
    parties = {name: value for name, value in world.about("m").items() if name != "message"}
    stored = world.chats.add(USER, ACCOUNT, our_message("sent:1", "hello", at=now()))
    world.outbox.begin_sending(stored)
    world.take(parties | {"reaction": {"mid": "m", "action": "react", "reaction": "love", "emoji": "❤️"}})
    world.take(parties | {"read": {"mid": "m"}})
    assert database[KEPT_EVENTS].count_documents({}) == 2
    world.echo("m", "hello")
    (stored,) = world.chat.messages
    assert (stored.status, [one["emoji"] for one in stored.reactions]) == (MessageStatus.READ, ["❤️"])
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_b3_a_reaction_and_a_receipt_that_come_before_the_echo_of_a_person_are_applied_with_it(world, database):
    parties = {name: value for name, value in world.about("m").items() if name != "message"}
    world.take(parties | {"reaction": {"mid": "m", "action": "react", "reaction": "love", "emoji": "❤️"}})
    world.take(parties | {"read": {"mid": "m"}})
    world.echo("m", "Hi, this is Ana.")
    (stored,) = world.chat.messages
    assert (stored.status, [one["emoji"] for one in stored.reactions]) == (MessageStatus.READ, ["❤️"])
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_b3_what_a_person_took_back_before_its_echo_came_says_nothing(world, database):
    echo = {"sender": {"id": ACCOUNT}, "recipient": {"id": USER}, "timestamp": int(now().timestamp() * 1000)}
    world.take(echo | {"message": {"mid": "m", "is_deleted": True, "is_echo": True}})
    world.echo("m", "a secret")
    stored = [*database["chats"].find(), *database[KEPT_EVENTS].find()]
    assert "a secret" not in str(stored)


# ── whose words they are


def test_a28_what_the_account_says_to_itself_without_an_echos_mark_is_kept_and_no_customers(world, database):
    (told,) = split(compact(messaging(message("m", "hello", user_id=ACCOUNT))))
    assert world.ingest().take(_inbox(told)) == "Other"
    assert database["chats"].count_documents({}) == 0
    assert _names_of_kept(database[KEPT_EVENTS]) == ["message"]
    assert world.queue.messages == []


@pytest.mark.parametrize("route", [None, Route("sub_1", "agent_1")], ids=["of-the-app", "of-the-connection"])
def test_e11_an_echo_that_lacks_its_mark_is_no_customers_words(world, database, route):
    """It comes as from the account to the customer, who has no connection with us."""
    told = message("m", "We open at nine.", user_id=ACCOUNT) | {"recipient": {"id": USER}}
    for one in split(compact(messaging(told))):
        assert world.ingest().take(replace(_inbox(one), route=route)) == "EventOfNoConnection"
    assert database["chats"].count_documents({}) == 0
    assert world.queue.messages == []
