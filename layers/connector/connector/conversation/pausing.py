"""Silencing the agent and letting it speak again, in one conversation or in all, at a person's wish."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.chat import PAUSED
from connector.errors import NotConnected, NotFound
from connector.ports.stores import Chats, Connections
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Pausing:
    """Pauses one tenant's agent."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    clock: Callable[[], datetime]

    def pause(self, user_id: str | None, duration: timedelta) -> datetime:
        """Silence the agent for a user, or (None) for all, and return until when.

        What it has begun to say is not finished: the pause is looked at before each part.

        Raises:
            NotConnected: the agent has no account.
            NotFound: the user has no conversation.
        """
        self._require(user_id)
        until = self.clock() + duration
        if user_id is None:
            self.connections.pause(self.tenant, until)
        else:
            self.chats.resume(user_id)  # a longer pause may stand, and this is the newer wish
            self.chats.pause(user_id, until, PAUSED)
        return until

    def resume(self, user_id: str | None) -> None:
        """Let the agent speak again. It is told of what it missed when the customer writes next.

        Raises:
            NotConnected, NotFound: as `pause`.
        """
        self._require(user_id)
        if user_id is None:
            self.connections.pause(self.tenant, None)
        else:
            self.chats.resume(user_id)

    def _require(self, user_id: str | None) -> None:
        connection = self.connections.get(self.tenant)
        if connection is None or connection.status == "disconnected":
            raise NotConnected
        if user_id is not None and self.chats.ongoing(user_id) is None:
            raise NotFound("This user has no conversation here. Check the userId.")
