"""Who let us in, by the ids that Meta's callbacks carry. It stands in the connections: `grant`, and `owners`.

A connection remembers each owner with the account that they let us into, also when it has moved on to another one: what
was stored for that account is found by them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.storage.connection_documents import ended
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

INDEXES = (
    IndexModel([("owners.ownerId", ASCENDING)], name="of_owner", sparse=True),
    IndexModel([("grant.ownerId", ASCENDING)], name="granted_by", sparse=True),
    IndexModel([("pageId", ASCENDING)], name="of_page", sparse=True),
)

# What is left of a connection that is forgotten. The generation goes on, so that nothing that was read before is taken
# for what comes after: a turn, a token.
_LEFT = ("_id", "subaccountId", "agentId", "createdAt", "forgottenAt", "owners")  # and what `ended` sets


class Owners:
    """The owners of all tenants' accounts."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        """Find them in the collection of the connections."""
        self._collection = collection
        self._clock = clock

    def tenants_of(self, owner_id: str | None, page_id: str | None) -> Sequence[Tenant]:
        """Return the tenants whose connection is one that an owner allowed, or one to a Page."""
        these = ([{"grant.ownerId": owner_id}] if owner_id else []) + ([{"pageId": page_id}] if page_id else [])
        with translated():
            found = self._collection.find({"$or": these}, {"subaccountId": 1, "agentId": 1}).to_list() if these else []
        return [_tenant(one) for one in found]

    def accounts_of(self, owner_id: str) -> Sequence[tuple[Tenant, str]]:
        """Return the accounts that an owner has ever let us into, each with the tenant that had it."""
        wanted = {"subaccountId": 1, "agentId": 1, "owners": 1}
        with translated():
            found = self._collection.find({"owners.ownerId": owner_id}, wanted).to_list()
        return [
            (_tenant(one), owner["accountId"])
            for one in found
            for owner in one["owners"]
            if owner["ownerId"] == owner_id
        ]

    def drop(self, owner_id: str, within: Tenant | None = None) -> None:
        """Forget which accounts an owner has let us into, or one tenant."""
        theirs: Document = {"owners.ownerId": owner_id} | ({"_id": str(within)} if within else {})
        with translated():
            self._collection.update_many(theirs, {"$pull": {"owners": {"ownerId": owner_id}}})

    def empty(self, tenant: Tenant, account_id: str, until: datetime) -> None:
        """End a tenant's connection to an account and forget all about it, unless it was made anew since then."""
        left = {name: f"${name}" for name in _LEFT}
        with translated():
            self._collection.update_one(
                {"_id": str(tenant), "instagramAccountId": account_id, "connectedAt": {"$lte": until}},
                [{"$replaceWith": left | ended(self._clock())}],
            )

    def record_deletion(self, tenant: Tenant, at: datetime) -> None:
        """Record that something of a tenant's was deleted: what happened until then may have left a mark."""
        with translated():
            self._collection.update_one({"_id": str(tenant)}, {"$max": {"forgottenAt": at}})


def _tenant(document: Document) -> Tenant:
    return Tenant(document["subaccountId"], document["agentId"])
