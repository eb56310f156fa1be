"""Ending a connection."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.accounts import AccessToken, Login
from connector.errors import OutsideError
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Disconnecting:
    """Ends connections."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    connections: Connections
    secrets: Secrets

    def disconnect(self, tenant: Tenant) -> None:
        """End the tenant's connection and forget its secrets; the chats stay. Doing it twice is a success.

        First the generation rises, so that nothing more is said; then Meta is told, as well as it can be; then the
        secrets go. Meta's refusal (a dead token, most often) does not keep a customer connected.
        """
        connection = self.connections.get(tenant)
        if connection is None:
            return
        self.connections.disconnect(tenant)
        token = self.secrets.access_token(tenant, version=connection.token_version, generation=connection.generation)
        if token and connection.holds_account:
            try:
                account = connection.account
                Assets(self.graph_of(account.login, token, account.node_id)).unsubscribe()
            except OutsideError as error:
                count("UnsubscribeFailed")
                logger.warning("Meta did not unsubscribe the account", extra={"code": error.code})
        self.secrets.delete_connection(tenant)
