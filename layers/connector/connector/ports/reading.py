"""What the business needs of its stores to show what is stored: messages, and conversations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.chat import Chat, Message, Role
from connector.instagram.events import Other


@dataclass(frozen=True, slots=True)
class Scope:
    """Which messages, by what an index can tell without looking at them. Without anything: all of the tenant's."""

    user_id: str | None = None
    role: Role | None = None
    since: datetime | None = None
    """Those written at or after this time."""
    until: datetime | None = None
    """Those written before this time."""
    beginning: str | None = None
    """Those of which a word begins so (`search.beginning`). Of one user's, it is not looked at: no index has both."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, as it stands in the list of all messages."""

    key: str
    position: str
    """Its place in time, unique within the tenant: what comes later compares greater. It never changes."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """All chats of one user with one agent, as far as a row of an inbox shows it."""

    chat: Chat
    """The newest one, without its messages."""
    last: tuple[Chat, Message] | None
    """The newest message, with its chat; None where the newest chat does not hold it."""
    unanswered: int
    """How many of the customer's messages nobody has answered."""
    updated_at: datetime
    position: str
    """Its place by its newest message, and the moment at which it stood there: a new message moves it up."""


class Pages(Protocol):
    """The messages of one tenant, to be read. See `storage/pages.py`."""

    def entries(
        self, scope: Scope, *, limit: int, beyond: str | None = None, oldest_first: bool = False
    ) -> Sequence[Entry]:
        """Return entries, newest first (or oldest first), from beyond a position on."""
        ...

    def messages(self, entries: Sequence[Entry]) -> Mapping[str, tuple[Chat, Message]]:
        """Return the messages of entries, by key, each with its chat. An entry may have none."""
        ...


class KeptEvents(Protocol):
    """What Meta told one tenant that changed no message. See `storage/kept_events.py`."""

    def page(self, user_id: str | None, *, limit: int, beyond: str | None = None) -> Sequence[tuple[str, Other]]:
        """Return events, oldest first, from beyond a position on, each with its own, which compares with messages'."""
        ...


class Conversations(Protocol):
    """The conversations of one tenant. See `storage/conversations.py`."""

    def rows(self, *, limit: int, before: str | None = None) -> Sequence[Conversation]:
        """Return conversations, the one last written in first, from before a position on, as of that one's moment."""
        ...

    def row(self, user_id: str) -> Conversation | None:
        """Return the conversation with one user."""
        ...
