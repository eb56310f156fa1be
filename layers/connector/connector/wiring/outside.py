"""The other companies' APIs, ready to use on behalf of a connection."""

from functools import lru_cache

from connector import settings
from connector.accounts import Connection
from connector.agents.retell import Retell
from connector.conversation.delivery import Delivery
from connector.errors import ReconnectNeeded
from connector.instagram.graph import Graph
from connector.wiring import stores

_BEARERS = 64  # kept with their open connections


@lru_cache(maxsize=_BEARERS)
def graph(access_token: str) -> Graph:
    """Return the Graph API as the bearer of a Page token; the same one each time, with its open connection."""
    return Graph(settings.graph_url(), access_token)


def agent(connection: Connection) -> Retell:
    """Return a connection's chat agent."""
    api_key = stores.secrets().retell_api_key(connection.tenant.subaccount_id)
    return _retell(api_key, connection.retell_agent_id)


@lru_cache(maxsize=_BEARERS)
def _retell(api_key: str, agent_id: str) -> Retell:
    return Retell(settings.retell_url(), api_key, agent_id)


def delivery(connection: Connection) -> Delivery:
    """Return what carries messages to a connection's customers.

    Raises:
        ReconnectNeeded: the connection's token is gone.
    """
    token = stores.secrets().access_token(
        connection.tenant, version=connection.token_version, generation=connection.generation
    )
    if token is None:
        stores.connections().record_error(connection, ReconnectNeeded.code, needs_reconnection=True)
        raise ReconnectNeeded("The access token is gone. Connect the account again.")
    return Delivery(connection, stores.connections(), stores.outbox(connection.tenant), graph(token))
