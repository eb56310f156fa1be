"""Whether the holder of an account can be replaced by a newcomer who has proved the account with a live token."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import AccessToken, Connection, ConnectionStatus, Login
from connector.errors import AccountInUse, ConnectorError, ReconnectNeeded
from connector.instagram.assets import Assets
from connector.instagram.errors import is_invalid_token
from connector.instagram.graph import Graph
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_MISSING_FOR = timedelta(hours=1)
"""How long a token must be known to be missing in SSM before its holder can be replaced."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """Finds holders whose token has died, and deletes what they leave."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    connections: Connections
    secrets: Secrets
    secret_sets: SecretSets
    clock: Callable[[], datetime]

    def holder_to_replace(self, account_id: str, newcomer: Tenant) -> Connection | None:
        """Return the other agent's connection that holds the account, if its token is dead.

        Meta says now that it is invalid, or it has been missing in SSM for an hour. Returns None if no other agent
        holds the account. No other failure counts: Meta may be down or limit the rate, SSM may
        not answer, and the holder is well.

        Raises:
            AccountInUse: another agent holds the account, and its token is not known to be dead.
        """
        holder = self.connections.of_account(account_id)
        if holder is None or holder.tenant == newcomer:
            return None
        if not self._is_dead(holder):
            raise AccountInUse
        return holder

    def clear(self, holder: Connection) -> None:
        """Delete the secrets of a holder that was replaced. What fails stays listed, and is deleted later."""
        count("AccountsTakenOver")
        logger.warning("another workspace proved an account whose holder had a dead token", extra=_holder(holder))
        try:
            self.secret_sets.clear(holder.tenant, at_once=True)
        except ConnectorError as error:
            about = {"code": error.code} | _holder(holder)
            logger.warning("the secrets of a replaced holder are deleted later", extra=about)

    def _is_dead(self, holder: Connection) -> bool:
        account = holder.account
        try:
            token = self._token(holder)
            if token is None:
                return self._has_needed_owner(holder)
            Assets(self.graph_of(account.login, token, account.node_id)).bearer_id()
        except ReconnectNeeded as error:
            return is_invalid_token(error)
        except ConnectorError as error:
            logger.warning("whether a holder's token lives is not known", extra={"code": error.code} | _holder(holder))
        return False

    def _token(self, holder: Connection) -> AccessToken | None:
        try:
            return self.secrets.access_token(holder)
        except ReconnectNeeded:
            return None

    def _has_needed_owner(self, holder: Connection) -> bool:
        """Return whether the holder's token has been known to be missing for long."""
        since = holder.needs_owner_since
        is_lost = holder.status is ConnectionStatus.NEEDS_RECONNECTION
        return is_lost and since is not None and self.clock() - since >= _MISSING_FOR


def _holder(holder: Connection) -> dict[str, str]:
    return {"holder": str(holder.tenant)}
