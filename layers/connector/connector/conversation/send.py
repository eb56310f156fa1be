"""A person's messages, sent through the API: stored first, so that whatever happens, they are there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from connector.accounts import Connection
from connector.chat import PAUSED, SEND_UNKNOWN, Attachment, Chat, Message, MessageStatus, Role
from connector.conversation import policy
from connector.conversation.delivery import Delivery
from connector.conversation.patience import PATIENCE
from connector.errors import (
    InProgress,
    KeyReused,
    NotAllowed,
    NotConnected,
    Quote,
    RateLimited,
    ReconnectNeeded,
    Refused,
    TryLater,
    refusal,
)
from connector.logs import identify
from connector.ports.stores import Changes, Chats, Connections, Outbox
from connector.tenancy import Tenant

# By then, whoever has begun to send a message has been answered, or has died.
_ABANDONED = timedelta(seconds=60)

_UNPROVABLE = (
    "Instagram did not tell whether the message was sent. Look into the conversation, and send the message with a new "
    "Idempotency-Key if it is not there."
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be sent."""

    text: str | None
    content: Mapping[str, Any] | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends what a person writes, in one tenant's conversations."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    changes: Changes
    outbox: Outbox
    delivery_of: Callable[[Connection], Delivery]
    clock: Callable[[], datetime]
    pause: timedelta
    """How long the agent is silent in a conversation after a person wrote in it."""

    def send(
        self,
        user_id: str,
        letters: Sequence[Letter],
        *,
        reply_to: str | None = None,
        pauses_agent: bool = True,
        idempotency_key: str | None = None,
    ) -> tuple[Chat | None, Sequence[Message]]:
        """Send letters, in order, and return them as sent, with their chat.

        With an idempotency key a repetition sends nothing twice: it returns what stands, or goes on where the first one
        was lost.

        Raises:
            NotConnected, ReconnectNeeded: the agent has no (usable) account now. Nothing is stored.
            NotAllowed, Refused, TryLater: it was not sent; the stored message says why.
            OutcomeUnknown: it may have been sent; the stored message says so.
            KeyReused, InProgress: the idempotency key does not allow it (now).
        """
        connection = self._connection()
        verdict = policy.judge(Role.HUMAN, connection, self._ongoing(user_id), self.clock())
        name = sha256(idempotency_key.encode()).hexdigest() if idempotency_key else uuid4().hex
        sent = []
        for index, letter in enumerate(letters):
            wanted = Message(
                key=f"sent:{name}:{index}",
                role=Role.HUMAN,
                text=letter.text,
                status=MessageStatus.PENDING,
                created_at=self.clock(),
                attachments=letter.attachments,
                reply_to={"mid": reply_to} if reply_to else None,
                content=letter.content,
                by_person_only=verdict.by_person_only,
            )
            stored = self.chats.add(user_id, connection.account.account_id, wanted)
            stored = stored or self._again(connection, user_id, wanted)
            if stored.status is MessageStatus.PENDING:
                self._require_allowed(stored, verdict)
                if pauses_agent and self.pause:
                    self.chats.pause(user_id, self.clock() + self.pause, PAUSED)
                stored = self._deliver(connection, user_id, stored)
            sent.append(stored)
        return self._ongoing(user_id), sent

    def react(self, user_id: str, mid: str, reaction: str | None) -> None:
        """Put a reaction on a customer's message, or take it back.

        Raises:
            NotConnected, NotAllowed, ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `send`; it may be repeated.
        """
        connection = self._allowed_connection(user_id)
        self.delivery_of(connection).messenger.react(user_id, mid, reaction)
        self.changes.react(mid, connection.account.account_id, "❤️" if reaction else None, self.clock())

    def show_typing(self, user_id: str) -> None:
        """Show the customer that somebody is typing.

        Raises:
            NotConnected, NotAllowed, ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `send`; it may be repeated.
        """
        self.delivery_of(self._allowed_connection(user_id)).messenger.act(user_id, "typing_on")

    def _allowed_connection(self, user_id: str) -> Connection:
        """Return the connection, if something that is no message may go to a user now."""
        connection = self._connection()
        verdict = policy.judge(Role.HUMAN, connection, self._ongoing(user_id), self.clock())
        if verdict.reason is not None:
            raise NotAllowed(verdict.reason, verdict.message)
        return connection

    def _ongoing(self, user_id: str) -> Chat | None:
        chat = self.chats.ongoing(user_id)
        if chat is not None:
            identify(chat=chat.id, chatId=chat.chat_id)
        return chat

    def _connection(self) -> Connection:
        connection = self.connections.get(self.tenant)
        verdict = policy.judge(Role.HUMAN, connection, None, self.clock())
        if verdict.reason == "needs_reconnection":
            raise ReconnectNeeded(f"{verdict.message} Connect the account again.")
        if connection is None or verdict.reason == "disconnected":
            raise NotConnected
        return connection

    def _require_allowed(self, message: Message, verdict: policy.Verdict) -> None:
        if verdict.reason is None:
            return
        self.outbox.record_refused(message, {"code": verdict.reason, "message": verdict.message, "at": verdict.at})
        if verdict.reason == policy.RATE_LIMITED and verdict.at is not None:
            seconds = round((verdict.at - self.clock()).total_seconds()) + 1
            raise RateLimited(verdict.message, after_seconds=max(1, seconds))
        raise NotAllowed(verdict.reason, verdict.message)

    def _again(self, connection: Connection, user_id: str, wanted: Message) -> Message:
        """Return what stands of a message that was asked for before; `PENDING` where it is to be sent now."""
        found = self.chats.find(wanted.key)
        if found is None:
            raise InProgress  # it was removed just now, or its chat is ending
        chat, stored = found
        if (stored.text, stored.content, stored.reply_to, chat.user_id) != (
            wanted.text,
            wanted.content,
            wanted.reply_to,
            user_id,
        ):
            raise KeyReused
        match stored.status:
            case MessageStatus.FAILED:
                return self._retried(stored)
            case MessageStatus.UNKNOWN:
                return self._proven(connection, chat, stored)
            case MessageStatus.PENDING | MessageStatus.SENDING:
                if self.clock() < (stored.sending_at or stored.created_at) + _ABANDONED:
                    raise InProgress
                return self._proven(connection, chat, stored) if stored.sending_at else stored
        return stored

    def _retried(self, stored: Message) -> Message:
        """Return a message that failed as one to be sent again, if that was for the moment; else fail as before."""
        error = stored.error or {}
        code = str(error.get("code"))
        if code in ("try_later", policy.RATE_LIMITED):
            self.outbox.reopen(stored)
            return replace(stored, status=MessageStatus.PENDING, error=None)
        if code == ReconnectNeeded.code:
            raise ReconnectNeeded(
                "Instagram did not accept the access token. Send it with a new key after a reconnect."
            )
        message = str(error.get("message") or "It was refused when it was first sent.")
        quote = Quote(**error["meta"]) if error.get("meta") else None
        raise NotAllowed(code, message) if error.get("at") else refusal(code, message, quote)

    def _proven(self, connection: Connection, chat: Chat, stored: Message) -> Message:
        """Return a message whose answer was lost as the thread proves it to be: sent, or to be sent again.

        Raises:
            TryLater: not now.
            NotAllowed: the thread cannot be read; an echo may still settle the message.
        """
        chat = self.chats.ongoing(chat.user_id) or chat  # with what is known of the thread
        try:
            is_found = self.delivery_of(connection).find(stored, chat)
        except (Refused, TryLater) as error:
            is_passing = isinstance(error, TryLater)
            if is_passing and self.clock() < (stored.sending_at or stored.created_at) + PATIENCE:
                raise
            self.outbox.record_unprovable(stored)
            raise NotAllowed(SEND_UNKNOWN, _UNPROVABLE) from error
        if not is_found:
            return replace(stored, status=MessageStatus.PENDING, error=None)
        found = self.chats.find(stored.key)
        return found[1] if found else replace(stored, status=MessageStatus.SENT, error=None)

    def _deliver(self, connection: Connection, user_id: str, message: Message) -> Message:
        sent = self.delivery_of(connection).deliver(message, user_id)
        if sent is None:
            raise InProgress
        return sent
