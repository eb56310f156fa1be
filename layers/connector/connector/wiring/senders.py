"""What persons do in conversations, with its real parts."""

from datetime import timedelta

from connector import settings
from connector.conversation.pausing import Pausing
from connector.conversation.send import Sender
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores


def sender(tenant: Tenant) -> Sender:
    """Return what sends a person's messages in a tenant's conversations."""
    return Sender(
        tenant,
        stores.connections(),
        stores.chats(tenant),
        stores.changes(tenant),
        stores.outbox(tenant),
        outside.delivery,
        now,
        timedelta(minutes=settings.pause_minutes()),
    )


def pausing(tenant: Tenant) -> Pausing:
    """Return what pauses a tenant's agent."""
    return Pausing(tenant, stores.connections(), stores.chats(tenant), now)
