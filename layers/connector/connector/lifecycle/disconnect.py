"""Ending a connection."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.accounts import AccessToken, Connection, Login
from connector.errors import OutsideError, ReconnectNeeded
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Disconnecting:
    """Ends connections."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    connections: Connections
    secrets: Secrets
    secret_sets: SecretSets

    def disconnect(self, tenant: Tenant) -> None:
        """End the tenant's connection and delete its secrets; the chats stay. Doing it twice is a success.

        So is doing it without a connection: a connect that was killed may have left secrets.

        First the generation rises, so that nothing more is said; then Meta is told, as well as it can be; then the
        secrets go. Meta's refusal (a dead token, most often) does not keep a customer connected.

        Raises:
            Unavailable: a store does not answer. Nothing more is said; a repetition does the rest.
        """
        connection = self.connections.get(tenant)
        self.connections.disconnect(tenant)
        if connection is not None:
            self._unsubscribe(connection)
        self.secret_sets.clear(tenant, at_once=True)

    def _unsubscribe(self, connection: Connection) -> None:
        account = connection.account
        try:
            token = self.secrets.access_token(connection)
            if self.connections.of_account(account.account_id) is None:
                Assets(self.graph_of(account.login, token, account.node_id)).unsubscribe()
        except ReconnectNeeded:
            return  # its secrets are deleted, or Meta no longer takes the token: nothing more is sent
        except OutsideError as error:
            count("UnsubscribeFailed")
            logger.warning("Meta did not unsubscribe the account", extra={"code": error.code})
