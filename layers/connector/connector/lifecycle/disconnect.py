"""Ending a connection."""

from collections.abc import Callable

from connector.accounts import ConnectionStatus
from connector.errors import OutsideError
from connector.instagram.graph import Graph
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant


def disconnect(tenant: Tenant, *, graph_of: Callable[[str], Graph], connections: Connections, secrets: Secrets) -> None:
    """End the tenant's connection and forget its secrets; the chats stay. Doing it twice is a success.

    First the generation rises, so that nothing more is said; then Meta is told, as well as it can be; then the secrets
    go. Meta's refusal (a dead token, most often) does not keep a customer connected.
    """
    connection = connections.get(tenant)
    if connection is None:
        return
    connections.disconnect(tenant)
    token = secrets.access_token(tenant, version=connection.token_version, generation=connection.generation)
    if token and connection.status is not ConnectionStatus.DISCONNECTED:
        try:
            graph_of(token).unsubscribe(connection.account.page_id)
        except OutsideError as error:
            count("UnsubscribeFailed")
            logger.warning("Meta did not unsubscribe the Page", extra={"code": error.code})
    secrets.delete_connection(tenant)
