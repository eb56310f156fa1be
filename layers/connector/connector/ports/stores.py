"""What the business needs of its stores: the adapters fit these, and the business imports only them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.accounts import Connection
from connector.chat import Chat, Message, MessageStatus, Person, TurnState
from connector.echoes import Echo
from connector.envelopes import TurnMessage
from connector.instagram.events import Other
from connector.tenancy import Tenant


class Superseded(Exception):
    """Raised by a store when another worker has taken the turn over. Stop; say nothing."""


class Connections(Protocol):
    """Which agent is joined to which account. See `storage/connections.py`."""

    def get(self, tenant: Tenant) -> Connection | None:
        """Return the tenant's connection."""
        ...

    def of_account(self, account_id: str) -> Connection | None:
        """Return the connection that holds an account."""
        ...

    def record_error(
        self,
        connection: Connection,
        code: str,
        *,
        needs_reconnection: bool = False,
        call: str | None = None,
        message_key: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what last went wrong, and at which call."""
        ...

    def clear_error(self, connection: Connection) -> None:
        """Clear the last error that a connection was read with."""
        ...

    def record_limit(self, connection: Connection, until: datetime) -> None:
        """Record until when Meta takes no more calls for the account."""
        ...

    def spend(self, connection: Connection, kind: str, per_second: int) -> bool:
        """Count a call of a kind; False when there were too many in this second."""
        ...

    def pause(self, tenant: Tenant, until: datetime | None) -> None:
        """Keep the tenant's agent silent until then; None to let it speak."""
        ...

    def record_event(self, connection: Connection, at: datetime) -> None:
        """Record when Meta last told us something."""
        ...

    def record_enforcement(self, connection: Connection, action: str, reason: str | None, at: datetime) -> None:
        """Record what Meta did about a violation of its policies."""
        ...

    def learn_app(self, connection: Connection, app_id: str) -> None:
        """Record how Meta names our app in echoes."""
        ...

    def record_handshake(self, tenant: Tenant, at: datetime) -> None:
        """Record when somebody set the tenant's callback URL at Meta."""
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
        paused_until: datetime | None = None,
    ) -> Message | None:
        """Store a message, and with it how long the agent is silent; None when it was stored before."""
        ...

    def pause(self, user_id: str, until: datetime, because: str) -> None:
        """Keep the agent silent in the user's chat until then."""
        ...

    def resume(self, user_id: str) -> bool:
        """Let the agent speak again."""
        ...

    def find(self, key: str) -> tuple[Chat, Message] | None:
        """Return a message, and its chat without others."""
        ...

    def refer(self, user_id: str, referral: Mapping[str, Any], at: datetime) -> bool:
        """Record what brought the user here."""
        ...

    def note_control(self, user_id: str, at: datetime) -> bool:
        """Record when our app got control of the thread."""
        ...

    def reopen(self, user_id: str, keys: Sequence[str], *, turn_due_in: timedelta) -> None:
        """Let messages wait for an answer that were another app's to answer."""
        ...

    def describe(self, user_id: str, person: Person) -> None:
        """Record who the user is."""
        ...

    def has(self, key: str) -> bool:
        """Return whether a message is stored."""
        ...


class Changes(Protocol):
    """What customers do to the messages of one tenant. See `storage/changes.py`."""

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

    def opt(self, user_id: str, at: datetime, *, out: bool) -> None:
        """Record whether the user wants nothing more written to them."""
        ...


class Turns(Protocol):
    """The turns of one tenant's chats. See `storage/turns.py`."""

    def claim(self, chat: Chat, *, generation: int, lease: timedelta) -> Chat | None:
        """Take up the chat's turn."""
        ...

    def renew(self, chat: Chat, lease: timedelta) -> None:
        """Hold the turn for a lease from now on."""
        ...

    def set_session(self, chat: Chat, chat_id: str) -> Chat:
        """Record a new session of the agent's."""
        ...

    def set_questions(self, chat: Chat, questions: int | None) -> Chat:
        """Record how many questions the agent's session holds."""
        ...

    def begin_asking(self, chat: Chat) -> Chat:
        """Record that the agent is about to be asked."""
        ...

    def take_back_asking(self, chat: Chat) -> Chat:
        """Record that the agent was certainly not asked."""
        ...

    def give_up_session(self, chat: Chat) -> Chat:
        """Record that the session in which the agent was asked has vanished."""
        ...

    def store_answer(
        self, chat: Chat, parts: Sequence[Message], *, ends_chat: bool = False, reason: str | None = None
    ) -> Chat:
        """Store the answer's parts, to be sent; with a reason, what is said in the agent's place."""
        ...

    def roll_over(self, chat: Chat, because: str, *, keeps_session: bool) -> Chat:
        """End the chat, and go on with the turn in the next."""
        ...

    def put_off(self, chat: Chat, until: datetime, *, look_after: timedelta) -> None:
        """Give the turn back as it stands, until then; the sweep looks `look_after` later."""
        ...

    def finish(
        self, chat: Chat, state: TurnState, reason: str | None = None, *, end_chat_because: str | None = None
    ) -> bool:
        """End the turn, and perhaps the chat; returns whether more is waiting."""
        ...


class Outbox(Protocol):
    """The outgoing messages of one tenant's chats. See `storage/outbox.py`."""

    def begin_sending(self, message: Message, *, chat: Chat | None = None) -> bool:
        """Record that a message is about to be sent; False when it is not ours to send."""
        ...

    def record_sent(self, message: Message, mid: str) -> None:
        """Record the mid that Meta gave in its answer."""
        ...

    def record_found(self, message: Message, mid: str) -> None:
        """Record the mid of a lost message that was found in the thread."""
        ...

    def record_unsent(self, message: Message, status: MessageStatus, error: Mapping[str, Any] | None) -> None:
        """Record that a send failed or is unknown."""
        ...

    def record_refused(self, message: Message, error: Mapping[str, Any]) -> None:
        """Record that a message must not be sent."""
        ...

    def reopen(self, message: Message) -> None:
        """Let a message that failed for the moment wait again."""
        ...

    def record_absent(self, message: Message) -> None:
        """Record the proof that a message was not sent: it waits again."""
        ...

    def record_unprovable(self, message: Message) -> None:
        """Record that Meta did not tell whether a message was sent."""
        ...

    def is_to(self, user_id: str, key: str) -> bool:
        """Return whether a message is to this user."""
        ...

    def known(self, mids: Collection[str]) -> Collection[str]:
        """Return those of these mids that stored messages have."""
        ...

    def has_sent(self, mid: str) -> bool:
        """Return whether Meta's answer to one of our sends named this mid, and no echo has come yet."""
        ...

    def attach_echo(self, user_id: str, echo: Echo) -> bool:
        """Record the delivery of the message that an echo belongs to. Return False if none."""
        ...

    def take_back_echo(self, mid: str) -> None:
        """Remove a stored echo that belongs to an outgoing message."""
        ...


class KeptEvents(Protocol):
    """What Meta told one tenant that changed no message. See `storage/kept_events.py`."""

    def keep(self, event: Other) -> None:
        """Keep an event."""
        ...

    def about(self, mid: str) -> Sequence[Other]:
        """Return what is kept about a message."""
        ...

    def before(self, user_id: str, mid: str | None, since: datetime) -> Sequence[Other]:
        """Return what came before a customer's message, and waits for it or for its chat."""
        ...

    def forget(self, event: Other) -> None:
        """Forget an event that has been applied."""
        ...


class Tombstones(Protocol):
    """What was deleted for good of one tenant's. See `storage/tombstones.py`."""

    def cover(self, user_ids: Iterable[str], account_id: str, at: datetime) -> bool:
        """Return whether what happened then between one of these people and an account has been deleted."""
        ...


class Waiting(Protocol):
    """What waits in any tenant's chats. See `storage/waiting.py`."""

    def late(self, limit: int) -> Mapping[str, TurnMessage]:
        """Return turn messages for the chats whose time has come."""
        ...

    def put_off(self, chat_ids: Iterable[str], until: datetime) -> None:
        """Let these chats rest until then."""
        ...
