"""The ids under which connections store their secrets, and which of them no connection uses (any more, or yet).

An id is listed in the connection's document, `unusedSecrets`, before anything is stored under it, with the time to
delete it. When the connection is joined, its id becomes `secretsId`, and the id of before is listed. So the secrets of
a connect that was killed, and of a connection that has ended or was made anew, are always found and deleted.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_LIST = "unusedSecrets"
_INDEX = IndexModel([(f"{_LIST}.dueAt", ASCENDING)], name="of_unused_secrets", sparse=True)
_AT_A_TIME = 100


class SecretSets:
    """The sets of secrets of all tenants."""

    def __init__(self, collection: Collection[Document], stored: Secrets, clock: Callable[[], datetime] = now) -> None:
        """List them in the collection of the connections."""
        self._collection = collection
        self._stored = stored
        self._clock = clock

    def ensure_index(self) -> None:
        """Create the index that finds the unused sets."""
        with translated():
            self._collection.create_indexes([_INDEX])

    def begin(self, tenant: Tenant) -> str:
        """Return a new id, under which a tenant's secrets may be stored. It is deleted if no connection uses it."""
        secrets_id, moment = secrets.token_hex(8), self._clock()
        made = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id, "createdAt": moment}
        entry = {"id": secrets_id, "dueAt": moment + SECRETS_UNDER_WAY}
        with translated():
            self._collection.update_one(
                {"_id": str(tenant)}, {"$push": {_LIST: entry}, "$setOnInsert": made}, upsert=True
            )
        return secrets_id

    def give_up(self, tenant: Tenant, secrets_id: str) -> None:
        """Have a set deleted that no connection will use."""
        with translated():
            self._collection.update_one(
                {"_id": str(tenant), f"{_LIST}.id": secrets_id}, {"$set": {f"{_LIST}.$.dueAt": self._clock()}}
            )
        self.clear(tenant)

    def clear(self, tenant: Tenant) -> None:
        """Delete a tenant's unused secrets whose time has come.

        Raises:
            Unavailable: SSM or MongoDB does not answer. They stay listed, and the next call deletes them.
        """
        with translated():
            document = self._collection.find_one({"_id": str(tenant)}, {_LIST: 1})
        moment = self._clock()
        listed = (document or {}).get(_LIST) or []
        if due := [one["id"] for one in listed if one["dueAt"] <= moment]:
            self._stored.delete(tenant, *due)
            with translated():
                self._collection.update_one({"_id": str(tenant)}, {"$pull": {_LIST: {"id": {"$in": due}}}})

    def clear_all(self) -> int:
        """Delete the unused secrets of all tenants, a hundred tenants at most; return how many there were."""
        tenants = self._due()
        for tenant in tenants:
            self.clear(tenant)
        return len(tenants)

    def _due(self) -> Sequence[Tenant]:
        with translated():
            found = self._collection.find(
                {f"{_LIST}.dueAt": {"$lte": self._clock()}}, {"subaccountId": 1, "agentId": 1}, limit=_AT_A_TIME
            ).to_list()
        return [Tenant(one["subaccountId"], one["agentId"]) for one in found]
