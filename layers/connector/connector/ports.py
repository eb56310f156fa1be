"""What the business needs of the outside: the adapters fit these, and the business imports only them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.accounts import Connection
from connector.chat import Chat, Message, MessageStatus, TurnState
from connector.envelopes import TurnMessage
from connector.instagram.events import Other
from connector.tenancy import Tenant


class Superseded(Exception):
    """Raised by a store when another worker has taken the turn over. Stop; say nothing."""


class Agent(Protocol):
    """A chat agent that keeps a session. See `agents/retell.py`."""

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a session and return its name."""
        ...

    def ask(self, chat_id: str, content: str) -> tuple[str, ...]:
        """Say something in a session, once, and return what the agent answers, in order; perhaps nothing."""
        ...


class Messenger(Protocol):
    """Something that carries texts to a customer. See `instagram/graph.py`."""

    def send_text(self, page_id: str, user_id: str, text: str) -> str:
        """Send one text, once, and return its mid."""
        ...


class TurnQueue(Protocol):
    """Where turns are scheduled. See `queues.py`."""

    def send(self, message: TurnMessage, *, delay_seconds: int = 0) -> None:
        """Have the conversation looked at after `delay_seconds`."""
        ...


class Connections(Protocol):
    """Which agent is joined to which account. See `storage/connections.py`."""

    def get(self, tenant: Tenant) -> Connection | None:
        """Return the tenant's connection."""
        ...

    def of_account(self, account_id: str) -> Connection | None:
        """Return the connection that holds an account."""
        ...

    def record_error(self, connection: Connection, code: str, *, needs_reconnection: bool = False) -> None:
        """Record what last went wrong."""
        ...

    def record_event(self, connection: Connection, at: datetime) -> None:
        """Record when Meta last told us something."""
        ...


class Chats(Protocol):
    """The chats of one tenant. See `storage/chats.py`."""

    def ongoing(self, user_id: str) -> Chat | None:
        """Return the user's ongoing chat."""
        ...

    def add(
        self,
        user_id: str,
        account_id: str,
        message: Message,
        *,
        turn_due_in: timedelta | None = None,
        referral: Mapping[str, Any] | None = None,
    ) -> Message | None:
        """Store a message; None when it was stored before."""
        ...

    def pause(self, user_id: str, until: datetime) -> None:
        """Keep the agent silent in the user's chat until then."""
        ...

    def has(self, key: str) -> bool:
        """Return whether a message is stored."""
        ...

    def edit(self, mid: str, text: str, at: datetime) -> bool:
        """Replace a message's text."""
        ...

    def unsend(self, mid: str, at: datetime) -> bool:
        """Remove what a message said."""
        ...

    def react(self, mid: str, user_id: str, emoji: str | None, at: datetime) -> bool:
        """Set or take back a reaction."""
        ...

    def mark_read(self, user_id: str, mid: str, at: datetime) -> bool:
        """Mark what we sent as read, up to a message."""
        ...

    def page(
        self, *, limit: int, before: tuple[datetime, str] | None = None, user_id: str | None = None
    ) -> Sequence[tuple[Chat, Message]]:
        """Return messages, newest first, each with its chat."""
        ...


class KeptEvents(Protocol):
    """What Meta told one tenant that changed no message. See `storage/kept_events.py`."""

    def keep(self, event: Other) -> None:
        """Keep an event."""
        ...

    def about(self, mid: str) -> Sequence[Other]:
        """Return what is kept about a message."""
        ...

    def forget(self, event: Other) -> None:
        """Forget an event that has been applied."""
        ...


class Turns(Protocol):
    """The turns of one tenant's chats. See `storage/turns.py`."""

    def claim(self, chat: Chat, *, generation: int, lease: timedelta) -> Chat | None:
        """Take up the chat's turn."""
        ...

    def set_session(self, chat: Chat, chat_id: str) -> None:
        """Record the agent's session."""
        ...

    def set_state(self, chat: Chat, state: TurnState) -> None:
        """Record how far the turn has come."""
        ...

    def store_answer(self, chat: Chat, parts: Sequence[Message]) -> tuple[Message, ...]:
        """Store the answer's parts, to be sent."""
        ...

    def release(self, chat: Chat, state: TurnState) -> None:
        """Give the turn back."""
        ...

    def finish(self, chat: Chat, state: TurnState, reason: str | None = None) -> None:
        """End the turn."""
        ...


class Outbox(Protocol):
    """The outgoing messages of one tenant's chats. See `storage/outbox.py`."""

    def begin_sending(self, message: Message, *, chat: Chat | None = None) -> bool:
        """Record that a message is about to be sent; False when it is not ours to send."""
        ...

    def record_sent(self, message: Message, mid: str) -> None:
        """Record the mid that Meta gave."""
        ...

    def record_unsent(self, message: Message, status: MessageStatus, error: Mapping[str, Any] | None) -> None:
        """Record that a send failed or is unknown."""
        ...

    def attach_echo(self, user_id: str, mid: str, text: str | None) -> bool:
        """Settle the message of ours that an echo is about, if it is one."""
        ...
