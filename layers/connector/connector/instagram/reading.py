"""What one notification means: Meta's JSON read into events, tolerantly.

Nothing here raises. What Meta may add tomorrow, or leaves out today, becomes an `Other` event, which is kept as it came
(Meta, "Webhooks: notification examples"; ids are strings, times are ms but seconds and strings are seen).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from connector.chat import Attachment, clean
from connector.instagram.events import (
    INBOXES,
    NO_APP,
    ControlPassed,
    Event,
    MessageEchoed,
    MessageEdited,
    MessageRead,
    MessageReceived,
    MessageUnsent,
    Other,
    Parties,
    PostbackTapped,
    Reacted,
    Referred,
)
from connector.instagram.notifications import Notification

# Before this, a number of Meta's is a time in seconds; after it, in ms. (10^11 ms is 1973, 10^11 s is the year 5138.)
_SECONDS_BELOW = 10**11
_EARLIEST = datetime(2010, 10, 6, tzinfo=UTC)  # Instagram's first day
_LONGEST_TEXT = 10_000  # characters; Instagram takes 1,000 bytes
_MOST_ATTACHMENTS = 50  # Instagram takes 10
_LARGEST_KEPT = 20_000  # characters of JSON; what Meta documents is far smaller
_AS_ITEMS = {"messages", "messaging_handover", "messaging_handovers"}  # changes whose value is an item of `messaging`
_TEST_ENTRY_IDS = {"0", "23245", "12334"}  # the ids of the dashboard's "Send to my server" button


def read(notification: Notification, received_at: datetime) -> Event:
    """Return what a notification means. `received_at` stands in for a time that Meta left out or garbled."""
    item = clean(notification.item)
    if notification.channel == "changes":
        # The dashboard's test button sends a message in this form; comments and mentions come in it too.
        item = item["value"] if item.get("field") in _AS_ITEMS and isinstance(item.get("value"), dict) else {}
    message = _dict(item.get("message"))
    user_id = _party(item, "recipient" if message and message.get("is_echo") is True else "sender")
    if not user_id or user_id == notification.account_id:
        return read_as_it_came(notification, received_at)
    parties = Parties(notification.account_id, user_id, _time(item.get("timestamp"), received_at))
    known = _read_known(item, message, parties, standby=notification.channel == "standby")
    return known or read_as_it_came(notification, received_at)


def read_as_it_came(notification: Notification, received_at: datetime) -> Other:
    """Return a notification as an event that is kept, whatever it means."""
    item = clean(notification.item)
    value = item.get("value") if notification.channel == "changes" else item
    told: dict[str, Any] = value if isinstance(value, dict) else {}
    message = _dict(told.get("message"))
    user_id = _party(told, "recipient" if message and message.get("is_echo") is True else "sender")
    name = str(item.get("field")) if notification.channel == "changes" else _name(item)
    written = json.dumps(item, sort_keys=True, default=str)
    digest = sha256(f"{notification.channel}:{notification.account_id}:{written}".encode()).hexdigest()
    if len(written) > _LARGEST_KEPT:
        item = {"tooLarge": len(written)}
    at = _time(told.get("timestamp"), received_at)
    mid = next((_text(about, "mid") for about in told.values() if isinstance(about, dict) and "mid" in about), None)
    key = f"{name}:{digest}"
    return Other(notification.account_id, user_id, at, name, key, notification.channel, mid, item)


def is_dashboard_test(notification: Notification) -> bool:
    """Return whether a notification was made up by the "Test" button of Meta's dashboard."""
    item = notification.item
    value = item.get("value") if notification.channel == "changes" else item
    message = value.get("message") if isinstance(value, dict) else None
    return notification.account_id in _TEST_ENTRY_IDS or (
        isinstance(message, dict) and message.get("mid") == "random_mid"
    )


def _read_known(
    item: dict[str, Any], message: dict[str, Any] | None, parties: Parties, *, standby: bool
) -> Event | None:
    if message is not None:
        return _read_message(message, parties, standby=standby)
    if (edit := _dict(item.get("message_edit"))) and (mid := _text(edit, "mid")) and (text := _text(edit, "text")):
        return MessageEdited(parties, mid, text)
    if (reaction := _dict(item.get("reaction"))) and (mid := _text(reaction, "mid")):
        emoji = _text(reaction, "emoji") or _text(reaction, "reaction")
        return Reacted(parties, mid, emoji if reaction.get("action") != "unreact" else None)
    if postback := _dict(item.get("postback")):
        referral = _dict(postback.get("referral"))
        title, payload = _text(postback, "title"), _text(postback, "payload")
        return PostbackTapped(parties, _text(postback, "mid"), title, payload, referral, standby)
    if referral := _dict(item.get("referral")):
        return Referred(parties, referral)
    for name in ("pass_thread_control", "take_thread_control"):
        if (passed := _dict(item.get(name))) and "new_owner_app_id" in passed:
            to_app_id = _id(passed["new_owner_app_id"]) or None
            return ControlPassed(parties, to_app_id, is_taken=name == "take_thread_control")
    if (seen := _dict(item.get("read"))) and (mid := _text(seen, "mid")):
        return MessageRead(parties, mid)
    return None


def _read_message(message: dict[str, Any], parties: Parties, *, standby: bool) -> Event | None:
    mid = _text(message, "mid")
    if not mid:
        return None
    if message.get("is_deleted") is True:
        return MessageUnsent(parties, mid)
    attachments = attachments_of(message)
    if message.get("is_echo") is True:
        return _read_echo(message, parties, mid, attachments, standby=standby)
    return MessageReceived(
        parties,
        mid,
        (_text(message, "text") or "")[:_LONGEST_TEXT] or None,
        attachments,
        _dict(message.get("reply_to")),
        _text(_dict(message.get("quick_reply")) or {}, "payload"),
        _dict(message.get("referral")),
        standby,
    )


def _read_echo(
    message: dict[str, Any], parties: Parties, mid: str, attachments: tuple[Attachment, ...], *, standby: bool
) -> MessageEchoed:
    """Read an echo, and whether a person wrote it: in Instagram (no app is named), or in an inbox of Meta's.

    Meta's own assistant writes through the inbox, and says so. In standby, the app that has the thread wrote it.
    """
    is_generated = message.get("ai_generated") is True
    app_id = _id(message.get("app_id")) or (NO_APP if standby or is_generated else None)
    by_person = not is_generated and (app_id is None or app_id in INBOXES)
    return MessageEchoed(parties, mid, _text(message, "text"), attachments, app_id, by_person)


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the attachments of a webhook's message, of kinds known or not.

    `ig_story` names its URL differently; `ephemeral` has nothing.
    """
    found: list[Attachment] = []
    listed = message.get("attachments")
    for attachment in listed[:_MOST_ATTACHMENTS] if isinstance(listed, list) else []:
        if isinstance(attachment, dict):
            payload = _dict(attachment.get("payload")) or {}
            kind = _text(attachment, "type") or "unknown"
            url = _text(payload, "url") or _text(payload, "story_media_url")
            found.append(Attachment(kind, url, _text(payload, "title") or _text(attachment, "title")))
    if message.get("is_unsupported") is True and not found:
        found.append(Attachment("unsupported", None, None))
    # While Meta moved from `share` to `ig_post` it sent both for one shared post.
    shared = {attachment.url for attachment in found if attachment.kind == "ig_post"}
    return tuple(one for one in found if not (one.kind == "share" and one.url in shared))


def _name(item: dict[str, Any]) -> str:
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


def _party(item: dict[str, Any], side: str) -> str:
    return _id((_dict(item.get(side)) or {}).get("id"))


def _id(value: object) -> str:
    return str(value)[:64] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _dict(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
