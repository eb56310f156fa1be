"""All stores of one system, in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime

from connector.chat import MAX_MESSAGES
from connector.tenancy import Tenant
from tests.model.memory.changes import Changes
from tests.model.memory.chats import Chats
from tests.model.memory.connections import Connections
from tests.model.memory.kept_events import KeptEvents
from tests.model.memory.outbox import Outbox
from tests.model.memory.shelf import Record, Shelf
from tests.model.memory.turns import Turns
from tests.model.memory.waiting import Waiting


class MemoryStores:
    """The stores over one shelf."""

    def __init__(self, clock: Callable[[], datetime], most_messages: int = MAX_MESSAGES) -> None:
        self.shelf = Shelf()
        self.connections = Connections(self.shelf, clock)
        self.waiting = Waiting(self.shelf, clock)
        self._clock = clock
        self._most_messages = most_messages

    def chats(self, tenant: Tenant) -> Chats:
        """Return a tenant's chats."""
        return Chats(self.shelf, tenant, self._clock, self._most_messages)

    def changes(self, tenant: Tenant) -> Changes:
        """Return what customers do to a tenant's messages."""
        return Changes(self.shelf, tenant)

    def turns(self, tenant: Tenant) -> Turns:
        """Return the turns of a tenant's chats."""
        return Turns(self.shelf, tenant, self._clock)

    def outbox(self, tenant: Tenant) -> Outbox:
        """Return what goes out in a tenant's chats."""
        return Outbox(self.shelf, tenant, self._clock)

    def kept(self, tenant: Tenant) -> KeptEvents:
        """Return what is kept of a tenant's events."""
        return KeptEvents(self.shelf, tenant)

    def wakes_at(self) -> datetime | None:
        """Return when the sweep will next find something."""
        return min((one.wake_at for one in self.shelf.records.values() if one.wake_at), default=None)

    def records(self) -> Sequence[Record]:
        """Return every chat, in the order in which they were opened."""
        return list(self.shelf.records.values())
