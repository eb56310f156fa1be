"""The words of a connection: which chat agent is joined to which Instagram account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector.tenancy import Tenant


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NEEDS_RECONNECTION = "needs_reconnection"  # its token has died; messages are still stored


@dataclass(frozen=True, slots=True)
class Account:
    """An Instagram professional account, as Meta describes it."""

    account_id: str
    page_id: str
    username: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """One agent joined to one account."""

    tenant: Tenant
    account: Account
    retell_agent_id: str
    status: ConnectionStatus
    generation: int
    token_version: int
    connected_at: datetime
    last_event_at: datetime | None
    last_error: Mapping[str, Any] | None
    limited_until: datetime | None = None
    """Until when Meta takes no more messages of this account's, because it sent too many."""
    paused_until: datetime | None = None
    """Until when the agent is silent in all conversations."""

    def is_paused(self, moment: datetime) -> bool:
        """Return whether the agent is silent in all conversations."""
        return self.paused_until is not None and self.paused_until > moment

    @property
    def is_connected(self) -> bool:
        """Return whether messages can be answered."""
        return self.status is ConnectionStatus.CONNECTED
