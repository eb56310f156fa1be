"""What one notification means: Meta's JSON read into events, tolerantly.

Nothing here raises. What Meta may add tomorrow, or leaves out today, becomes an `Other` event, which is kept as it came
(Meta, "Webhooks: notification examples"; ids are strings, times are ms but seconds and strings are seen).
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from connector.chat import clean
from connector.instagram.attachments import attachments_of
from connector.instagram.events import (
    INBOXES,
    NO_APP,
    ControlPassed,
    Event,
    MessageEchoed,
    MessageEdited,
    MessageHinted,
    MessageRead,
    MessageReceived,
    MessageUnsent,
    Other,
    Parties,
    PolicyEnforced,
    PostbackTapped,
    Reacted,
    Referred,
)
from connector.instagram.fields import Json, id_of, object_of, text_of
from connector.instagram.notifications import Notification, customer_of, envelope_of
from connector.instagram.reactions import emoji_of
from connector.instagram.references import referral_of, reply_of
from connector.instagram.twins import each_url_once

# Before this, a number of Meta's is a time in seconds; after it, in ms. (10^11 ms is 1973, 10^11 s is the year 5138.)
_SECONDS_BELOW = 10**11
_EARLIEST = datetime(2010, 10, 6, tzinfo=UTC)  # Instagram's first day
_LONGEST_TEXT = 10_000  # characters; Instagram takes 1,000 bytes
_LONGEST_TITLE = 1_000  # of what is tapped, its payload, and why Meta enforces a policy
_LONGEST_MID = 1_000  # 164 were seen
_LARGEST_KEPT = 20_000  # characters of JSON; what Meta documents is far smaller
_AS_ITEMS = ("messages", "messaging_handover", "messaging_handovers")  # changes whose value is an item of `messaging`
_TEST_ENTRY_IDS = {"0", "23245", "12334"}  # the ids of the dashboard's "Send to my server" button
_POLICY = ("policy_enforcement", "messaging_policy_enforcement")


def read(notification: Notification, received_at: datetime) -> Event:
    """Return what a notification means. `received_at` stands in for a time that Meta left out or garbled."""
    item = _item(notification)
    account_id = notification.account_id
    parties = Parties(account_id, _customer_id(item, account_id), _time(item.get("timestamp"), received_at))
    known = _read_known(item, parties, standby=notification.channel == "standby")
    return known or read_as_it_came(notification, received_at)


def read_as_it_came(notification: Notification, received_at: datetime) -> Other:
    """Return a notification as an event that is kept, whatever it means; of an unsend, nothing that was unsent."""
    notification = _without_unsent(notification)
    item = clean(notification.item)
    told = clean(envelope_of(notification))
    name = str(item.get("field")) if notification.channel == "changes" else _name(item)
    written = json.dumps(item, sort_keys=True, default=str)
    digest = sha256(f"{notification.channel}:{notification.account_id}:{written}".encode()).hexdigest()
    if len(written) > _LARGEST_KEPT:
        item = {"tooLarge": len(written)}
    return Other(
        notification.account_id,
        _customer_id(told, notification.account_id),
        _time(told.get("timestamp"), received_at),
        name,
        f"{name}:{digest}",
        notification.channel,
        next((mid for about in told.values() if (mid := _mid(object_of(about)))), None),
        item,
    )


def is_unsend(event: Other) -> bool:
    """Return whether a kept event says that a message was taken back."""
    kept = Notification(event.account_id, event.channel, dict(event.item))
    return object_of(envelope_of(kept).get("message")).get("is_deleted") is True


def is_dashboard_test(notification: Notification) -> bool:
    """Return whether a notification was made up by the "Test" button of Meta's dashboard."""
    message = object_of(envelope_of(notification).get("message"))
    return notification.account_id in _TEST_ENTRY_IDS or message.get("mid") == "random_mid"


def _item(notification: Notification) -> dict[str, Any]:
    """Return the item that tells something, also where it comes as a change of a field.

    The dashboard's test button sends a message in that form; comments and mentions come in it too.
    """
    told: dict[str, Any] = clean(envelope_of(notification))
    if notification.channel != "changes" or notification.item.get("field") in _AS_ITEMS:
        return told
    if notification.item.get("field") in _POLICY:
        return told if "policy_enforcement" in told else {"policy_enforcement": told}
    return {}


def _read_known(item: Json, parties: Parties, *, standby: bool) -> Event | None:
    message = object_of(item.get("message"))
    if message.get("is_deleted") is True:
        # Whoever took it back: it is gone.
        return MessageUnsent(parties, mid) if (mid := _mid(message)) else None
    enforcement = object_of(item.get("policy_enforcement"))
    if action := text_of(enforcement, "action", most=_LONGEST_TITLE):
        return PolicyEnforced(parties, action, text_of(enforcement, "reason", most=_LONGEST_TITLE))
    if "message" not in item and (edited := _read_edit(object_of(item.get("message_edit")), parties)):
        return edited
    if not parties.user_id or parties.user_id == parties.account_id:
        return None
    return (
        _read_message(item, message, parties, standby=standby)
        if "message" in item
        else _read_act(item, parties, standby=standby)
    )


def _read_act(item: Json, parties: Parties, *, standby: bool) -> Event | None:
    """Return what a customer did without writing, or which app has the thread now."""
    reaction = object_of(item.get("reaction"))
    if mid := _mid(reaction):
        return Reacted(parties, mid, None if reaction.get("action") == "unreact" else emoji_of(reaction))
    if postback := object_of(item.get("postback")):
        title = text_of(postback, "title", most=_LONGEST_TITLE)
        referral = referral_of(item, postback)
        return PostbackTapped(parties, _mid(postback), title, _payload(postback), referral, standby)
    if object_of(item.get("referral")):
        return Referred(parties, referral_of(item, {}) or {})
    for name in ("pass_thread_control", "take_thread_control"):
        if "new_owner_app_id" in (passed := object_of(item.get(name))):
            return ControlPassed(parties, id_of(passed, "new_owner_app_id"), is_taken=name == "take_thread_control")
    if mid := _mid(object_of(item.get("read"))):
        return MessageRead(parties, mid)
    return None


def _read_edit(edit: Json, parties: Parties) -> Event | None:
    """Read an edit, which may name neither side: its mid identifies the message.

    Number 0 is the message as first written, sent at times in place of its own webhook and mostly without its text.
    """
    mid, text = _mid(edit), text_of(edit, "text", most=_LONGEST_TEXT)
    if not mid:
        return None
    if not text or str(edit.get("num_edit")) == "0":
        return MessageHinted(parties, mid)
    return MessageEdited(parties, mid, text)


def _read_message(item: Json, message: Json, parties: Parties, *, standby: bool) -> Event | None:
    mid = _mid(message)
    if not mid:
        return None
    if message.get("is_echo") is True:
        return _read_echo(message, parties, mid, standby=standby)
    return MessageReceived(
        parties,
        mid,
        text_of(message, "text", most=_LONGEST_TEXT),
        each_url_once(attachments_of(message)),
        reply_of(message),
        _payload(object_of(message.get("quick_reply"))),
        referral_of(item, message),
        standby,
    )


def _read_echo(message: Json, parties: Parties, mid: str, *, standby: bool) -> MessageEchoed:
    """Read an echo, and whether a person wrote it: in Instagram (no app is named), or in an inbox of Meta's.

    Meta's own assistant writes through the inbox, and says so. In standby, the app that has the thread wrote it.
    """
    text = text_of(message, "text", most=_LONGEST_TEXT)
    is_generated = message.get("ai_generated") is True
    app_id = id_of(message, "app_id") or (NO_APP if standby or is_generated else None)
    by_person = not is_generated and (app_id is None or app_id in INBOXES)
    return MessageEchoed(parties, mid, text, attachments_of(message), app_id, by_person)


def _without_unsent(notification: Notification) -> Notification:
    """Return an unsend without what was unsent, which Meta may repeat; anything else as it is."""
    envelope = envelope_of(notification)
    message = object_of(envelope.get("message"))
    if message.get("is_deleted") is not True:
        return notification
    left = {name: value for name, value in envelope.items() if name in ("sender", "recipient", "timestamp")}
    left["message"] = {name: value for name, value in message.items() if name in ("mid", "is_deleted", "is_echo")}
    item = {"field": notification.item.get("field"), "value": left} if notification.channel == "changes" else left
    return Notification(notification.account_id, notification.channel, item)


def _name(item: Json) -> str:
    names = [name for name in item if name not in ("sender", "recipient", "timestamp", "is_self")]
    return names[0] if names else "empty"


def _time(value: object, received_at: datetime) -> datetime:
    """Read a time in ms, in seconds, or in a string of either; an absurd one is when we received it."""
    try:
        number = int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
        at = datetime.fromtimestamp(number if 0 < number < _SECONDS_BELOW else number / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return received_at
    return at if _EARLIEST < at <= received_at else received_at


def _customer_id(item: Json, account_id: str) -> str:
    customer_id = customer_of(item, account_id)
    return str(customer_id)[:64] if isinstance(customer_id, str | int) and not isinstance(customer_id, bool) else ""


def _mid(about: Json) -> str | None:
    mid = text_of(about, "mid", most=_LONGEST_MID + 1)
    return mid if mid and len(mid) <= _LONGEST_MID else None


def _payload(tapped: Json) -> str | None:
    return text_of(tapped, "payload", most=_LONGEST_TITLE) or id_of(tapped, "payload")
