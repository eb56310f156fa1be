"""What takes turns, with its real parts."""

from datetime import timedelta

from connector import settings
from connector.conversation.turn import TurnTaker
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores

_LEASE = timedelta(seconds=135)  # reply's timeout, and 15 s for clocks that differ


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
        _LEASE,
        MAX_TEXT_BYTES,
        settings.fallback_text(),
    )
