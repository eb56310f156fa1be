"""Webhook bodies as they travel: compact JSON in pure ASCII, `time` before `id`.

Shapes: Meta's page "Instagram Platform Webhook Notification Examples".
"""

import json
from collections.abc import Sequence

from local.simulators.meta.deliveries import ItemList, WebhookEvent
from local.simulators.meta.shapes import Json


def encode_notification(events: Sequence[WebhookEvent], time_ms: int) -> str:
    """Write one notification about `events`, in their order.

    Neighbours of the same account share an entry. `time_ms` is when Meta sends, not when things happened.
    """
    entries: list[Json] = []
    for event in events:
        last = entries[-1] if entries else {}
        if last.get("id") != event.account_id or event.item_list not in last:
            last = {"time": time_ms, "id": event.account_id, event.item_list: []}
            entries.append(last)
        last[event.item_list].append(event.item)
    return json.dumps({"object": "instagram", "entry": entries}, separators=(",", ":"))


def message_event(
    account_id: str, user_id: str, timestamp: int, message: Json, beside: Json | None = None
) -> WebhookEvent:
    """Tell of a message between the two; the sender is the business where `message` is an echo.

    `beside` holds the item's other keys.
    """
    ends = (account_id, user_id) if message.get("is_echo") else (user_id, account_id)
    return WebhookEvent(account_id, _item(*ends, timestamp, {"message": message} | (beside or {})))


def hint_event(account_id: str, user_id: str, timestamp: int, mid: str) -> WebhookEvent:
    """Mention a message without its content or its ends, as Meta does at times in place of the message's own event."""
    item = {"sender": None, "recipient": None, "message_edit": {"mid": mid, "num_edit": 0}}
    return completed_event(account_id, user_id, timestamp, item, "messaging")


def completed_event(account_id: str, user_id: str, timestamp: int, item: Json, item_list: ItemList) -> WebhookEvent:
    """Tell of a raw item, with the sender, recipient and timestamp it lacks.

    An explicit null leaves the key out: Meta does send edits that name nobody.
    """
    is_echo = bool((item.get("message") or {}).get("is_echo"))
    ends = (account_id, user_id) if is_echo else (user_id, account_id)
    whole = _item(*ends, timestamp, {}) | item
    return WebhookEvent(account_id, {k: v for k, v in whole.items() if v is not None}, item_list)


def _item(sender: str, recipient: str, timestamp: int, event: Json) -> Json:
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": timestamp, **event}
