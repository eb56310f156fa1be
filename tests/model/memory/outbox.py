"""What goes out, in memory."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from connector.chat import SEND_UNKNOWN, Chat, Message, MessageStatus, Role, claimed
from connector.echoes import Echo, is_alike, settled_by
from connector.errors import OutcomeUnknown
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
        """Record the mid that Meta gave, and correct what an echo was taken for."""
        self.record_found(message, mid)
        bearers = self._bearers(mid)
        if message.key in bearers or self._exchange_mid(message, mid):
            self._correct(message.key, bearers - {message.key})

    def record_found(self, message: Message, mid: str) -> None:
        """Record the mid of a lost message that was found in the thread."""
        self._settle(message, _UNSETTLED, mid=mid, status=MessageStatus.SENT, error=None)

    def take_back_echo(self, mid: str) -> None:
        """Remove a stored echo that belongs to an outgoing message."""
        bearers = self._bearers(mid)
        for ours in sorted(key for key in bearers if key != f"mid:{mid}")[:1]:
            self._correct(ours, bearers - {ours})

    def _bearers(self, mid: str) -> set[str]:
        ours = (one for record in self._shelf.of(self._tenant) for one in record.chat.messages if one.mid == mid)
        return {one.key for one in ours if one.role in _OUR_ROLES}

    def _correct(self, key: str, others: set[str]) -> None:
        for other in others:
            if other.startswith("mid:"):
                self._remove_echo(other)
            elif record := self._holding(lambda one, other=other: one.key == other):
                lost = {"mid": None, "status": MessageStatus.UNKNOWN, "error": {"code": OutcomeUnknown.code}}
                self._shelf.put(record.changing(lambda one, other=other: one.key == other, **lost))
        record = self._holding(lambda one: one.key == key)
        if others and record:
            sent = MessageStatus.SENT
            self._shelf.put(
                record.changing(lambda one: one.key == key and one.status is sent, status=MessageStatus.DELIVERED)
            )

    def _exchange_mid(self, message: Message, mid: str) -> bool:
        def is_mistaken(one: Message) -> bool:
            delivered = (MessageStatus.DELIVERED, MessageStatus.READ)
            return one.key == message.key and one.mid not in (None, mid) and one.status in delivered

        record = self._holding(is_mistaken)
        was = record.message(is_mistaken) if record else None
        if record is None or was is None:
            return False
        self._shelf.put(record.changing(is_mistaken, mid=mid))
        echo = Echo(was.mid or "", was.text, was.attachments, was.sending_at or was.created_at)
        self._deliver_unsettled(record.chat.user_id, echo)
        return True

    def _remove_echo(self, key: str) -> None:
        record = self._holding(lambda one: one.key == key)
        if record is None:
            return
        pauses = frozenset(pair for pair in record.pauses if pair[0] != key)
        set_by_it = dict(record.pauses).get(key)
        left = tuple(one for one in record.chat.messages if one.key != key)
        fields: dict[str, Any] = {"messages": left}
        if set_by_it is not None and set_by_it == record.chat.paused_until:
            rest = [until for _, until in pauses]
            rest += [record.pause_requested_until] if record.pause_requested_until else []
            fields["paused_until"] = max(rest, default=None)
        self._shelf.put(having(record.saying(**fields), pauses=pauses))
        self._shelf.entered.pop((self._tenant, key), None)

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

    def record_unprovable(self, message: Message) -> None:
        """Record that Meta did not tell whether a message was sent."""
        self._settle(message, _UNSETTLED, status=MessageStatus.UNKNOWN, error={"code": SEND_UNKNOWN})

    def is_to(self, user_id: str, key: str) -> bool:
        """Return whether a message is to this user."""
        record = self._holding(lambda one: one.key == key)
        return record is not None and record.chat.user_id == user_id

    def known(self, mids: Collection[str]) -> Collection[str]:
        """Return those of these mids that stored messages have."""
        stored = {message.mid for record in self._shelf.of(self._tenant) for message in record.chat.messages}
        return [mid for mid in mids if mid in stored]

    def has_sent(self, mid: str) -> bool:
        """Return whether Meta's answer to one of our sends named this mid, and no echo has come yet."""
        return self._holding(lambda one: one.mid == mid and one.status is MessageStatus.SENT) is not None

    def attach_echo(self, user_id: str, echo: Echo) -> bool:
        """Record the delivery of the message that an echo belongs to."""
        return self._deliver(echo.mid) or self._deliver_unsettled(user_id, echo) or self._is_double(user_id, echo)

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

    def _deliver_unsettled(self, user_id: str, echo: Echo) -> bool:
        unsettled = [
            message
            for record in self._shelf.of(self._tenant)
            for message in record.chat.messages
            if record.chat.user_id == user_id and message.mid is None and message.status in _UNSETTLED
        ]
        lost = settled_by(echo, [one for one in unsettled if one.role in _OUR_ROLES])
        record = self._holding(lambda one: lost is not None and one.key == lost.key)
        if record is None or lost is None:
            return False
        if record.message(lambda one: one.mid == echo.mid):
            return self._deliver(echo.mid)
        settled = {"mid": echo.mid, "status": MessageStatus.DELIVERED, "error": None}
        record = record.changing(lambda one: one.key == lost.key, **settled)
        if lost.turn_id:
            record = record.changing(
                lambda one: one.turn_id == lost.turn_id and (one.error or {}).get("code") == SEND_UNKNOWN,
                status=MessageStatus.ANSWERED,
                error=None,
            )
        self._shelf.put(record)
        return True

    def _is_double(self, user_id: str, echo: Echo) -> bool:
        return any(
            is_alike(echo, message) and message.key in record.absent
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
