"""The chats of one tenant, in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.chat import LATE, MAX_MESSAGES, OTHER_APP, PAUSED, Chat, Message, MessageStatus, Person, Role
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record, Shelf, having
from tests.model.memory.succession import first_record, rests, roll_over


class Chats:
    """As `connector.storage.chats`."""

    def __init__(
        self, shelf: Shelf, tenant: Tenant, clock: Callable[[], datetime], most_messages: int = MAX_MESSAGES
    ) -> None:
        self._shelf = shelf
        self._tenant = tenant
        self._clock = clock
        self._most_messages = most_messages

    def ongoing(self, user_id: str) -> Chat | None:
        """Return the user's ongoing chat."""
        record = self._ongoing(user_id)
        return record.chat if record else None

    def add(
        self,
        user_id: str,
        account_id: str,
        message: Message,
        *,
        turn_due_in: timedelta | None = None,
        paused_until: datetime | None = None,
    ) -> Message | None:
        """Store a message; None when it was stored before."""
        if self.has(message.key):
            return None
        message = self._shelf.enter(self._tenant, message)
        record = self._with_room(user_id, account_id)
        messages = sorted((*record.chat.messages, message), key=lambda one: one.created_at)
        fields: dict[str, Any] = {"messages": tuple(messages)}
        beside: dict[str, Any] = {"last_message_at": _later(record.last_message_at, message.created_at)}
        if message.role is Role.USER:
            fields["window_opened_at"] = _later(record.chat.window_opened_at, message.created_at)
            beside["last_user_message_at"] = _later(record.last_user_message_at, message.created_at)
        if turn_due_in is not None:
            fields["turn_due_at"] = self._clock() + turn_due_in
            fields["turn_due_for"] = message.key
            beside["wake_at"] = fields["turn_due_at"] + LATE
        if paused_until is not None:
            fields["paused_until"] = _later(record.chat.paused_until, paused_until)
            fields["paused_because"] = PAUSED
            beside["pauses"] = record.pauses | {(message.key, paused_until)}
        self._shelf.put(having(record.saying(**fields), **beside))
        return message

    def _with_room(self, user_id: str, account_id: str) -> Record:
        record = self._ongoing(user_id)
        if record is None:
            last = [one for one in self._shelf.of(self._tenant) if one.chat.user_id == user_id][-1:]
            before = last[0] if last else None
            opened = first_record(self._shelf, self._tenant, user_id, account_id, self._clock(), before)
            return self._shelf.put(opened)
        if len(record.chat.messages) >= self._most_messages and rests(record):
            roll_over(self._shelf, record, "full", self._clock(), keeps_session=True)
            return self._ongoing(user_id) or record
        return record

    def pause(self, user_id: str, until: datetime, because: str) -> None:
        """Keep the agent silent in the user's ongoing chat, at least until then."""
        if record := self._ongoing(user_id):
            requested = _later(record.pause_requested_until, until)
            until = _later(record.chat.paused_until, until)
            record = record.saying(paused_until=until, paused_because=because)
            self._shelf.put(having(record, pause_requested_until=requested))

    def resume(self, user_id: str) -> bool:
        """Let the agent speak again."""
        record = self._ongoing(user_id)
        if record is None:
            return False
        record = record.saying(paused_until=None, paused_because=None)
        self._shelf.put(having(record, pauses=frozenset(), pause_requested_until=None))
        return True

    def find(self, key: str) -> tuple[Chat, Message] | None:
        """Return a message, and the chat it stands in."""
        record = self._shelf.holding(self._tenant, lambda one: one.key == key)
        message = record.message(lambda one: one.key == key) if record else None
        return (record.chat, message) if record and message else None

    def refer(self, user_id: str, referral: Mapping[str, Any], at: datetime) -> bool:
        """Record what brought the customer here, unless something later has."""
        record = self._ongoing(user_id)
        if record is None:
            return False
        known = record.chat.referral
        newest = {**referral, "at": at} if known is None or known["at"] < at else known
        self._shelf.put(record.saying(window_opened_at=_later(record.chat.window_opened_at, at), referral=newest))
        return True

    def note_control(self, user_id: str, at: datetime) -> bool:
        """Record when our app got control of the thread."""
        record = self._ongoing(user_id)
        if record is None:
            return False
        self._shelf.put(record.saying(control_at=_later(record.chat.control_at, at)))
        return True

    def reopen(self, user_id: str, keys: Sequence[str], *, turn_due_in: timedelta) -> None:
        """Let messages wait for an answer that were another app's to answer."""

        def is_left(one: Message) -> bool:
            is_unanswered = one.status is MessageStatus.UNANSWERED and one.error is not None
            return one.key in keys and is_unanswered and (one.error or {})["code"] == OTHER_APP

        record = self._ongoing(user_id)
        if record is None or record.message(is_left) is None:
            return
        due_at = self._clock() + turn_due_in
        waiting = record.changing(is_left, status=MessageStatus.RECEIVED, turn_id=None)
        self._shelf.put(having(waiting.saying(turn_due_at=due_at, turn_due_for=keys[-1]), wake_at=due_at + LATE))

    def describe(self, user_id: str, person: Person) -> None:
        """Record who the customer is."""
        if record := self._ongoing(user_id):
            self._shelf.put(record.saying(person=person))

    def has(self, key: str) -> bool:
        """Return whether the message is stored."""
        return self._shelf.holding(self._tenant, lambda one: one.key == key) is not None

    def _ongoing(self, user_id: str) -> Record | None:
        return self._shelf.ongoing(self._tenant, user_id)


def _later(known: datetime | None, moment: datetime) -> datetime:
    return moment if known is None else max(known, moment)
