"""One webhook POST, split into the single things it tells.

Meta batches: a POST has entries of several accounts, an entry has items under `messaging`, `standby` or `changes`,
or is itself one `field` with a `value` (Meta, "Webhooks: notification examples"). Splitting looks at the envelope
only; what an item means is `events.py`'s business. So a malformed item can never cost its neighbours.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connector.instagram.fields import is_person_id, object_of

type Channel = Literal["messaging", "standby", "changes"]

# Meta documents at most 1,000 updates in one POST.
MAX_NOTIFICATIONS = 1000

_KNOWN = {"id", "time", "messaging", "standby", "changes", "field", "value"}
_ID = re.compile(r"[!-~]{1,64}")


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
    """Return whether a notification names a customer by what can be no id of Instagram's."""
    customer_id = customer_of(envelope_of(notification), notification.account_id)
    return customer_id is not None and not is_person_id(customer_id)


def envelope_of(notification: Notification) -> dict[str, Any]:
    """Return what holds the parties: the item, or in `changes` its value."""
    item = notification.item
    return object_of(item.get("value")) if notification.channel == "changes" else item


def customer_of(item: Mapping[str, Any], account_id: str) -> object:
    """Return what an item gives as the customer's id: the sender's, or the recipient's of what the business did."""
    return _party(item, "recipient" if _is_of_business(item, account_id) else "sender")


def _of_entry(entry: dict[str, Any]) -> Iterator[Notification]:
    entry_id = _id(entry.get("id"))
    for item in _dicts(entry.get("messaging")):
        yield Notification(_account(item, entry_id), "messaging", item)
    for item in _dicts(entry.get("standby")):
        yield Notification(_account(item, entry_id), "standby", item)
    for change in _dicts(entry.get("changes")):
        yield _of_change(change, entry_id)
    if "field" in entry:
        yield _of_change({"field": entry["field"], "value": entry.get("value")}, entry_id)
    for name in entry.keys() - _KNOWN:  # lists that Meta has not announced: kept under their name
        for item in _dicts(entry[name]):
            yield _of_change({"field": name, "value": item}, entry_id)


def _of_change(change: dict[str, Any], entry_id: str) -> Notification:
    value = change.get("value")
    account_id = _account(value, entry_id) if isinstance(value, dict) else entry_id
    return Notification(account_id, "changes", change)


def _account(item: dict[str, Any], entry_id: str) -> str:
    """Return the business side of an item. In several of Meta's own samples `entry.id` is somebody else."""
    return _id(_party(item, "sender" if _is_of_business(item, entry_id) else "recipient")) or entry_id


def _is_of_business(item: Mapping[str, Any], account_id: str) -> bool:
    """Return whether the business did it. Its edits have no `is_echo`, nor at times its unsends."""
    message = object_of(item.get("message"))
    may_lack_mark = message.get("is_deleted") is True or "message_edit" in item
    return message.get("is_echo") is True or (may_lack_mark and _id(_party(item, "sender")) == account_id)


def _party(item: Mapping[str, Any], side: str) -> object:
    return object_of(item.get(side)).get("id")


def _dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list. One longer than any batch of Meta's is not even walked: Meta is waiting."""
    if not isinstance(value, list):
        return []
    _require_at_most(len(value))
    return [item for item in value if isinstance(item, dict)]


def _require_at_most(number: int) -> None:
    if number > MAX_NOTIFICATIONS:
        raise UnreadableBody(f"more than {MAX_NOTIFICATIONS} notifications")


def _id(value: object) -> str:
    """Return an id as a string: Meta's ids exceed 2^53, and some of its samples write them as numbers."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else ""
