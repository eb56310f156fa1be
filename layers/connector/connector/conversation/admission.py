"""Which events are taken in: none that is somebody's replay, and none of what has been deleted for good."""

from collections.abc import Callable
from datetime import datetime

from connector.accounts import Connection
from connector.deletions import COPY_LIVES, EVENT_LIVES, SETTLED
from connector.instagram.events import Event, MessageReceived, Other, PostbackTapped
from connector.ports.stores import Chats, Tombstones
from connector.tenancy import Tenant


def happened_at(event: Event) -> datetime:
    """Return when it happened, as Meta tells it."""
    return event.at if isinstance(event, Other) else event.parties.at


def is_too_old(event: Event, received_at: datetime, now: datetime) -> bool:
    """Return whether an event is older than any that Meta still sends, or a copy older than any queue keeps.

    A redrive gives a message a new age. Without the second bound it could outlive the tombstone of its customer.
    """
    return received_at - happened_at(event) > EVENT_LIVES or now - received_at > COPY_LIVES


def is_deleted(
    event: Event,
    connection: Connection,
    chats_of: Callable[[Tenant], Chats],
    tombstones_of: Callable[[Tenant], Tombstones],
) -> bool:
    """Return whether an event is of what has been deleted for good: it must not bring anything back."""
    at, forgotten_at = happened_at(event), connection.forgotten_at
    if forgotten_at is None or at - SETTLED > forgotten_at:
        return False
    who = event if isinstance(event, Other) else event.parties
    if at > forgotten_at:
        # An answer may have been on its way to Instagram when its chat was deleted. Its echo, and whatever else is
        # no new word of the customer's, is about what there is no more.
        is_new = isinstance(event, MessageReceived | PostbackTapped)
        if is_new or chats_of(connection.tenant).ongoing(who.user_id) is not None:
            return False
        at -= SETTLED
    people = event.people if isinstance(event, Other) else (who.user_id,)
    return tombstones_of(connection.tenant).cover(people, who.account_id, at)
