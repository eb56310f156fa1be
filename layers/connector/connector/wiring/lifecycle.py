"""What joins agents to accounts and parts them, with its real parts."""

from connector import settings
from connector.accounts import Login
from connector.lifecycle.connect import Connecting
from connector.lifecycle.credentials import Examiner
from connector.lifecycle.disconnect import Disconnecting
from connector.storage.documents import now
from connector.wiring import meta, outside, stores


def examiner(login: Login) -> Examiner:
    """Return what examines the tokens of a login."""
    return Examiner(login, stores.secrets().app_for(login), meta.graph, meta.tokens(login), now)


def connecting() -> Connecting:
    """Return what joins agents to accounts."""
    return Connecting(
        meta.graph,
        examiner,
        lambda tenant, agent_id: outside.agent(tenant, agent_id).require(),
        stores.connections(),
        stores.secrets(),
        settings.secrets_key_id(),
        now,
    )


def disconnecting() -> Disconnecting:
    """Return what ends connections."""
    return Disconnecting(meta.graph, stores.connections(), stores.secrets())
