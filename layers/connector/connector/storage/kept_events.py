"""What Meta told us that changed no message. Collection `instagram_events`.

An unknown kind of event is kept as it came, so that nothing Meta says is lost before somebody understands it. An edit,
an unsend or a reaction that is faster than its message is kept until the message comes, a referral until its customer
writes. Each bears the ids of all people in it (`people`), by which a deletion finds it. An event that names no customer
cannot be found by a deletion of theirs, and expires after three days.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.instagram.events import HANDOVERS, Other
from connector.instagram.notifications import Channel
from connector.storage.documents import now
from connector.storage.entries import expiry, position_at, time_of
from connector.storage.indexes import hinted
from connector.storage.mongodb import Document, translated
from connector.storage.stored import json, moment, text
from connector.tenancy import Tenant

COLLECTION = "instagram_events"

NAMELESS_FOR = timedelta(days=3)
"""How long an event is kept that names no customer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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


# An earlier version stored only the customer of an event.
_OF_PERSON = IndexModel([("userId", ASCENDING)], name="event_of_person")
_OF_PEOPLE = IndexModel([("people", ASCENDING)], name="event_of_people")
_EXPIRED = IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0)
INDEXES = (_BY_KEY, _BY_MID, _OF_ALL, _OF_USER, _OF_PERSON, _OF_PEOPLE, _EXPIRED)


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
            "people": list(event.people),
            "mid": event.mid,
            "name": event.name,
            "channel": event.channel,
            "item": dict(event.item),
            "at": event.at,
            "createdAt": now(),
        } | expiry(event.at, self._keep_for if event.user_id else min(self._keep_for or NAMELESS_FOR, NAMELESS_FOR))
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
        wanted: Document = these | {"at": {"$gte": _EPOCH}}  # none without a time
        if beyond is not None:
            at, event_id = time_of(beyond), ObjectId(beyond.partition(".")[2])
            wanted = {"$or": [these | {"at": {"$gt": at}}, these | {"at": at, "_id": {"$gt": event_id}}]}
        index = "event_by_time" if user_id is None else "event_of_user_by_time"
        oldest_first = self._collection.find(wanted).sort([("at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
        with translated():
            documents = hinted(index, lambda index: oldest_first.clone().hint(index).to_list())
        events = [(str(document["_id"]), _read(document)) for document in documents]
        return [(position_at(event.at, event_id), event) for event_id, event in events]

    def forget(self, event: Other) -> None:
        """Forget an event: it has been applied."""
        with translated():
            self._collection.delete_one(self._tenant | {"key": event.key})


def concerning(user_ids: Sequence[str]) -> Document:
    """Return the condition for the events that name one of these people, wherever in the event."""
    return {"$or": [{"userId": {"$in": list(user_ids)}}, {"people": {"$in": list(user_ids)}}]}


def _read(document: Document) -> Other:
    people, channel = document.get("people"), text(document, "channel")
    return Other(
        text(document, "accountId") or "",
        text(document, "userId") or "",
        moment(document, "at") or _EPOCH,
        text(document, "name") or "",
        text(document, "key") or "",
        next((one for one in get_args(Channel.__value__) if one == channel), "messaging"),
        text(document, "mid"),
        json(document, "item") or {},
        tuple(one for one in people if isinstance(one, str)) if isinstance(people, list) else (),
    )
