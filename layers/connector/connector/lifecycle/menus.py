"""Reading and setting what a connection's customers can tap."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from connector.accounts import Connection
from connector.conversation import faults
from connector.conversation.faults import Call
from connector.errors import NotConnected, ReconnectNeeded, Refused
from connector.instagram.menus import Localized, Menu, Menus
from connector.ports.stores import Connections
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class MenuKeeper:
    """Keeps one tenant's menus, which stand at Meta and nowhere else."""

    tenant: Tenant
    connections: Connections
    menus_of: Callable[[Connection], Menus]
    """Returns a connection's menus; raises ReconnectNeeded where its token is gone."""

    def read(self) -> Mapping[Menu, Localized]:
        """Return the menus that are set, as Meta shows them now.

        Raises:
            NotConnected, ReconnectNeeded: the agent has no (usable) account now.
            Refused, TryLater: Meta does not tell (now).
        """
        with self._at_meta() as menus:
            return menus.read()

    def set(self, wanted: Mapping[Menu, Localized | None]) -> Mapping[Menu, Localized]:
        """Set the menus that are named, take away those that are None, and return all as Meta shows them then.

        Where the second is refused, the first stays set. Doing it again does no harm.

        Raises:
            NotConnected, ReconnectNeeded, Refused, TryLater: as `read`.
            OutcomeUnknown: it may have been done.
        """
        with self._at_meta() as menus:
            for menu, localized in wanted.items():
                menus.set(menu, localized)
            return menus.read()

    @contextmanager
    def _at_meta(self) -> Iterator[Menus]:
        """Lead to the connection's menus, and record on the connection how Meta refuses."""
        connection = self.connections.get(self.tenant)
        if connection is None or not connection.holds_account:
            raise NotConnected
        if not connection.is_connected:
            raise ReconnectNeeded("Instagram no longer accepts the access token. Connect the account again.")
        try:
            yield self.menus_of(connection)
        except (Refused, ReconnectNeeded) as error:
            faults.record(self.connections, connection, error, Call.MENU)
            raise
        faults.disprove(self.connections, connection, [Call.MENU])
