"""Connections, in memory."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connector.accounts import TAKEN_OVER, Account, Connection, ConnectionStatus
from connector.errors import AccountInUse
from connector.tenancy import Tenant
from tests.model.memory.shelf import Shelf, having


class Connections:
    """As `connector.storage.connections`."""

    def __init__(self, shelf: Shelf, clock: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._clock = clock

    def get(self, tenant: Tenant) -> Connection | None:
        """Return the tenant's connection."""
        return self._shelf.connections.get(tenant)

    def of_account(self, account_id: str) -> Connection | None:
        """Return the connection that holds an account."""
        for one in self._shelf.connections.values():
            if one.account.account_id == account_id and one.status is not ConnectionStatus.DISCONNECTED:
                return one
        return None

    def connect(self, tenant: Tenant, account: Account, *, retell_agent_id: str, token_version: int) -> Connection:
        """Join the tenant to the account, and raise its generation."""
        holder = self.of_account(account.account_id)
        if holder is not None and holder.tenant != tenant:
            raise AccountInUse
        before = self.get(tenant)
        return self._put(
            Connection(
                tenant,
                account,
                retell_agent_id,
                ConnectionStatus.CONNECTED,
                before.generation + 1 if before else 1,
                token_version,
                self._clock(),
                None,
                None,
                paused_until=before.paused_until if before else None,
                token_stored_at=self._clock(),
            )
        )

    def disconnect(self, tenant: Tenant) -> None:
        """End the tenant's connection."""
        if known := self.get(tenant):  # one that has ended ends again: here its secrets stay listed
            self._end(known, None)

    def take_over(self, holder: Connection) -> bool:
        """End the connection of a holder whose token has died; False if it changed since it was read."""
        known = self._same(holder)
        if known is None or not known.holds_account or known.token_version != holder.token_version:
            return False
        self._end(known, {"code": TAKEN_OVER, "at": self._clock()})
        return True

    def _end(self, known: Connection, error: Mapping[str, Any] | None) -> None:
        status, generation = ConnectionStatus.DISCONNECTED, known.generation + 1
        self._put(having(known, status=status, generation=generation, last_error=error, needs_owner_since=None))

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
        """Record what last went wrong, unless the connection has been renewed since."""
        known = self._same(connection)
        if known is None or known.status is ConnectionStatus.DISCONNECTED:
            return
        error = {"code": code, "at": self._clock(), "call": call, "messageKey": message_key, "meta": meta}
        known = having(known, last_error=error)
        if needs_reconnection and known.is_connected:
            known = having(known, status=ConnectionStatus.NEEDS_RECONNECTION, needs_owner_since=self._clock())
        self._put(known)

    def clear_error(self, connection: Connection) -> None:
        """Clear the last error that a connection was read with, unless something else went wrong since."""
        known = self._same(connection)
        if known and known.is_connected and known.last_error == connection.last_error:
            self._put(having(known, last_error=None))

    def learn_app(self, connection: Connection, app_id: str) -> None:
        """Record how Meta names our app in echoes, for as long as the connection lasts."""
        known = self._same(connection)
        if known and known.status is not ConnectionStatus.DISCONNECTED:
            self._put(having(known, echo_app_id=app_id))

    def record_limit(self, connection: Connection, until: datetime) -> None:
        """Record until when Meta takes no more calls for this account."""
        if known := self._same(connection):
            self._put(having(known, limited_until=max(known.limited_until or until, until)))

    def spend(self, connection: Connection, kind: str, per_second: int) -> bool:
        """Count a call of a kind; False when there were too many in this second."""
        second = self._clock().replace(microsecond=0)
        counted, used = self._shelf.spent.get((connection.tenant, kind), (second, 0))
        used = used if counted == second else 0
        if used >= per_second or connection.tenant not in self._shelf.connections:
            return False
        self._shelf.spent[connection.tenant, kind] = (second, used + 1)
        return True

    def pause(self, tenant: Tenant, until: datetime | None) -> None:
        """Keep the tenant's agent silent until then; None to let it speak."""
        if known := self.get(tenant):
            self._put(having(known, paused_until=until))

    def record_event(self, connection: Connection, at: datetime) -> None:
        """Record when Meta last told us something for this connection."""
        if known := self.get(connection.tenant):
            self._put(having(known, last_event_at=max(known.last_event_at or at, at)))

    def record_enforcement(self, connection: Connection, action: str, reason: str | None, at: datetime) -> None:
        """Record what Meta did about a violation of its policies, unless it has done something else since."""
        known = self._same(connection)
        if known is None or known.status is ConnectionStatus.DISCONNECTED:
            return
        if known.policy_enforcement is None or known.policy_enforcement["at"] < at:
            self._put(having(known, policy_enforcement={"action": action, "reason": reason, "at": at}))

    def record_handshake(self, tenant: Tenant, at: datetime) -> None:
        """Record when somebody set the tenant's callback URL at Meta."""
        if known := self.get(tenant):
            self._put(having(known, webhook_verified_at=max(known.webhook_verified_at or at, at)))

    def _same(self, connection: Connection) -> Connection | None:
        known = self.get(connection.tenant)
        return known if known and known.generation == connection.generation else None

    def _put(self, connection: Connection) -> Connection:
        self._shelf.connections[connection.tenant] = connection
        return connection
