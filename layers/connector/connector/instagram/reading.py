"""What one notification means: Meta's JSON read into events, tolerantly.

Nothing here raises. What Meta may add tomorrow, or leaves out today, becomes an `Other` event, which is kept as it came
(Meta, "Webhooks: notification examples"; ids are strings, times are ms but seconds and strings are seen).
"""

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from connector.instagram.attachments import attachments_of
from connector.instagram.bounds import LARGEST_KEPT, LONGEST_ID, LONGEST_TEXT, LONGEST_TITLE, MOST_PEOPLE
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
from connector.instagram.fields import Json, id_of, meta_id, mid_of, moment_of, object_of, text_of
from connector.instagram.notifications import Notification, customer_of, envelope_of
from connector.instagram.reactions import emoji_of
from connector.instagram.references import referral_of, reply_of
from connector.instagram.twins import each_url_once
from connector.untrusted import clean

_SHORTEST_ID = 5  # digits; what is shorter counts something
_AS_ITEMS = ("messages", "messaging_handover", "messaging_handovers")  # changes whose value is an item of `messaging`
_TEST_ENTRY_IDS = {"0", "23245", "12334"}  # the ids of the dashboard's "Send to my server" button
_POLICY = ("policy_enforcement", "messaging_policy_enforcement")


def read(notification: Notification, received_at: datetime) -> Event:
    """Return what a notification means, and when it happened (`_time`)."""
    item = _item(notification)
    account_id = notification.account_id
    parties = Parties(account_id, customer_of(item, account_id) or "", _time(item, notification, received_at))
    known = _read_known(item, parties, standby=notification.channel == "standby")
    return known or read_as_it_came(notification, received_at)


def read_as_it_came(notification: Notification, received_at: datetime) -> Other:
    """Return a notification as an event that is kept, whatever it means; of an unsend, nothing that was unsent."""
    notification = _without_unsent(notification)
    item = clean(notification.item)
    told = clean(envelope_of(notification))
    name = (str(item.get("field")) if notification.channel == "changes" else _name(item))[:LONGEST_ID]
    written = json.dumps(item, sort_keys=True, default=str)
    digest = sha256(f"{notification.channel}:{notification.account_id}:{written}".encode()).hexdigest()
    account_id = notification.account_id
    customer_id = customer_of(told, account_id) or ""
    people = (*islice(dict.fromkeys(one for one in _ids_in(item) if one != account_id), MOST_PEOPLE + 1),)
    if len(written) > LARGEST_KEPT or len(people) > MOST_PEOPLE:
        item, people = {"tooLarge": len(written)}, (customer_id,) if customer_id else ()
    return Other(
        account_id,
        customer_id if customer_id != account_id else "",
        _time(told, notification, received_at),
        name,
        f"{name}:{digest}",
        notification.channel,
        next((mid for about in told.values() if (mid := mid_of(object_of(about)))), None),
        item,
        people,
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
        return MessageUnsent(parties, mid) if (mid := mid_of(message)) else None
    enforcement = object_of(item.get("policy_enforcement"))
    if action := text_of(enforcement, "action", most=LONGEST_TITLE):
        return PolicyEnforced(parties, action, text_of(enforcement, "reason", most=LONGEST_TITLE))
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
    if mid := mid_of(reaction):
        return Reacted(parties, mid, None if reaction.get("action") == "unreact" else emoji_of(reaction))
    if postback := object_of(item.get("postback")):
        title = text_of(postback, "title", most=LONGEST_TITLE)
        referral = referral_of(item, postback)
        return PostbackTapped(parties, mid_of(postback), title, _payload(postback), referral, standby)
    if object_of(item.get("referral")):
        return Referred(parties, referral_of(item, {}) or {})
    for name in ("pass_thread_control", "take_thread_control"):
        if "new_owner_app_id" in (passed := object_of(item.get(name))):
            return ControlPassed(parties, id_of(passed, "new_owner_app_id"), is_taken=name == "take_thread_control")
    if mid := mid_of(object_of(item.get("read"))):
        return MessageRead(parties, mid)
    return None


def _read_edit(edit: Json, parties: Parties) -> Event | None:
    """Read an edit, which may name neither side: its mid identifies the message.

    Number 0 is the message as first written, sent at times in place of its own webhook and mostly without its text.
    """
    mid, text = mid_of(edit), text_of(edit, "text", most=LONGEST_TEXT)
    if not mid:
        return None
    if not text or str(edit.get("num_edit")) == "0":
        return MessageHinted(parties, mid)
    return MessageEdited(parties, mid, text)


def _read_message(item: Json, message: Json, parties: Parties, *, standby: bool) -> Event | None:
    mid = mid_of(message)
    if not mid:
        return None
    if message.get("is_echo") is True:
        return _read_echo(message, parties, mid, standby=standby)
    return MessageReceived(
        parties,
        mid,
        text_of(message, "text", most=LONGEST_TEXT),
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
    text = text_of(message, "text", most=LONGEST_TEXT)
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
    return Notification(notification.account_id, notification.channel, item, notification.sent_at)


def _name(item: Json) -> str:
    names = [name for name in item if name not in ("sender", "recipient", "timestamp", "is_self")]
    return names[0] if names else "empty"


def _time(item: Json, notification: Notification, received_at: datetime) -> datetime:
    """Return when an event happened: its own time, else when Meta sent it, else when we received it.

    A time in the future counts as absent. So an event without a time of its own is as old as its delivery, however
    often that is repeated.
    """
    told = (moment_of(item.get("timestamp")), moment_of(notification.sent_at))
    return next((at for at in told if at is not None and at <= received_at), received_at)


def _ids_in(value: object, name: str = "") -> Iterator[str]:
    """Yield all that can be ids of people, wherever they are in JSON. Times look like ids, and are left out."""
    match value:
        case dict():
            for inner_name, inner in value.items():
                yield from _ids_in(inner, inner_name)
        case list():
            for inner in value:
                yield from _ids_in(inner, name)
        case _ if name not in ("timestamp", "time") and (found := meta_id(value)) and len(found) >= _SHORTEST_ID:
            yield found


def _payload(tapped: Json) -> str | None:
    return text_of(tapped, "payload", most=LONGEST_TITLE) or id_of(tapped, "payload")
