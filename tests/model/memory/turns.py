"""The state of turns, in memory: the same filters, of which each write is refused where one does not hold."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.chat import (
    LATE,
    OTHER_APP,
    PAUSED,
    RECOVERED_LATE,
    Chat,
    Message,
    MessageStatus,
    Role,
    Turn,
    TurnState,
    claimed,
)
from connector.ports.stores import Superseded
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record, Shelf, having
from tests.model.memory.succession import ended, is_waiting, roll_over


class Turns:
    """As `connector.storage.turns`."""

    def __init__(self, shelf: Shelf, tenant: Tenant, clock: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._tenant = tenant
        self._clock = clock

    def claim(self, chat: Chat, *, generation: int, lease: timedelta) -> Chat | None:
        """Take up the chat's hanging turn, or else open one for all its unanswered messages."""
        record = self._shelf.ongoing(self._tenant, chat.user_id)
        if record is None:
            return None
        return self._resume(record, lease) if chat.has_hanging_turn else self._open(record, generation, lease)

    def _resume(self, record: Record, lease: timedelta) -> Chat | None:
        turn, moment = record.chat.turn, self._clock()
        if turn is None or not record.chat.has_hanging_turn or turn.lease_until > moment:
            return None
        taken = having(turn, fence=turn.fence + 1, tries=turn.tries + 1, lease_until=moment + lease)
        return self._shelf.put(having(record.saying(turn=taken), wake_at=moment + lease)).chat

    def _open(self, record: Record, generation: int, lease: timedelta) -> Chat | None:
        if record.chat.has_hanging_turn or not record.message(is_waiting):
            return None
        moment = self._clock()
        turn = Turn(self._shelf.new_id("turn"), 1, TurnState.OPEN, moment + lease, generation, moment)
        opened = record.changing(lambda one: is_waiting(one) or _was_missed(one), turn_id=turn.id).saying(turn=turn)
        return self._shelf.put(having(opened, wake_at=turn.lease_until)).chat

    def renew(self, chat: Chat, lease: timedelta) -> None:
        """Hold the turn for a lease from now on."""
        record, until = self._own(chat), self._clock() + lease
        if not record.chat.has_hanging_turn or claimed(record.chat).tries == 0:
            raise Superseded
        self._put(having(record, wake_at=until), {"lease_until": until})

    def set_session(self, chat: Chat, chat_id: str) -> Chat:
        """Record a new session of the agent's for this chat."""
        self._write(chat, chat_id=chat_id, questions=0)
        return having(chat, chat_id=chat_id, questions=0)

    def set_questions(self, chat: Chat, questions: int | None) -> Chat:
        """Record how many questions the agent's session holds."""
        self._write(chat, questions=questions)
        return having(chat, questions=questions)

    def begin_asking(self, chat: Chat) -> Chat:
        """Record that the agent is about to be asked."""
        asking: dict[str, Any] = {
            "state": TurnState.ASKING,
            "asked_at": self._clock(),
            "asked_after": chat.questions,
        }
        self._write(chat, turn=asking, questions=None)
        return having(chat, turn=having(claimed(chat), **asking), questions=None)

    def take_back_asking(self, chat: Chat) -> Chat:
        """Record that the agent was certainly not asked."""
        questions = claimed(chat).asked_after
        self._write(chat, turn={"state": TurnState.OPEN}, questions=questions)
        return having(chat, turn=having(claimed(chat), state=TurnState.OPEN), questions=questions)

    def give_up_session(self, chat: Chat) -> Chat:
        """Record that the session in which the agent was asked has vanished."""
        lost = {"state": TurnState.OPEN, "lost_session": True}
        self._write(chat, turn=lost, questions=None)
        return having(chat, turn=having(claimed(chat), **lost), questions=None)

    def store_answer(
        self, chat: Chat, parts: Sequence[Message], *, ends_chat: bool = False, reason: str | None = None
    ) -> Chat:
        """Store the answer's parts, to be sent; with a reason, what is said in the agent's place."""
        stored = tuple(self._shelf.enter(self._tenant, part) for part in parts)
        record = self._own(chat)
        asked_after = claimed(chat).asked_after
        fields: dict[str, Any] = {}
        questions = chat.questions
        if reason is None and asked_after is not None:
            questions = fields["questions"] = asked_after + 1
        answered = {"state": TurnState.ANSWERED, "ends_chat": ends_chat, "reason": reason}
        if stored:
            newest = stored[-1].created_at
            known = record.last_message_at
            record = having(record, last_message_at=newest if known is None else max(known, newest))
            fields["messages"] = (*record.chat.messages, *stored)
        self._put(record, answered, **fields)
        turn = having(claimed(chat), state=TurnState.ANSWERED, ends_chat=ends_chat, reason=reason)
        return having(chat, turn=turn, questions=questions, messages=(*chat.messages, *stored))

    def roll_over(self, chat: Chat, because: str, *, keeps_session: bool) -> Chat:
        """End the chat and go on with the turn in its successor."""
        roll_over(self._shelf, self._own(chat), because, self._clock(), keeps_session=keeps_session)
        return self._own(chat).chat

    def put_off(self, chat: Chat, until: datetime, *, look_after: timedelta) -> None:
        """Give the turn back as it stands."""
        record = self._own(chat)
        if not record.chat.has_hanging_turn:
            raise Superseded
        self._put(having(record, wake_at=until + look_after), {"lease_until": until, "tries": 0})

    def finish(
        self, chat: Chat, state: TurnState, reason: str | None = None, *, end_chat_because: str | None = None
    ) -> bool:
        """End the turn, and with it the chat where a reason is given."""
        record = _settled(self._own(chat), claimed(chat), state, reason)
        if not record.message(is_waiting):
            record = having(record, wake_at=None)
            self._shelf.put(ended(record, end_chat_because) if end_chat_because else record)
            return False
        record = self._shelf.put(having(record, wake_at=self._clock() + LATE))
        if end_chat_because:
            roll_over(self._shelf, record, end_chat_because, self._clock(), keeps_session=False)
        return True

    def _own(self, chat: Chat) -> Record:
        """Return the user's ongoing chat, if its turn is still this worker's."""
        record = self._shelf.ongoing(self._tenant, chat.user_id)
        mine = claimed(chat)
        if record is None or record.chat.turn is None:
            raise Superseded
        if (record.chat.turn.id, record.chat.turn.fence) != (mine.id, mine.fence):
            raise Superseded
        return record

    def _write(self, chat: Chat, turn: dict[str, Any] | None = None, **fields: Any) -> None:
        self._put(self._own(chat), turn or {}, **fields)

    def _put(self, record: Record, turn: dict[str, Any], **fields: Any) -> None:
        self._shelf.put(record.saying(turn=having(claimed(record.chat), **turn), **fields))


def _was_missed(message: Message) -> bool:
    """Return whether the agent has not been told: what a person said, what the customer said to them or was lost."""
    if message.role is Role.HUMAN:
        return message.turn_id is None and message.is_with_customer
    is_unanswered = message.role is Role.USER and message.status is MessageStatus.UNANSWERED
    return is_unanswered and message.error is not None and message.error["code"] in (PAUSED, RECOVERED_LATE, OTHER_APP)


def _settled(record: Record, turn: Turn, state: TurnState, reason: str | None) -> Record:
    """Return the record with the turn, and all its messages, as its end leaves them."""
    is_done = state is TurnState.DONE
    error = None if is_done else {"code": reason}
    asked = MessageStatus.ANSWERED if is_done else MessageStatus.UNANSWERED

    def settle(one: Message) -> Message:
        if one.turn_id != turn.id:
            return one
        if one.role is Role.USER:
            return having(one, status=asked, error=error)
        if is_done:
            return one
        if one.status is MessageStatus.PENDING:
            return having(one, status=MessageStatus.FAILED, error=error)
        if one.status is MessageStatus.SENDING:
            return having(one, status=MessageStatus.UNKNOWN, error=error)
        return having(one, turn_id=None) if one.role is Role.HUMAN else one

    over = having(claimed(record.chat), state=state, reason=reason)
    return record.saying(turn=over, messages=tuple(settle(one) for one in record.chat.messages))
