"""The agent and the messenger of a connection, ready to use."""

from functools import lru_cache

from connector import settings
from connector.accounts import Connection
from connector.agents.retell import Retell
from connector.conversation.asking import Asker
from connector.conversation.delivery import Delivery
from connector.errors import Misconfigured
from connector.lifecycle.binding import Binding, Rule
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import meta, stores

_AGENTS = 64  # kept with their open connections


@lru_cache(maxsize=_AGENTS)
def _retell(api_key: str, agent_id: str) -> Retell:
    return Retell(settings.retell_url(), api_key, agent_id)


def agent(tenant: Tenant, retell_agent_id: str) -> Retell:
    """Return an agent under a tenant's key. Whether the tenant may use it, `binding` says."""
    return _retell(stores.secrets().retell_api_key(tenant.subaccount_id), retell_agent_id)


def binding() -> Binding:
    """Return the deployment's rule about which agents a tenant may use.

    Raises:
        Misconfigured: there is no such rule.
    """
    try:
        rule = Rule(settings.retell_agent_binding())
    except ValueError as error:
        raise Misconfigured(f"RETELL_AGENT_BINDING must be one of {', '.join(Rule)}.") from error
    return Binding(
        rule,
        stores.secrets().has_own_retell_key,
        stores.agent_owners(),
        lambda tenant, retell_agent_id: agent(tenant, retell_agent_id).require(),
    )


def asker(connection: Connection) -> Asker:
    """Return what asks a connection's agent.

    Raises:
        Refused: the connection may no longer use its agent.
        ReconnectNeeded: the connection's token is gone.
    """
    binding().require(connection)
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
