"""What takes turns, with its real parts."""

from datetime import timedelta

from connector import settings
from connector.conversation.turn import TurnTaker
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores

# A dead worker's turn waits for the end of its lease and for the next sweep, a minute later at most.
LEASE = timedelta(seconds=10)


def turn_taker(tenant: Tenant) -> TurnTaker:
    """Return what takes the agent's turns in a tenant's conversations."""
    return TurnTaker(
        tenant,
        stores.connections(),
        stores.chats(tenant),
        stores.turns(tenant),
        stores.turn_queue(),
        outside.asker,
        outside.delivery,
        now,
        LEASE,
        MAX_TEXT_BYTES,
        settings.fallback_text(),
    )
