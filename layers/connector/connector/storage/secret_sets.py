"""The ids under which connections store their secrets, and which of them no connection uses (any more, or yet).

An id is listed in the connection's document, `unusedSecrets`, before anything is stored under it, with the time to
delete it. When the connection is joined, its id becomes `secretsId`, and the id of before is listed. So the secrets of
a connect that was killed, and of a connection that has ended or was made anew, are always found and deleted.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection

from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connection_documents import UNUSED_SECRETS as _LIST
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

INDEXES = (IndexModel([(f"{_LIST}.dueAt", ASCENDING)], name="of_unused_secrets", sparse=True),)

_AT_A_TIME = 100
# A document that only a connect that failed has left.
_NEVER_CONNECTED: Document = {name: {"$exists": False} for name in ("instagramAccountId", "forgottenAt", "owners")}


@dataclass(frozen=True, slots=True)
class SecretSet:
    """A new set of secrets."""

    secrets_id: str
    generation: int
    """The tenant's generation when the set was begun: a connection joins only while it is the same."""


class SecretSets:
    """The sets of secrets of all tenants."""

    def __init__(self, collection: Collection[Document], stored: Secrets, clock: Callable[[], datetime] = now) -> None:
        """List them in the collection of the connections."""
        self._collection = collection
        self._stored = stored
        self._clock = clock

    def begin(self, tenant: Tenant) -> SecretSet:
        """Return a new set, in which a tenant's secrets may be stored. It is deleted if no connection uses it."""
        secrets_id, moment = secrets.token_hex(8), self._clock()
        made = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id, "createdAt": moment}
        entry = {"id": secrets_id, "dueAt": moment + SECRETS_UNDER_WAY}
        with translated():
            document = self._collection.find_one_and_update(
                {"_id": str(tenant)},
                {"$push": {_LIST: entry}, "$setOnInsert": made},
                {"generation": 1},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return SecretSet(secrets_id, (document or {}).get("generation") or 0)

    def clear(self, tenant: Tenant, *, at_once: bool = False) -> None:
        """Delete a tenant's unused secrets whose time has come, or all of them `at_once`.

        A connect that is under way may store secrets after that. So a set stays listed until its own time has come, and
        is then deleted again.

        Raises:
            Unavailable: SSM or MongoDB does not answer. They stay listed, and the next call deletes them.
        """
        with translated():
            document = self._collection.find_one({"_id": str(tenant)}, {_LIST: 1})
        moment = self._clock()
        listed = (document or {}).get(_LIST) or []
        due = [one["id"] for one in listed if one["dueAt"] <= moment]
        if deleted := [one["id"] for one in listed] if at_once else due:
            self._stored.delete(tenant, *deleted)
        if due:
            self._unlist(tenant, due)

    def give_up(self, tenant: Tenant, secrets_id: str) -> None:
        """Delete a set that no connection uses, and in which nothing more is stored."""
        self._stored.delete(tenant, secrets_id)
        self._unlist(tenant, [secrets_id])

    def _unlist(self, tenant: Tenant, secrets_ids: Sequence[str]) -> None:
        with translated():
            self._collection.update_one({"_id": str(tenant)}, {"$pull": {_LIST: {"id": {"$in": secrets_ids}}}})
            self._collection.delete_one({"_id": str(tenant), _LIST: []} | _NEVER_CONNECTED)

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
