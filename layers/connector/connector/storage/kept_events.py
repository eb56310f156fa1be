"""What Meta told us that changed no message. Collection `instagram_events`.

An unknown kind of event is kept as it came, so that nothing Meta says is lost before somebody understands it. An edit,
an unsend or a reaction that is faster than its message is kept until the message comes, a referral until its customer
writes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.instagram.events import HANDOVERS, Other
from connector.storage.documents import now
from connector.storage.entries import expiry, position_at, time_of
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_events"

_BY_KEY = IndexModel(
    [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("key", ASCENDING)], name="event_key", unique=True
)
_BY_MID = IndexModel([("subaccountId", ASCENDING), ("agentId", ASCENDING), ("mid", ASCENDING)], name="event_mid")
_OF_ALL = IndexModel(
    [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)], name="event_by_time"
)
_OF_USER = IndexModel(
    [
        ("subaccountId", ASCENDING),
        ("agentId", ASCENDING),
        ("userId", ASCENDING),
        ("at", ASCENDING),
        ("_id", ASCENDING),
    ],
    name="event_of_user_by_time",
)


_OF_PERSON = IndexModel([("userId", ASCENDING)], name="event_of_person")
_EXPIRED = IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0)


class KeptEvents:
    """The kept events of one tenant."""

    def __init__(self, collection: Collection[Document], tenant: Tenant, keep_for: timedelta | None = None) -> None:
        self._collection = collection
        self._keep_for = keep_for
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}

    def keep(self, event: Other) -> None:
        """Keep an event; one that is kept already changes nothing."""
        fields = {
            "accountId": event.account_id,
            "userId": event.user_id,
            "mid": event.mid,
            "name": event.name,
            "channel": event.channel,
            "item": dict(event.item),
            "at": event.at,
            "createdAt": now(),
        } | expiry(event.at, self._keep_for)
        with translated():
            self._collection.update_one(self._tenant | {"key": event.key}, {"$setOnInsert": fields}, upsert=True)

    def about(self, mid: str) -> Sequence[Other]:
        """Return what is kept about a message, in the order in which it happened."""
        with translated():
            documents = self._collection.find(self._tenant | {"mid": mid}).sort("at", ASCENDING).to_list()
        return [_read(document) for document in documents]

    def before(self, user_id: str, mid: str | None, since: datetime) -> Sequence[Other]:
        """Return what came before a customer's message, oldest first.

        That is everything about the message itself, and the customer's referrals and handovers since then, which the
        message may have opened a chat for.
        """
        kinds = [{"item.referral": {"$type": "object"}}, {"name": {"$in": list(HANDOVERS)}}]
        wanted = [self._tenant | {"userId": user_id, "at": {"$gte": since}, "$or": kinds}]
        wanted += [self._tenant | {"mid": mid}] if mid else []
        with translated():
            # A sort by MongoDB would have it read all of the tenant's events in order.
            documents = self._collection.find({"$or": wanted}).to_list()
        return sorted(map(_read, documents), key=lambda event: event.at)

    def page(self, user_id: str | None, *, limit: int, beyond: str | None = None) -> Sequence[tuple[str, Other]]:
        """Return up to `limit` events of one user or of all, each with its position, oldest first, from beyond one on.

        It costs what it returns, however many there are.
        """
        these = self._tenant | ({"userId": user_id} if user_id is not None else {})
        wanted: Document = these
        if beyond is not None:
            moment, event_id = time_of(beyond), ObjectId(beyond.partition(".")[2])
            wanted = {"$or": [these | {"at": {"$gt": moment}}, these | {"at": moment, "_id": {"$gt": event_id}}]}
        with translated():
            documents = (
                self._collection.find(wanted)
                .sort([("at", ASCENDING), ("_id", ASCENDING)])
                .hint("event_by_time" if user_id is None else "event_of_user_by_time")
                .limit(limit)
                .to_list()
            )
        return [(position_at(document["at"], str(document["_id"])), _read(document)) for document in documents]

    def forget(self, event: Other) -> None:
        """Forget an event: it has been applied."""
        with translated():
            self._collection.delete_one(self._tenant | {"key": event.key})


def ensure_indexes(chats: Collection[Document]) -> None:
    """Create the indexes of what is kept beside `chats`; those that stand already cost nothing."""
    with translated():
        chats.database[COLLECTION].create_indexes([_BY_KEY, _BY_MID, _OF_ALL, _OF_USER, _OF_PERSON, _EXPIRED])


def _read(document: Document) -> Other:
    return Other(
        document["accountId"],
        document["userId"],
        document["at"],
        document["name"],
        document["key"],
        document["channel"],
        document["mid"],
        document["item"],
    )
