"""The other companies' APIs, ready to use on behalf of a connection."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from threading import Thread

from connector import settings
from connector.accounts import Connection
from connector.agents.retell import Retell
from connector.conversation.asking import Asker
from connector.conversation.delivery import Delivery
from connector.errors import OutsideError, ReconnectNeeded
from connector.instagram.graph import Graph
from connector.storage.documents import now
from connector.wiring import stores

_BEARERS = 64  # kept with their open connections


@lru_cache(maxsize=_BEARERS)
def graph(access_token: str) -> Graph:
    """Return the Graph API as the bearer of a Page token; the same one each time, with its open connection."""
    return Graph(settings.graph_url(), access_token)


@lru_cache(maxsize=_BEARERS)
def _courtesy(access_token: str) -> Graph:
    """Return another one for the background: a connection serves one thread at a time."""
    return Graph(settings.graph_url(), access_token)


@lru_cache(maxsize=_BEARERS)
def _retell(api_key: str, agent_id: str) -> Retell:
    return Retell(settings.retell_url(), api_key, agent_id)


def asker(connection: Connection, user_id: str) -> Asker:
    """Return what asks a connection's agent for one user.

    Raises:
        ReconnectNeeded: the connection's token is gone.
    """
    api_key = stores.secrets().retell_api_key(connection.tenant.subaccount_id)
    token = _token(connection)
    return Asker(
        _retell(api_key, connection.retell_agent_id),
        graph(token),
        stores.chats(connection.tenant),
        stores.turns(connection.tenant),
        now,
        _attention(token, connection.account.page_id, user_id),
    )


def delivery(connection: Connection) -> Delivery:
    """Return what carries messages to a connection's customers.

    Raises:
        ReconnectNeeded: the connection's token is gone.
    """
    messenger = graph(_token(connection))
    return Delivery(connection, stores.connections(), stores.outbox(connection.tenant), messenger, now)


def _attention(token: str, page_id: str, user_id: str) -> Callable[[], None]:
    """Return what marks a user's messages as seen and shows that somebody types, in the background."""

    def show() -> None:
        with suppress(OutsideError):
            for action in ("mark_seen", "typing_on"):
                _courtesy(token).act(page_id, user_id, action)

    return Thread(target=show, name="attention", daemon=True).start


def _token(connection: Connection) -> str:
    token = stores.secrets().access_token(
        connection.tenant, version=connection.token_version, generation=connection.generation
    )
    if token is None:
        stores.connections().record_error(connection, ReconnectNeeded.code, needs_reconnection=True)
        raise ReconnectNeeded("The access token is gone. Connect the account again.")
    return token
