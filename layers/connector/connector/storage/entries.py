"""The list of all messages, in the order of time. Collection `instagram_messages`: one tiny document for each message.

A message itself stands in its chat, among up to 500 others, and no index over `chats` has all messages in one order.
This one does. A message is entered here before it is stored: whatever dies in between leaves an entry without a
message, which readers leave out, and never a message that no reader finds. The entry also decides once and for all the
message's id and time, so that its place does not move when the message is stored at a second try. It holds how the
message's words begin, for who looks for them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.collection import Collection

from connector.chat import Message, Role
from connector.ports.reading import Entry, Scope
from connector.search import beginnings
from connector.storage.indexes import hinted
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_messages"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# An entry goes when its message does: see `storage/retention.py`.
_EXPIRED = IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0)

_FOR_GOOD = datetime(9999, 1, 1, tzinfo=UTC)

# Each index serves one role and all: a query for all asks for each, and MongoDB merges the three.
_OF_ALL = IndexModel(
    [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("role", ASCENDING), ("position", DESCENDING)],
    name="by_time",
)
_OF_USER = IndexModel(
    [
        ("subaccountId", ASCENDING),
        ("agentId", ASCENDING),
        ("userId", ASCENDING),
        ("role", ASCENDING),
        ("position", DESCENDING),
    ],
    name="of_user_by_time",
)
_BY_WORD = IndexModel(
    [
        ("subaccountId", ASCENDING),
        ("agentId", ASCENDING),
        ("words", ASCENDING),
        ("role", ASCENDING),
        ("position", DESCENDING),
    ],
    name="by_word",
)
INDEXES = (_OF_ALL, _OF_USER, _BY_WORD, _EXPIRED)


class Entries:
    """The list of one tenant's messages."""

    def __init__(self, chats: Collection[Document], tenant: Tenant, keep_for: timedelta | None = None) -> None:
        """List the messages that stand in `chats`; the list stands beside it, and new entries for so long (or ever)."""
        self._keep_for = keep_for
        self._collection: Collection[Document] = chats.database[COLLECTION]
        self._prefix = f"{tenant}/"
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}

    def enter(self, user_id: str, *messages: Message) -> tuple[Message, ...]:
        """Enter messages that are about to be stored, and return them with the ids and times that they keep."""
        if not messages:
            return ()
        ids = [self._prefix + message.key for message in messages]
        positions = [position_of(replace(message, id=str(ObjectId()))) for message in messages]
        writes = [
            UpdateOne(
                {"_id": one},
                {
                    "$setOnInsert": self._tenant
                    | entry(user_id, message.role.value, position, message.text)
                    | expiry(message.created_at, self._keep_for)
                },
                upsert=True,
            )
            for one, position, message in zip(ids, positions, messages, strict=True)
        ]
        stands = dict(zip(ids, positions, strict=True))
        with translated():
            entered = self._collection.bulk_write(writes, ordered=False).upserted_ids or {}
            if len(entered) < len(ids):
                known = self._collection.find({"_id": {"$in": ids}}, {"position": 1})
                stands |= {document["_id"]: document["position"] for document in known}
        return tuple(_placed(message, stands[one]) for message, one in zip(messages, ids, strict=True))

    def reword(self, key: str, text: str | None, at: datetime) -> None:
        """Let a message be found by the words that it has since then; None for none any more, whatever comes later."""
        since = _FOR_GOOD if text is None else at
        with translated():
            self._collection.update_one(
                {"_id": self._prefix + key, "wordsAt": {"$not": {"$gte": since}}},
                {"$set": {"words": beginnings(text or ""), "wordsAt": since}},
            )

    def remove(self, key: str) -> None:
        """Take a message off the list that is no longer stored."""
        with translated():
            self._collection.delete_one({"_id": self._prefix + key})

    def find(self, scope: Scope, *, limit: int, beyond: str | None, oldest_first: bool) -> Sequence[Entry]:
        """Return up to `limit` entries, newest first (or oldest first), from beyond a position on."""
        roles = [role.value for role in ([scope.role] if scope.role else Role)]
        wanted: Document = self._tenant | {"role": {"$in": roles}}
        index = "by_time"
        if scope.user_id is not None:
            index, wanted["userId"] = "of_user_by_time", scope.user_id
        elif scope.beginning is not None:
            index, wanted["words"] = "by_word", scope.beginning
        if place := _place(scope, beyond, oldest_first=oldest_first):
            wanted["position"] = place
        order = ASCENDING if oldest_first else DESCENDING
        entries = self._collection.find(wanted, {"position": 1}).sort("position", order).limit(limit)
        with translated():
            found = hinted(index, lambda index: entries.clone().hint(index).to_list())
        return [Entry(document["_id"].removeprefix(self._prefix), document["position"]) for document in found]


def entry(user_id: str, role: str, position: str, text: str | None) -> Document:
    """Return what an entry holds besides its tenant."""
    return {"userId": user_id, "role": role, "position": position, "words": beginnings(text or "")}


def expiry(since: datetime, keep_for: timedelta | None) -> Document:
    """Return the field that says when something is to be gone; none where it is kept for ever."""
    return {"expireAt": since + keep_for} if keep_for else {}


def position_of(message: Message) -> str:
    """Return a message's place in time: by its time, then (equal times are common) by its id."""
    return position_at(message.created_at, message.id)


def position_at(moment: datetime, name: str) -> str:
    """Return the place of something that happened then."""
    return f"{_milliseconds(moment)}{name}"


def time_of(position: str) -> datetime:
    """Return the time of a position."""
    return _EPOCH + int(position.partition(".")[0]) * _MILLISECOND


def _place(scope: Scope, beyond: str | None, *, oldest_first: bool) -> Document:
    """Return the range of positions that is asked for. A time alone is below all positions at this time."""
    least = [_milliseconds(scope.since)] if scope.since else []
    ends = [_milliseconds(scope.until)] if scope.until else []
    place: Document = {}
    if beyond is not None and oldest_first:
        place["$gt"] = beyond
    elif beyond is not None:
        ends.append(beyond)
    if least:
        place["$gte"] = max(least)
    if ends:
        place["$lt"] = min(ends)
    return place


def _milliseconds(moment: datetime) -> str:
    """Return a time as a text that sorts as times do. What lies between two milliseconds counts as the later one."""
    milliseconds = -((_EPOCH - moment) // _MILLISECOND)
    return f"{max(0, milliseconds):014d}."


def _placed(message: Message, position: str) -> Message:
    return replace(message, id=position.partition(".")[2], created_at=time_of(position))
