"""What goes out, in memory."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from connector.chat import SEND_UNKNOWN, Chat, Message, MessageStatus, Role, claimed
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record, Shelf, having

_UNSETTLED = (MessageStatus.SENDING, MessageStatus.UNKNOWN)
_OUR_ROLES = (Role.AGENT, Role.HUMAN)


class Outbox:
    """As `connector.storage.outbox`."""

    def __init__(self, shelf: Shelf, tenant: Tenant, clock: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._tenant = tenant
        self._clock = clock

    def begin_sending(self, message: Message, *, chat: Chat | None = None) -> bool:
        """Record that a message is about to be sent; False when it is not ours to send."""
        record = self._holding(lambda one: one.key == message.key and one.status is MessageStatus.PENDING)
        if record is None or (chat is not None and not self._may_send(record, chat)):
            return False
        changed = record.changing(
            lambda one: one.key == message.key, status=MessageStatus.SENDING, sending_at=self._clock()
        )
        self._shelf.put(changed)
        return True

    def _may_send(self, record: Record, chat: Chat) -> bool:
        turn, mine = record.chat.turn, claimed(chat)
        is_mine = turn is not None and (turn.id, turn.fence) == (mine.id, mine.fence)
        return is_mine and not record.chat.is_paused(self._clock())

    def record_sent(self, message: Message, mid: str) -> None:
        """Record the mid that Meta gave, and take back what an echo was mistaken for."""
        self._settle(message, _UNSETTLED, mid=mid, status=MessageStatus.SENT, error=None)
        record = self._holding(lambda one: _is_persons(one, mid))
        if record:
            left = tuple(one for one in record.chat.messages if not _is_persons(one, mid))
            self._shelf.put(record.saying(messages=left, paused_until=None))
            self._shelf.entered.pop((self._tenant, f"mid:{mid}"), None)

    def record_unsent(self, message: Message, status: MessageStatus, error: Mapping[str, Any] | None) -> None:
        """Record that a send failed, is unknown, or waits again."""
        self._settle(message, (MessageStatus.SENDING,), status=status, error=error)

    def record_refused(self, message: Message, error: Mapping[str, Any]) -> None:
        """Record that a message must not be sent."""
        self._settle(message, (MessageStatus.PENDING,), status=MessageStatus.FAILED, error=error)

    def reopen(self, message: Message) -> None:
        """Let a message that failed for the moment wait again."""
        self._settle(message, (MessageStatus.FAILED,), status=MessageStatus.PENDING, error=None)

    def record_absent(self, message: Message) -> None:
        """Record the proof that a message was not sent."""
        if record := self._settle(message, _UNSETTLED, status=MessageStatus.PENDING, error=None):
            self._shelf.put(having(record, absent=record.absent | {message.key}))

    def known(self, mids: Collection[str]) -> Collection[str]:
        """Return those of these mids that stored messages have."""
        stored = {message.mid for record in self._shelf.of(self._tenant) for message in record.chat.messages}
        return [mid for mid in mids if mid in stored]

    def attach_echo(self, user_id: str, mid: str, text: str | None) -> bool:
        """Settle the message of ours that an echo is about, if it is one."""
        return self._deliver(mid) or self._deliver_unsettled(user_id, mid, text) or self._is_double(user_id, text)

    def _deliver(self, mid: str) -> bool:
        record = self._holding(lambda one: one.mid == mid and one.role in _OUR_ROLES)
        if record is None:
            return False
        self._shelf.put(
            record.changing(
                lambda one: one.mid == mid and one.status is MessageStatus.SENT, status=MessageStatus.DELIVERED
            )
        )
        return True

    def _deliver_unsettled(self, user_id: str, mid: str, text: str | None) -> bool:
        def is_lost(one: Message) -> bool:
            return one.mid is None and one.text == text and one.status in _UNSETTLED

        record = self._shelf.holding(self._tenant, is_lost, user_id)
        lost = record.message(is_lost) if record else None
        if record is None or lost is None:
            return False
        record = record.changing(lambda one: one.key == lost.key, mid=mid, status=MessageStatus.DELIVERED, error=None)
        if lost.turn_id:
            record = record.changing(
                lambda one: one.turn_id == lost.turn_id and (one.error or {}).get("code") == SEND_UNKNOWN,
                status=MessageStatus.ANSWERED,
                error=None,
            )
        self._shelf.put(record)
        return True

    def _is_double(self, user_id: str, text: str | None) -> bool:
        return any(
            message.text == text and message.key in record.absent
            for record in self._shelf.of(self._tenant)
            for message in record.chat.messages
            if record.chat.user_id == user_id
        )

    def _settle(self, message: Message, statuses: Collection[MessageStatus], **fields: Any) -> Record | None:
        record = self._holding(lambda one: one.key == message.key and one.status in statuses)
        if record is None:
            return None
        return self._shelf.put(record.changing(lambda one: one.key == message.key, **fields))

    def _holding(self, found: Callable[[Message], bool]) -> Record | None:
        return self._shelf.holding(self._tenant, found)


def _is_persons(message: Message, mid: str) -> bool:
    return message.key == f"mid:{mid}" and message.role is Role.HUMAN
