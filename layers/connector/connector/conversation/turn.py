"""One turn: everything the customer has written and nobody has answered, answered once.

    claim ─▶ open ──▶ asking ──▶ answered ──▶ done
               │         │           │
               └─────────┴───────────┴──────▶ skipped (with a reason) · failed (with a reason)

Each arrow is one write to the chat, under a fence. A worker may die between any two: the next one resumes from the
state that stands. What was asked is not asked again, what was sent is not sent again, unless there is proof that it was
not. What cannot be done now is put off; who put it off has set the time at which the sweep looks after it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from connector.accounts import Connection
from connector.chat import (
    LATE,
    LOOPING,
    MAX_MESSAGES,
    OTHER_APP,
    Chat,
    Role,
    TurnState,
    claimed,
)
from connector.conversation import faults, policy, standby
from connector.conversation.asking import Asker
from connector.conversation.background import RunBeside, heartbeat, in_background
from connector.conversation.delivery import Delivery
from connector.conversation.ends import Ended, Unproven
from connector.conversation.faults import Call
from connector.conversation.parts import fallback_of, parts_of
from connector.conversation.patience import is_over, wait_seconds
from connector.conversation.question import question
from connector.conversation.speaking import Speaker
from connector.envelopes import TurnMessage
from connector.errors import ConnectorError, ReconnectNeeded, Refused, TryLater
from connector.logs import identify
from connector.ports.outside import TurnQueue
from connector.ports.stores import Chats, Connections, Superseded, Turns
from connector.tenancy import Tenant

_LONGEST_DELAY_SECONDS = 900  # what SQS allows; the sweep looks after longer ones
_BEATS_PER_LEASE = 3
_FASTEST_BEAT_SECONDS = 0.1
_QUEUE_TRIES = timedelta(minutes=20)  # how long the queue brings a message again and again
_MOST_DEATHS = 5
_LOOP_PAUSE = timedelta(minutes=60)
_DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of working on a turn: how it stands now, why, and when it is taken up again (None where it is over)."""

    state: TurnState
    reason: str | None = None
    again_in_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class TurnTaker:
    """Takes the agent's turns in one tenant's conversations."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    turns: Turns
    queue: TurnQueue
    asker_of: Callable[[Connection], Asker]
    """Returns the `Asker` of a connection."""
    delivery_of: Callable[[Connection], Delivery]
    clock: Callable[[], datetime]
    lease: timedelta
    """How long a turn is a worker's. It is renewed while the worker lives: when it has run out, the worker is dead."""
    part_bytes: int
    fallback: str = ""
    """What a customer is told when the agent cannot answer; "" for nothing."""
    most_messages: int = MAX_MESSAGES
    beside: RunBeside = in_background

    def answer(self, user_id: str, message_key: str | None) -> Outcome | None:
        """Answer what the user wrote, if it is time to; None when there is nothing to do for this worker.

        Raises:
            Unavailable: a store or queue failed; the turn is kept as far as it has come.
        """
        chat = self.chats.ongoing(user_id)
        if chat is None or not chat.is_due(message_key, self.clock()):
            return None
        _identify(chat)
        connection = self.connections.get(self.tenant)
        taken = self.turns.claim(chat, generation=connection.generation if connection else 0, lease=self.lease)
        if taken is None:
            self._schedule_for_end_of_lease(user_id)
            return None
        _identify(taken)
        every_seconds = max(self.lease.total_seconds() / _BEATS_PER_LEASE, _FASTEST_BEAT_SECONDS)
        with self.beside("lease", heartbeat(lambda: self.turns.renew(taken, self.lease), every_seconds)):
            return self._answer(taken, connection)

    def _answer(self, taken: Chat, connection: Connection | None) -> Outcome | None:
        try:
            return self._take(taken, connection)
        except Superseded:
            return Outcome(TurnState.SKIPPED, _DELETED) if self._is_deleted(taken) else None
        except ConnectorError:
            # The queue brings this message again: it must find the turn free.
            with suppress(ConnectorError, Superseded):
                self.turns.put_off(taken, self.clock(), look_after=_QUEUE_TRIES)
            raise

    def _is_deleted(self, chat: Chat) -> bool:
        """Return whether no other worker has the turn, but what it was about has been deleted for good."""
        asked = chat.of_turn(claimed(chat).id, Role.USER)
        return bool(asked) and not self.chats.has(asked[0].key)

    def _take(self, chat: Chat, connection: Connection | None) -> Outcome:
        state, reason, ends_chat = TurnState.DONE, None, False
        speaker = Speaker(self.tenant, self.connections, self.chats, self.delivery_of, self.clock)
        try:
            if len(chat.messages) >= self.most_messages:
                chat = self.turns.roll_over(chat, "full", keeps_session=True)
            usable = speaker.usable(chat, connection)
            self._require_sense(chat)
            chat = self._answered(chat, usable)
            _identify(chat)
            turn = claimed(chat)
            ends_chat = turn.ends_chat
            for part in chat.of_turn(turn.id, Role.AGENT):
                speaker.say(chat, part)
            if turn.reason is not None:
                state, reason = TurnState.FAILED, turn.reason
            elif not chat.of_turn(turn.id, Role.AGENT):
                state, reason = TurnState.SKIPPED, "empty_answer"
        except Ended as end:
            state, reason = end.state, end.reason
        except (Refused, ReconnectNeeded) as error:
            state, reason = TurnState.FAILED, error.code
        except TryLater as error:
            return self._put_off(chat, error)
        if state is TurnState.FAILED and connection is not None and reason in faults.ASKING:
            self.connections.record_error(
                connection, reason, call=Call.ASKING
            )  # what Meta refuses, the delivery records
        if self.turns.finish(chat, state, reason, end_chat_because="agent_ended" if ends_chat else None):
            self._schedule_next(chat.user_id)
        return Outcome(state, reason)

    def _require_sense(self, chat: Chat) -> None:
        """End the turn where going on makes no sense: it kills its workers, talks to a machine, or has no question."""
        turn, moment = claimed(chat), self.clock()
        if turn.tries > _MOST_DEATHS:
            raise Ended(TurnState.FAILED, "given_up")
        if turn.state is not TurnState.OPEN:
            return
        if policy.is_loop(chat, turn.id, moment):
            self.chats.pause(chat.user_id, moment + _LOOP_PAUSE, LOOPING)
            raise Ended(TurnState.SKIPPED, LOOPING)
        asked = chat.of_turn(turn.id, Role.USER)
        if standby.is_answered_elsewhere(chat, asked):
            raise Ended(TurnState.SKIPPED, OTHER_APP)
        if not question(chat, asked):
            raise Ended(TurnState.SKIPPED, "taken_back")

    def _answered(self, chat: Chat, connection: Connection) -> Chat:
        """Return the chat with the agent's answer in it, or with what is said in its place."""
        turn = claimed(chat)
        if turn.state is TurnState.ANSWERED:
            return chat
        try:
            chat, answer = self.asker_of(connection).ask(chat)
        except TryLater as error:
            if not is_over(turn.opened_at, self.clock(), error, turn.fence):
                raise
            return self._excused(chat, error.reason if isinstance(error, Unproven) else "agent_unavailable", error)
        except Refused as error:
            return self._excused(chat, error.code, error)
        faults.disprove(self.connections, connection, [Call.ASKING])
        parts = parts_of(chat, answer.texts, self.clock(), self.part_bytes)
        return self.turns.store_answer(chat, parts, ends_chat=answer.ends_session)

    def _excused(self, chat: Chat, reason: str, error: Exception) -> Chat:
        excuse = fallback_of(chat, self.fallback, self.clock(), self.part_bytes)
        if not excuse:
            raise Ended(TurnState.FAILED, reason) from error
        return self.turns.store_answer(chat, excuse, reason=reason)

    def _put_off(self, chat: Chat, error: TryLater) -> Outcome:
        turn = claimed(chat)
        seconds = wait_seconds(error, turn.fence)
        self.turns.put_off(chat, self.clock() + timedelta(seconds=seconds), look_after=LATE)
        if seconds <= _LONGEST_DELAY_SECONDS:
            self._schedule(chat, seconds)
        return Outcome(turn.state, error.message, seconds)

    def _schedule_for_end_of_lease(self, user_id: str) -> None:
        """Come again when the lease of the worker that has the turn runs out: by then it has renewed it, or is dead."""
        chat = self.chats.ongoing(user_id)
        if chat is not None and chat.turn is not None and chat.turn.is_held(self.clock()):
            seconds = ceil((chat.turn.lease_until - self.clock()).total_seconds())
            self._schedule(chat, max(1, min(seconds, _LONGEST_DELAY_SECONDS)))

    def _schedule_next(self, user_id: str) -> None:
        """Schedule what the customer wrote meanwhile: its own turn message may have come while this turn was on."""
        chat = self.chats.ongoing(user_id)
        if chat is not None:
            wait = (chat.turn_due_at - self.clock()).total_seconds() if chat.turn_due_at else 0
            self._schedule(chat, max(0, min(round(wait), _LONGEST_DELAY_SECONDS)))

    def _schedule(self, chat: Chat, seconds: int) -> None:
        tenant = self.tenant
        self.queue.send(
            TurnMessage(tenant.subaccount_id, tenant.agent_id, chat.account_id, chat.user_id, chat.turn_due_for),
            delay_seconds=seconds,
        )


def _identify(chat: Chat) -> None:
    """Have the log lines that follow name a chat and its turn."""
    identify(chat=chat.id, chatId=chat.chat_id, turnId=chat.turn.id if chat.turn else None)
