"""The agent and the messenger of a connection, ready to use."""

from functools import lru_cache

from connector import settings
from connector.accounts import Connection
from connector.agents.retell import Retell
from connector.conversation.asking import Asker
from connector.conversation.delivery import Delivery
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import meta, stores

_AGENTS = 64  # kept with their open connections


@lru_cache(maxsize=_AGENTS)
def _retell(api_key: str, agent_id: str) -> Retell:
    return Retell(settings.retell_url(), api_key, agent_id)


def agent(tenant: Tenant, retell_agent_id: str) -> Retell:
    """Return an agent of a tenant's."""
    return _retell(stores.secrets().retell_api_key(tenant.subaccount_id), retell_agent_id)


def asker(connection: Connection) -> Asker:
    """Return what asks a connection's agent.

    Raises:
        ReconnectNeeded: the connection's token is gone.
    """
    account, token = connection.account, meta.token_of(connection)
    return Asker(
        agent(connection.tenant, connection.retell_agent_id),
        meta.messenger(account.login, token, account.node_id),
        stores.chats(connection.tenant),
        stores.turns(connection.tenant),
        now,
        meta.background_messenger(account.login, token, account.node_id),
    )


def delivery(connection: Connection) -> Delivery:
    """Return what carries messages to a connection's customers.

    Raises:
        ReconnectNeeded: the connection's token is gone.
    """
    account = connection.account
    messenger = meta.messenger(account.login, meta.token_of(connection), account.node_id)
    return Delivery(connection, stores.connections(), stores.outbox(connection.tenant), messenger, now)
