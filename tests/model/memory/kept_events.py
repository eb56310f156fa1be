"""What changed no message, in memory."""

from collections.abc import Sequence
from datetime import datetime

from connector.instagram.events import HANDOVERS, Other
from connector.tenancy import Tenant
from tests.model.memory.shelf import Shelf


class KeptEvents:
    """As `connector.storage.kept_events`."""

    def __init__(self, shelf: Shelf, tenant: Tenant) -> None:
        self._shelf = shelf
        self._tenant = tenant

    def keep(self, event: Other) -> None:
        """Keep an event; one that is kept already changes nothing."""
        self._shelf.kept.setdefault((self._tenant, event.key), event)

    def about(self, mid: str) -> Sequence[Other]:
        """Return what is kept about a message, in the order in which it happened."""
        kept = [one for (tenant, _), one in self._shelf.kept.items() if tenant == self._tenant and one.mid == mid]
        return sorted(kept, key=lambda one: one.at)

    def before(self, user_id: str, mid: str | None, since: datetime) -> Sequence[Other]:
        """Return what came before a customer's message, oldest first."""
        kept = [one for (tenant, _), one in self._shelf.kept.items() if tenant == self._tenant]
        return sorted(
            (
                one
                for one in kept
                if (mid and one.mid == mid) or (one.user_id == user_id and one.at >= since and _awaits_chat(one))
            ),
            key=lambda one: one.at,
        )

    def forget(self, event: Other) -> None:
        """Forget an event that has been applied."""
        self._shelf.kept.pop((self._tenant, event.key), None)


def _awaits_chat(event: Other) -> bool:
    return isinstance(event.item.get("referral"), dict) or event.name in HANDOVERS
