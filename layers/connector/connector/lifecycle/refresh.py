"""Renewing the tokens of Instagram Login, which die after 60 days.

Meta, "Refresh a long-lived token": it may be done once a token is 24 hours old, while it lives. A Page's token needs
none of this. The old token goes on to its own end, so a refresh that fails anywhere has lost nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Semaphore

from connector.accounts import AccessToken, Connection, Login
from connector.errors import OutsideError
from connector.instagram.tokens import Tokens
from connector.lifecycle.pace import Pace
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets

YOUNGEST = timedelta(hours=24)
AHEAD = timedelta(days=10)
# How many refresh at once. Where thousands are due, they wait for SSM, and the other workers go on with their rounds.
_HANDS = 2


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Renews tokens, no faster than SSM takes them."""

    tokens: Tokens
    """Of Instagram Login."""
    connections: Connections
    secrets: Secrets
    key_id: str
    writes: Pace
    clock: Callable[[], datetime]
    _hands: Semaphore = field(default_factory=lambda: Semaphore(_HANDS))

    def is_due(self, connection: Connection) -> bool:
        """Return whether a token is to be renewed: it dies within ten days, or nobody knows when."""
        grant, moment = connection.grant, self.clock()
        if connection.account.login is not Login.INSTAGRAM:
            return False
        if moment - (grant.issued_at or connection.connected_at) < YOUNGEST:
            return False
        return grant.expires_at is None or grant.expires_at - moment < AHEAD

    def refresh(self, connection: Connection, token: AccessToken) -> tuple[Connection, AccessToken] | None:
        """Renew a token that is due and return the connection with it, or both as they are where it must wait.

        None where the connection has ended, or been renewed by somebody else, meanwhile. The token is stored first,
        then the connection is told its version: whatever fails in between leaves a version that nobody reads.

        Raises:
            ReconnectNeeded, Refused, TryLater: Meta did not renew it.
            Unavailable, Misconfigured: it could not be stored.
        """
        if not self._hands.acquire(blocking=False):
            return connection, token
        try:
            return self._refresh(connection, token)
        finally:
            self._hands.release()

    def _refresh(self, connection: Connection, token: AccessToken) -> tuple[Connection, AccessToken] | None:
        try:
            longer = self.tokens.refresh_account(token)
        except OutsideError:
            if self._has_moved_on(connection):  # a token that was renewed a moment ago is refused as too young
                return None
            raise
        version, is_new = connection.token_version, longer.value != token.value
        if is_new:
            token = AccessToken(longer.value)
            self.writes.wait()
            version = self.secrets.put_access_token(connection.tenant, connection.secrets_id, token, key_id=self.key_id)
        grant = replace(connection.grant, issued_at=self.clock(), expires_at=longer.expires_at)
        renewed = self.connections.renew(connection, grant, token_version=version)
        if renewed is not None:
            return renewed, token
        if is_new:
            self._forget_orphan(connection)
        return None

    def _has_moved_on(self, connection: Connection) -> bool:
        current = self.connections.get(connection.tenant)
        read = connection.generation, connection.token_version
        return current is None or (current.generation, current.token_version) != read

    def _forget_orphan(self, connection: Connection) -> None:
        """Delete the token of a connection that ended, or was made anew, before it was stored."""
        current = self.connections.get(connection.tenant)
        if current is None or not current.holds_account or current.secrets_id != connection.secrets_id:
            self.secrets.delete_access_token(connection.tenant, connection.secrets_id)
