"""What keeps the dead from coming back. Collection `instagram_tombstones`.

A webhook that is repeated after a deletion is as well signed as before. So each deletion leaves a mark: what happened
before it is not stored again, what happens later begins anew. A mark holds hashes and times only, and goes when
nothing so old is taken in any more.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.deletions import COPY_LIVES, EVENT_LIVES, Part
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_tombstones"

# Longer than any copy of an event that happened before the deletion is stored; a day for clocks that differ.
LIVES = EVENT_LIVES + COPY_LIVES + timedelta(days=1)

INDEXES = (IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0),)


class Tombstones:
    """The marks that deletions have left at one tenant."""

    def __init__(self, collection: Collection[Document], tenant: Tenant, clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._tenant = tenant
        self._clock = clock

    def put(self, part: Part, at: datetime) -> None:
        """Mark that what happened until then is deleted."""
        name = self._name(part.user_id, part.account_id)
        with translated():
            self._collection.update_one(
                {"_id": name}, {"$max": {"at": at, "expireAt": self._clock() + LIVES}}, upsert=True
            )

    def cover(self, user_ids: Iterable[str], account_id: str, at: datetime) -> bool:
        """Return whether what happened then between one of these people and an account has been deleted."""
        names = [*(self._name(one, None) for one in user_ids), self._name(None, account_id), self._name(None, None)]
        with translated():
            return self._collection.find_one({"_id": {"$in": names}, "at": {"$gte": at}}, {"_id": 1}) is not None

    def _name(self, user_id: str | None, account_id: str | None) -> str:
        return sha256(f"{self._tenant}/{user_id or ''}/{account_id or ''}".encode()).hexdigest()
