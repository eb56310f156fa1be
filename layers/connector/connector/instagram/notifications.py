"""One webhook POST, split into the single things it tells.

Meta batches: a POST has entries of several accounts, an entry has items under `messaging`, `standby` or `changes`,
or is itself one `field` with a `value` (Meta, "Webhooks: notification examples"). Splitting looks at the envelope
only; what an item means is `events.py`'s business. So a malformed item can never cost its neighbours.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connector.instagram.bounds import MAX_NOTIFICATIONS
from connector.instagram.fields import meta_id, moment_of, object_of

type Channel = Literal["messaging", "standby", "changes"]

_KNOWN = {"id", "time", "messaging", "standby", "changes", "field", "value"}

# Where Meta names a person other than as sender or receiver: the author of a comment, and a reference from a plugin.
_OTHER_PEOPLE = (("from", "id"), ("from", "self_ig_scoped_id"), ("optin", "user_ref"), ("prior_message", "identifier"))


class UnreadableBody(Exception):
    """Raised when a signed body is not what Meta documents. A retry would bring the same bytes."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One item of a webhook POST, still as Meta wrote it."""

    account_id: str
    """The Instagram account it concerns: the recipient, or for an echo the sender; "" where Meta names nobody."""
    channel: Channel
    """How it came: `messaging`; `standby`, when another app has the thread; `changes`, with `field` and `value`."""
    item: dict[str, Any]
    sent_at: int | None = None
    """When Meta sent it, in ms since 1970 (`entry.time`); None where Meta does not say."""


def split(body: bytes) -> list[Notification]:
    """Split a webhook body, already proven, into its notifications.

    Raises:
        UnreadableBody: the body is not JSON, not about Instagram, or far larger than Meta sends.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableBody("not JSON") from error
    notifications: list[Notification] = []
    for envelope in payload if isinstance(payload, list) else [payload]:
        if not isinstance(envelope, dict) or envelope.get("object") != "instagram":
            raise UnreadableBody("not an Instagram notification")
        for entry in _dicts(envelope.get("entry")):
            for notification in _of_entry(entry):
                notifications.append(notification)
                _require_at_most(len(notifications))
    return notifications


def is_refused(notification: Notification) -> bool:
    """Return whether a notification names a person or account by what can be no id of Instagram's."""
    named = (_at(envelope_of(notification), side, "id") for side in ("sender", "recipient", "from"))
    return any(one is not None and meta_id(one) is None for one in named)


def envelope_of(notification: Notification) -> dict[str, Any]:
    """Return what holds the parties: the item, or in `changes` its value."""
    item = notification.item
    return object_of(item.get("value")) if notification.channel == "changes" else item


def customer_of(item: Mapping[str, Any], account_id: str) -> str | None:
    """Return the customer's id: the sender's, or the recipient's of what the business did; else whom an item names."""
    side = "recipient" if _is_of_business(item, account_id) else "sender"
    return next((one for place in ((side, "id"), *_OTHER_PEOPLE) if (one := meta_id(_at(item, *place)))), None)


def _of_entry(entry: dict[str, Any]) -> Iterator[Notification]:
    entry_id, sent_at = meta_id(entry.get("id")) or "", _milliseconds(entry.get("time"))

    def told(channel: Channel, item: dict[str, Any]) -> Notification:
        envelope = object_of(item.get("value")) if channel == "changes" else item
        return Notification(_account(envelope, entry_id), channel, item, sent_at)

    for item in _dicts(entry.get("messaging")):
        yield told("messaging", item)
    for item in _dicts(entry.get("standby")):
        yield told("standby", item)
    for change in _dicts(entry.get("changes")):
        yield told("changes", change)
    if "field" in entry:
        yield told("changes", {"field": entry["field"], "value": entry.get("value")})
    for name in entry.keys() - _KNOWN:  # lists that Meta has not announced: kept under their name
        for item in _dicts(entry[name]):
            yield told("changes", {"field": name, "value": item})


def _account(item: dict[str, Any], entry_id: str) -> str:
    """Return the business side of an item. In several of Meta's own samples `entry.id` is somebody else."""
    return meta_id(_at(item, "sender" if _is_of_business(item, entry_id) else "recipient", "id")) or entry_id


def _is_of_business(item: Mapping[str, Any], account_id: str) -> bool:
    """Return whether the business did it. Its edits have no `is_echo`, nor at times its unsends."""
    message = object_of(item.get("message"))
    may_lack_mark = message.get("is_deleted") is True or "message_edit" in item
    return message.get("is_echo") is True or (may_lack_mark and meta_id(_at(item, "sender", "id")) == account_id)


def _at(item: Mapping[str, Any], part: str, name: str) -> object:
    return object_of(item.get(part)).get(name)


def _dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list. One longer than any batch of Meta's is not even walked: Meta is waiting."""
    if not isinstance(value, list):
        return []
    _require_at_most(len(value))
    return [item for item in value if isinstance(item, dict)]


def _require_at_most(number: int) -> None:
    if number > MAX_NOTIFICATIONS:
        raise UnreadableBody(f"more than {MAX_NOTIFICATIONS} notifications")


def _milliseconds(time: object) -> int | None:
    moment = moment_of(time)
    return int(moment.timestamp() * 1000) if moment else None
