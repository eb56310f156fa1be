"""What customers do to messages that stand, in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from connector.chat import Message, MessageStatus, Role
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record, Shelf, having

_SENT = (MessageStatus.SENT, MessageStatus.DELIVERED)


class Changes:
    """As `connector.storage.changes`."""

    def __init__(self, shelf: Shelf, tenant: Tenant) -> None:
        self._shelf = shelf
        self._tenant = tenant

    def edit(self, mid: str, text: str, at: datetime) -> bool:
        """Replace the text of a customer's message by a newer one."""

        def is_newer(one: Message, _: Record) -> bool:
            return one.deleted_at is None and (one.edited_at is None or one.edited_at < at)

        return self._change(lambda one: one.mid == mid and one.role is Role.USER, is_newer, text=text, edited_at=at)

    def unsend(self, mid: str, at: datetime) -> bool:
        """Remove what a taken-back message said."""
        said = dict.fromkeys(("text", "content", "reply_to", "postback", "referral"))
        gone = said | {"attachments": (), "deleted_at": at}
        return self._change(lambda one: one.mid == mid, lambda *_: True, **gone)

    def opt(self, user_id: str, at: datetime, *, out: bool) -> None:
        """Record whether a user wants nothing more written to them."""
        raise AssertionError("nobody in the model opts out")

    def react(self, mid: str, user_id: str, emoji: str | None, at: datetime) -> bool:
        """Set or take back the user's reaction to a message."""
        reactions = ({"userId": user_id, "emoji": emoji, "at": at},) if emoji else ()

        def is_newer(one: Message, record: Record) -> bool:
            return all(key != one.key or known <= at for key, known in record.reacted_at)

        found = self._shelf.holding(self._tenant, lambda one: one.mid == mid)
        if found is None:
            return False
        message = found.message(lambda one: one.mid == mid)
        if message and is_newer(message, found):
            others = tuple(pair for pair in found.reacted_at if pair[0] != message.key)
            changed = found.changing(lambda one: one.key == message.key, reactions=reactions)
            self._shelf.put(having(changed, reacted_at=(*others, (message.key, at))))
        return True

    def mark_read(self, user_id: str, mid: str, at: datetime) -> bool:
        """Mark what we sent, up to and with the message `mid`, as read."""
        record = self._shelf.holding(self._tenant, lambda one: one.mid == mid, user_id)
        seen = record.message(lambda one: one.mid == mid) if record else None
        if record is None or seen is None:
            return False

        def is_seen(one: Message) -> bool:
            return one.status in _SENT and one.created_at <= seen.created_at

        self._shelf.put(record.changing(is_seen, status=MessageStatus.READ, read_at=at))
        return True

    def _change(
        self, found: Callable[[Message], bool], applies: Callable[[Message, Record], bool], **fields: Any
    ) -> bool:
        record = self._shelf.holding(self._tenant, found)
        if record is None:
            return False
        message = record.message(found)
        if message and applies(message, record):
            self._shelf.put(record.changing(lambda one: one.key == message.key, **fields))
        return True
