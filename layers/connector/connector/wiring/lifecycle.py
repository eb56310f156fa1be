"""What joins agents to accounts and parts them, with its real parts."""

from connector import settings
from connector.accounts import Login
from connector.lifecycle.connect import Connecting
from connector.lifecycle.credentials import Examiner
from connector.lifecycle.disconnect import Disconnecting
from connector.lifecycle.doctor import Doctor
from connector.lifecycle.pace import Pace
from connector.lifecycle.patrol import Patrol
from connector.lifecycle.refresh import Refreshing
from connector.lifecycle.upkeep import VISIT_SECONDS, WRITE_SECONDS, Upkeep
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
        outside.binding(),
        stores.connections(),
        stores.secrets(),
        stores.secret_sets(),
        settings.secrets_key_id(),
        now,
    )


def patrol() -> Patrol:
    """Return what looks after all connections."""
    connections, secrets = stores.connections(), stores.secrets()
    tokens, writes = meta.tokens(Login.INSTAGRAM), Pace(WRITE_SECONDS)
    refreshing = Refreshing(tokens, connections, secrets, settings.secrets_key_id(), writes, now)
    recovery = stores.rounds("recovery")
    upkeep = Upkeep(
        meta.graph,
        meta.tokens,
        secrets.app_for,
        refreshing,
        connections,
        secrets,
        lambda connection: recovery.rest(connection, now()),
    )
    return Patrol(stores.rounds("upkeep"), upkeep.look_after, Pace(VISIT_SECONDS), now)


def disconnecting() -> Disconnecting:
    """Return what ends connections."""
    return Disconnecting(meta.graph, stores.connections(), stores.secrets(), stores.secret_sets())


def doctor() -> Doctor:
    """Return what examines connections."""
    return Doctor(meta.graph, meta.tokens, outside.binding(), stores.connections(), stores.secrets())
