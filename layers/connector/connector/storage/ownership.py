"""Which documents of `chats` are ours. The collection is the platform's, and it may hold Instagram chats of its own.

We mark what we write with `metadata.storedBy`, and only what bears the mark is ours. Earlier versions did not write it:
`mark` adds it to their documents (`storage/index_builds.py`). Until that is done, the indexes of the earlier versions
exist, and we find our documents by the form that only we have given them.
"""

import time
from collections.abc import Callable
from math import inf
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, MongoClient
from pymongo.collection import Collection

from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

CHANNEL = "instagram"
WRITER = "instagram-connector"
OURS: Document = {"metadata.channel": CHANNEL, "metadata.storedBy": WRITER}

EARLIER_INDEXES = (
    "instagram_expired",  # deletes: dropped before anything else is done
    "instagram_one_ongoing_chat",
    "instagram_message_once",
    "instagram_message_mid",
    "instagram_conversations",
    "instagram_of_user",
    "instagram_wakes",
    "instagram_unlisted",
    "instagram_of_person",
    "instagram_opened",
)
"""The indexes of earlier versions, which were partial on the channel only."""

_LOOK_AGAIN_SECONDS = 5.0
_MARKED_AT_ONCE = 5_000


def _fields(**types: str | list[str]) -> Document:
    return {
        "bsonType": "object",
        "required": list(types),
        "properties": {name: {"bsonType": kind} for name, kind in types.items()},
    }


_TEXT, _TIME = ["string", "null"], ["date", "null"]
_MESSAGE = _fields(
    **dict.fromkeys(("id", "key", "role", "status"), "string"),
    **dict.fromkeys(("mid", "text", "turnId"), _TEXT),
    **dict.fromkeys(("attachments", "reactions"), "array"),
    **dict.fromkeys(("editedAt", "deletedAt", "readAt"), _TIME),
    createdAt="date",
)
_CHAT = _fields(
    _id="objectId",
    **dict.fromkeys(("subaccountId", "agentId", "status"), "string"),
    **dict.fromkeys(("createdAt", "updatedAt"), "date"),
    chatId=_TEXT,
    turn=["object", "null"],
    pausedUntil=_TIME,
    metadata="object",
    messages="array",
)
_CHAT["properties"]["messages"] |= {"items": _MESSAGE}
_CHAT["properties"]["metadata"] = _fields(**dict.fromkeys(("channel", "userId", "instagramAccountId"), "string"))
_EARLIER: Document = {"$jsonSchema": _CHAT}
"""Every field that all versions have written, with the type that they gave it."""

# Less of the same, for queries: beside `$jsonSchema`, `messages.$` would stand for another message than the one found.
_IN_OUR_FORM: Document = {
    "metadata.channel": CHANNEL,
    "turn": {"$type": ["object", "null"]},
    "chatId": {"$type": _TEXT},
    "pausedUntil": {"$type": _TIME},
    "updatedAt": {"$type": "date"},
}

_UNMARKED: Document = {"metadata.storedBy": {"$exists": False}}

# When to look at a collection again; never once it has no index of an earlier version.
_next_look: dict[tuple["MongoClient[Document]", str], float] = {}


def ours(chats: Collection[Document]) -> Document:
    """Return the condition for our documents."""
    return OURS if is_marked(chats) else _IN_OUR_FORM


def is_marked(chats: Collection[Document]) -> bool:
    """Return whether all our documents bear the mark: no index of an earlier version is left."""
    place = (chats.database.client, chats.database.name)
    look_at = _next_look.get(place, 0.0)
    if look_at == inf:
        return True
    if time.monotonic() < look_at:
        return False
    with translated():
        left = set(EARLIER_INDEXES) & chats.index_information().keys()
    _next_look[place] = time.monotonic() + _LOOK_AGAIN_SECONDS if left else inf
    return not left


def look_again() -> None:
    """Forget what has been found out about collections."""
    _next_look.clear()


def mark(chats: Collection[Document], report: Callable[[int, int], None]) -> tuple[int, int]:
    """Mark what earlier versions wrote. Doing it twice changes nothing.

    It walks over all documents by their ids, and tells `report` how many it has passed and marked. Returns how many it
    has marked, and how many Instagram documents have another writer.
    """
    passed = marked = others = 0
    after: Document = {}
    while ids := _next_ids(chats, after):
        these = {"_id": {**after, "$lte": ids[-1]}} | _UNMARKED
        earlier = these | {"metadata.channel": CHANNEL} | _EARLIER
        marked += chats.update_many(earlier, {"$set": {"metadata.storedBy": WRITER}}).modified_count
        others += chats.count_documents(these | {"metadata.channel": CHANNEL}, hint="_id_")
        passed += len(ids)
        report(passed, marked)
        after = {"$gt": ids[-1]}
    return marked, others


def _next_ids(chats: Collection[Document], after: Document) -> list[Any]:
    """Return the next ids. Ours are ObjectIds, and so are all that come back: `$gt` compares within one type."""
    wanted = {"_id": after or {"$gte": ObjectId("0" * 24)}}
    found = chats.find(wanted, {"_id": 1}).sort("_id", ASCENDING).hint("_id_").limit(_MARKED_AT_ONCE)
    return [one["_id"] for one in found]


class TenantChats:
    """Base of what reads or writes the chats of one tenant: each of its queries names the tenant, and our mark."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self.__tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}

    @property
    def _tenant(self) -> Document:
        return self.__tenant | ours(self._collection)
