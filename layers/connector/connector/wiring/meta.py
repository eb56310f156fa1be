"""Meta's APIs, ready to use: for any login and token, and on behalf of a connection."""

from functools import lru_cache

from connector import settings
from connector.accounts import AccessToken, Connection, Login
from connector.errors import ReconnectNeeded
from connector.instagram.graph import Graph
from connector.instagram.messenger import Messenger
from connector.instagram.tokens import Tokens
from connector.storage.documents import now
from connector.wiring import stores

_BEARERS = 64  # kept with their open connections


def graph(login: Login, token: AccessToken, node_id: str) -> Graph:
    """Return the Graph API of a login, with a connection of its own: a connection serves one thread at a time."""
    base_url = f"{settings.graph_hosts()[login]}/{settings.graph_version()}"
    return Graph(base_url, token, node_id, stores.secrets().of_app)


@lru_cache(maxsize=_BEARERS)
def messenger(login: Login, token: AccessToken, node_id: str) -> Messenger:
    """Return what carries an account's messages; the same each time, with its open connection."""
    return Messenger(graph(login, token, node_id))


@lru_cache(maxsize=_BEARERS)
def background_messenger(login: Login, token: AccessToken, node_id: str) -> Messenger:
    """Return another one, for a thread beside the handler's."""
    return Messenger(graph(login, token, node_id))


def tokens(login: Login) -> Tokens:
    """Return what Meta does about the tokens of a login."""
    return Tokens(
        lambda token: graph(login, token, ""),
        lambda token: Graph(settings.graph_hosts()[login], token, ""),
        now,
    )


def token_of(connection: Connection) -> AccessToken:
    """Return a connection's token.

    Raises:
        ReconnectNeeded: it is gone.
        TryLater: it was stored a moment ago, and cannot be read yet.
    """
    try:
        return stores.secrets().access_token(connection)
    except ReconnectNeeded as error:
        stores.connections().record_error(connection, error.code, needs_reconnection=True)
        raise
