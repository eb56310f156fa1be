"""The words of forgetting: whose data is to be deleted, and how far that has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from connector.tenancy import Tenant

SETTLED = timedelta(seconds=150)
"""How long after a deletion something may still write what it has read before: longer than any worker lives."""

EVENT_LIVES = timedelta(hours=48)
"""How old an event may be when it is received. Meta gives up after 36 hours; a signature carries no time."""

COPY_LIVES = timedelta(days=18)
"""How long after its receipt a copy of an event is still stored: four days in the inbox, and 14 in the dead letters."""


class DeletionStatus(StrEnum):
    """How far a deletion has come."""

    PENDING = "pending"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Part:
    """Something to be deleted: what is stored of a tenant's conversations with one customer, of one account, or all."""

    tenant: Tenant
    user_id: str | None = None
    account_id: str | None = None
    ends_connection: bool = False
    """The account's owner is to be forgotten too, and with them the connection to it."""


class RetellStatus(StrEnum):
    """How far the deletion of the chats at Retell has come."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """Retell has refused for a week. The deletion is tried again when it is requested again."""


@dataclass(frozen=True, slots=True)
class AtRetell:
    """The chats at Retell that a deletion still has to delete."""

    left: int = 0
    given_up: int = 0
    """How many of them are no longer tried."""
    problem: str | None = None
    """The error code of the last failed attempt."""

    @property
    def status(self) -> RetellStatus:
        """Return the status of the deletion at Retell."""
        if not self.left:
            return RetellStatus.DONE
        return RetellStatus.FAILED if self.given_up == self.left else RetellStatus.PENDING


@dataclass(frozen=True, slots=True)
class Deletion:
    """A request to delete, which is kept until everything is done."""

    code: str
    """By which it can be asked after."""
    created_at: datetime
    asked_at: datetime
    """When it was last asked for: what happened until then is deleted."""
    parts: tuple[Part, ...] = ()
    """None once they are done."""
    erased_at: datetime | None = None
    """When everything here was deleted, while chats at Retell are left."""
    finished_at: datetime | None = None
    at_retell: AtRetell = AtRetell()

    @property
    def status(self) -> DeletionStatus:
        """Return how far it has come."""
        return DeletionStatus.DONE if self.finished_at else DeletionStatus.PENDING
