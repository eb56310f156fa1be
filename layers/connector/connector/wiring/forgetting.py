"""What forgets people and what they wrote, with its real parts."""

from connector.lifecycle.deauthorize import Deauthorizing
from connector.lifecycle.forgetting import Forgetting
from connector.storage.documents import now
from connector.wiring import stores


def deauthorizing() -> Deauthorizing:
    """Return what ends the connections of owners who have removed the app."""
    return Deauthorizing(stores.connections(), stores.owners(), stores.secret_sets())


def forgetting() -> Forgetting:
    """Return what deletes what is stored of people; its indexes are made where there are none."""
    stores.ensure_deletion_indexes()
    return Forgetting(
        stores.connections(),
        stores.owners(),
        stores.secret_sets(),
        stores.deletions(),
        stores.tombstones,
        stores.erasure(),
        now,
    )
