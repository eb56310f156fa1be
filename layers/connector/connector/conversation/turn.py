"""One turn: everything the customer has written and nobody has answered, answered once.

    claim ─▶ open ──▶ asking ──▶ answered ──▶ done
               │         │           │
               └─────────┴───────────┴──────▶ skipped (with a reason) · failed (with a reason)

Each arrow is one write to the chat, under a fence. A worker may die between any two: the next one resumes from the
state that stands. What was asked is not asked again, what was sent is not sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import Connection
from connector.chat import PAUSED, Chat, Message, MessageStatus, Role, TurnState, claimed
from connector.conversation.delivery import Delivery
from connector.conversation.question import question
from connector.conversation.text import split
from connector.envelopes import TurnMessage
from connector.errors import OutcomeUnknown, ReconnectNeeded, Refused, SessionEnded, TryLater
from connector.ports import Agent, Chats, Connections, Superseded, TurnQueue, Turns
from connector.tenancy import Tenant


class _Ended(Exception):
    """Raised inside a turn to end it."""

    def __init__(self, state: TurnState, reason: str) -> None:
        self.state = state
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TurnTaker:
    """Takes the agent's turns in one tenant's conversations."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    turns: Turns
    queue: TurnQueue
    agent_of: Callable[[Connection], Agent]
    delivery_of: Callable[[Connection], Delivery]
    clock: Callable[[], datetime]
    lease: timedelta
    """Longer than the worker can live: when it is over, the worker that held it is dead."""
    part_bytes: int

    def answer(self, user_id: str, message_key: str | None) -> TurnState | None:
        """Answer what the user wrote, if it is time to, and return how the turn ended; None when there was none.

        Raises:
            TryLater: not now; the turn is kept as far as it has come.
            Unavailable: a store or queue failed; the turn is kept as far as it has come.
        """
        chat = self.chats.ongoing(user_id)
        connection = self.connections.get(self.tenant)
        if chat is None or connection is None or not chat.is_due(message_key, self.clock()):
            return None
        taken = self.turns.claim(chat, generation=connection.generation, lease=self.lease)
        if taken is None:
            if chat.has_hanging_turn:
                # The worker that holds it may be dead. Whoever comes after its lease takes the turn over.
                wait = (claimed(chat).lease_until - self.clock()).total_seconds() + 1
                raise TryLater("Another worker has this turn.", after_seconds=max(1, min(round(wait), 30)))
            return None
        try:
            state = self._take(taken)
        except Superseded:
            return None
        self._schedule_next(user_id)
        return state

    def _take(self, chat: Chat) -> TurnState:
        state, reason = TurnState.DONE, None
        try:
            self._ask_and_send(chat)
        except _Ended as end:
            state, reason = end.state, end.reason
        except (Refused, ReconnectNeeded) as error:
            state, reason = TurnState.FAILED, error.code
        self.turns.finish(chat, state, reason)
        return state

    def _ask_and_send(self, chat: Chat) -> None:
        turn = claimed(chat)
        self._require_awake(chat)
        connection = self._usable_connection(chat)
        if turn.state is TurnState.ASKING:
            # A worker died, or lost the answer, while it asked. Asking again could ask twice.
            raise _Ended(TurnState.FAILED, "answer_lost")
        parts = chat.of_turn(turn.id, Role.AGENT)
        if turn.state is TurnState.OPEN:
            parts = self._ask(chat, connection)
        if not parts:
            raise _Ended(TurnState.SKIPPED, "empty_answer")
        for part in parts:
            self._send(chat, part)

    def _ask(self, chat: Chat, connection: Connection) -> tuple[Message, ...]:
        turn_id = claimed(chat).id
        if not question(chat.of_turn(turn_id, Role.USER)):
            raise _Ended(TurnState.SKIPPED, "taken_back")
        content = question(chat.of_turn(turn_id, Role.USER, Role.HUMAN))
        agent = self.agent_of(connection)
        try:
            chat_id = chat.chat_id or self._open_session(chat, agent)
            self.turns.set_state(chat, TurnState.ASKING)
            try:
                answer = agent.ask(chat_id, content)
            except SessionEnded:
                # Nothing was said in a session that is over, so the same words may be said in a new one: once.
                answer = agent.ask(self._open_session(chat, agent), content)
        except TryLater:
            self.turns.release(chat, TurnState.OPEN)
            raise
        except Refused as error:
            self.connections.record_error(connection, error.code)
            raise
        except SessionEnded as error:
            raise _Ended(TurnState.FAILED, error.code) from error
        except OutcomeUnknown as error:
            raise _Ended(TurnState.FAILED, "answer_lost") from error
        # Stripped as Instagram shows them, so that an echo says the same as what was sent.
        texts = [piece.strip() for text in answer for piece in split(text, self.part_bytes) if piece.strip()]
        answered_at = self.clock()
        return self.turns.store_answer(
            chat, [self._part(chat, answered_at, index, text) for index, text in enumerate(texts)]
        )

    def _open_session(self, chat: Chat, agent: Agent) -> str:
        chat_id = agent.open(
            {"channel": "instagram"},
            {"channel": "instagram", "userId": chat.user_id, "accountId": chat.account_id},
        )
        self.turns.set_session(chat, chat_id)
        return chat_id

    def _part(self, chat: Chat, answered_at: datetime, index: int, text: str) -> Message:
        turn_id = claimed(chat).id
        return Message(
            key=f"turn:{turn_id}:{index}",
            role=Role.AGENT,
            text=text,
            status=MessageStatus.PENDING,
            created_at=answered_at + timedelta(milliseconds=index),  # the order in which they were said
            turn_id=turn_id,
        )

    def _send(self, chat: Chat, part: Message) -> None:
        if part.status in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ):
            return
        if part.status is not MessageStatus.PENDING:
            # A worker died while it sent. Sending again could send twice; an echo may still settle it.
            raise _Ended(TurnState.FAILED, "send_unknown")
        connection = self._usable_connection(chat)
        try:
            sent = self.delivery_of(connection).deliver(part, chat.user_id, chat=chat)
        except OutcomeUnknown as error:
            raise _Ended(TurnState.FAILED, "send_unknown") from error
        except TryLater:
            self.turns.release(chat, TurnState.ANSWERED)
            raise
        if sent is None:
            self._require_awake(self.chats.ongoing(chat.user_id) or chat)
            raise Superseded

    def _require_awake(self, chat: Chat) -> None:
        if chat.is_paused(self.clock()):
            raise _Ended(TurnState.SKIPPED, PAUSED)

    def _usable_connection(self, chat: Chat) -> Connection:
        """Return the connection as it is now, if the turn may still speak for it."""
        connection = self.connections.get(self.tenant)
        if (
            connection is None
            or connection.generation != claimed(chat).generation
            or connection.account.account_id != chat.account_id
        ):
            raise _Ended(TurnState.SKIPPED, "disconnected")
        if not connection.is_connected:
            raise _Ended(TurnState.SKIPPED, connection.status.value)
        return connection

    def _schedule_next(self, user_id: str) -> None:
        """Schedule what the customer wrote meanwhile: its own turn message may have come while this turn was on."""
        chat = self.chats.ongoing(user_id)
        if chat is None or not chat.has_unanswered:
            return
        wait = (chat.turn_due_at - self.clock()).total_seconds() if chat.turn_due_at else 0
        self.queue.send(
            TurnMessage(self.tenant.subaccount_id, self.tenant.agent_id, chat.account_id, user_id, chat.turn_due_for),
            delay_seconds=max(0, min(round(wait), 900)),
        )
