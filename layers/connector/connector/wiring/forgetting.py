"""What forgets people and what they wrote, with its real parts."""

from dataclasses import replace
from functools import cache

from connector import settings
from connector.agents.retell import RetellChats
from connector.deletions import Deletion
from connector.lifecycle.deauthorize import Deauthorizing
from connector.lifecycle.forgetting import Forgetting
from connector.lifecycle.retell_deletion import RetellDeletion
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
        stores.retell_deletions(),
        now,
    )


def deletion(code: str) -> Deletion | None:
    """Return the request of a code, with what is left of it at Retell."""
    found = stores.deletions().get(code)
    return found and replace(found, at_retell=stores.retell_deletions().of(code))


def retell_deletion() -> RetellDeletion:
    """Return what deletes chats at Retell."""
    chats_under = cache(lambda key: RetellChats(settings.retell_url(), key))
    return RetellDeletion(
        stores.retell_deletions(),
        lambda subaccount_id: [chats_under(key).delete for key in stores.secrets().retell_api_keys(subaccount_id)],
        now,
    )
