"""The business, with its real parts."""

from datetime import timedelta

from connector import settings
from connector.conversation.ingest import Ingest
from connector.conversation.sweep import Sweep
from connector.conversation.turn import TurnTaker
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores

_LEASE = timedelta(seconds=135)  # reply's timeout, and 15 s for clocks that differ


def ingest() -> Ingest:
    """Return what takes events in."""
    return Ingest(
        stores.connections(),
        stores.chats,
        stores.changes,
        stores.outbox,
        stores.kept_events,
        stores.turn_queue(),
        timedelta(seconds=settings.quiet_seconds()),
        timedelta(minutes=settings.pause_minutes()),
    )


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


def sweep() -> Sweep:
    """Return what takes up the turns that were left hanging."""
    return Sweep(stores.waiting(), stores.turn_queue(), now)
