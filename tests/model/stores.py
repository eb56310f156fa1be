"""What a system stands on, whichever way it is stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from connector.accounts import Account, Connection
from connector.ports import stores as ports
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record


class Connections(ports.Connections, Protocol):
    """The connections, with what the API does to them."""

    def connect(self, tenant: Tenant, account: Account, *, retell_agent_id: str, token_version: int) -> Connection:
        """Join a tenant to an account."""
        ...

    def disconnect(self, tenant: Tenant) -> None:
        """End a tenant's connection."""
        ...

    def take_over(self, holder: Connection) -> bool:
        """End the connection of a holder whose token has died; False if it changed since it was read."""
        ...


class Stores(Protocol):
    """All stores of one system."""

    @property
    def connections(self) -> Connections:
        """Return all connections."""
        ...

    @property
    def waiting(self) -> ports.Waiting:
        """Return what waits in all chats."""
        ...

    def chats(self, tenant: Tenant) -> ports.Chats:
        """Return a tenant's chats."""
        ...

    def changes(self, tenant: Tenant) -> ports.Changes:
        """Return what customers do to a tenant's messages."""
        ...

    def turns(self, tenant: Tenant) -> ports.Turns:
        """Return the turns of a tenant's chats."""
        ...

    def outbox(self, tenant: Tenant) -> ports.Outbox:
        """Return what goes out in a tenant's chats."""
        ...

    def kept(self, tenant: Tenant) -> ports.KeptEvents:
        """Return what is kept of a tenant's events."""
        ...

    def wakes_at(self) -> datetime | None:
        """Return when the sweep will next find something."""
        ...

    def records(self) -> Sequence[Record]:
        """Return every chat, in the order in which they were opened."""
        ...
