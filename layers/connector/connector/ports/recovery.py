"""What the business needs to find out which messages nobody told us of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, Self

from connector.accounts import Connection
from connector.envelopes import InboxMessage
from connector.instagram.notifications import Notification


@dataclass(frozen=True, slots=True)
class Written:
    """A message, as far as a list of threads tells of it."""

    mid: str
    at: datetime
    """When it was written, to the second."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The conversation of one customer with the account, as the other side lists it."""

    id: str
    updated_at: datetime
    newest: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Some threads, the latest first, and where the list goes on; None at its end."""

    threads: tuple[Thread, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Retold:
    """A message, as the notification that should have told of it."""

    mid: str
    is_ours: bool
    """The business wrote it, whichever way."""
    notification: Notification
    at: datetime
    """When it was written."""

    def in_standby(self) -> Self:
        """Return it as told to an app that does not control the thread."""
        return replace(self, notification=replace(self.notification, channel="standby"))


class Inbox(Protocol):
    """An account's threads, as the other side keeps them. See `instagram/inbox.py`."""

    def threads(self, *, user_id: str | None = None, after: str | None = None) -> ThreadPage:
        """Return threads, from a place in the list on; of one customer where that is given."""
        ...

    def messages(self, thread_id: str) -> Sequence[Retold]:
        """Return the newest messages of a thread, the oldest of them first."""
        ...

    def message(self, mid: str, hinted_at: datetime) -> Retold | None:
        """Return one message; None where it is not between the account and a customer."""
        ...


class InboxQueue(Protocol):
    """Where notifications wait to be taken in. See `queues.py`."""

    def send_all(self, messages: Iterable[InboxMessage], *, delay_seconds: int = 0) -> int:
        """Have notifications taken in; returns how many are not, because their messages cannot be written."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """How far an account's threads were compared with what is stored of them."""

    since: datetime
    """From when on its messages are ours to know."""
    until: datetime | None
    """Up to when they were compared; None for not yet."""


class Comparisons(Protocol):
    """How far each connection was compared. See `storage/comparisons.py`."""

    def of(self, connection: Connection) -> Compared:
        """Return how far a connection was compared."""
        ...

    def record(self, connection: Connection, compared: Compared) -> None:
        """Record how far it was compared, unless it has been made anew, or ended, since."""
        ...
