"""The conversations of a tenant: the newest chat of each user, as far as a row of an inbox shows it.

A conversation that is written in moves up, past whoever is walking down. So a walk reads the inbox as it stood when its
first page was read: MongoDB answers for any moment of the last five minutes, and a position bears its moment
(https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId, Timestamp
from pymongo import DESCENDING
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure

from connector.chat import FALLBACK, MessageStatus, Role
from connector.ports.reading import Conversation
from connector.storage.documents import read_chat, read_messages
from connector.storage.entries import position_at, time_of
from connector.storage.indexes import CONVERSATIONS, CURRENT, MESSAGES, OF_USER, hinted, of_chats
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.storage.stored import moment
from connector.tenancy import Tenant

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST_FIRST = {"lastMessageAt": DESCENDING, "_id": DESCENDING}

# What MongoDB says of a moment that is too long ago, or (where it was set back to a backup) has not come yet.
_NO_SUCH_MOMENT = {239, 246, 72}
_NOW = "f" * 16
"""Later than any moment."""


def _those(*conditions: Mapping[str, Any]) -> Document:
    """Return the expression for those of a chat's messages that meet all conditions."""
    return {"$filter": {"input": MESSAGES, "cond": {"$and": list(conditions)}}}


_KEY = {"$cond": [{"$eq": [{"$type": "$$this.key"}, "string"]}, "$$this.key", ""]}

# What we have said to the customer, or are saying, but for what was not sent, or was said in the agent's place.
_ANSWERS = _those(
    {"$ne": ["$$this.role", Role.USER.value]},
    {"$ne": ["$$this.status", MessageStatus.FAILED.value]},
    {"$lt": [{"$indexOfBytes": [_KEY, FALLBACK]}, 0]},
)
_SINCE_ANSWERED = {"$gt": ["$$this.createdAt", {"$ifNull": ["$$answeredAt", _NEVER]}]}
# What the agent will answer, and what it will not and nobody has answered since.
_UNANSWERED = {
    "$let": {
        "vars": {"answeredAt": {"$max": {"$map": {"input": _ANSWERS, "in": "$$this.createdAt"}}}},
        "in": {
            "$size": _those(
                {"$eq": ["$$this.deletedAt", None]},
                {
                    "$or": [
                        {"$eq": ["$$this.status", MessageStatus.RECEIVED.value]},
                        {"$and": [{"$eq": ["$$this.status", MessageStatus.UNANSWERED.value]}, _SINCE_ANSWERED]},
                    ]
                },
            )
        },
    }
}

# Counted and picked out by MongoDB: a row does not fetch 500 messages to show one.
_ROW: Document = {
    **dict.fromkeys(("chatId", "metadata", "pausedUntil", "pausedBecause", "windowOpenedAt", "lastUserMessageAt"), 1),
    **dict.fromkeys(("lastMessageAt", "updatedAt"), 1),
    "messages": _those({"$gte": ["$$this.createdAt", "$lastMessageAt"]}),
    "unanswered": _UNANSWERED,
}


class Conversations(TenantChats):
    """The conversations of one tenant."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        super().__init__(collection, tenant)

    def rows(self, *, limit: int, before: str | None = None) -> Sequence[Conversation]:
        """Return up to `limit` conversations, the one last written in first, from before a position on.

        It costs what it returns, however many there are, and however long they are. Where nobody knows any more how it
        was at the position's moment, it goes on with what is now.
        """
        current = self._tenant | CURRENT
        wanted: Document = current | {"lastMessageAt": {"$gt": _NEVER}}
        then_at = None
        if before is not None:
            at, (chat_id, _, then) = time_of(before), before.partition(".")[2].partition(".")
            then_at = Timestamp(int(then[:8], 16), int(then[8:], 16)) if then else None
            earlier = current | {"lastMessageAt": {"$gt": _NEVER, "$lt": at}}
            wanted = {"$or": [earlier, current | {"lastMessageAt": at, "_id": {"$lt": ObjectId(chat_id)}}]}
        with translated():
            try:
                return self._find(wanted, limit, then_at)
            except AutoReconnect:
                return self._find(wanted, limit, then_at)  # once, as PyMongo does for the reads that it makes itself
            except OperationFailure as error:
                if error.code not in _NO_SUCH_MOMENT:
                    raise
                return self._find(wanted, limit, None)

    def _find(self, wanted: Document, limit: int, then_at: Timestamp | None) -> Sequence[Conversation]:
        """Return rows as they stood at a moment, or stand now. A session of PyMongo's takes no moment of another's."""

        def find(index: str | None) -> Any:
            command = {
                "find": self._collection.name,
                "filter": wanted,
                "projection": _ROW,
                "sort": _NEWEST_FIRST,
                "limit": limit,
                "batchSize": limit,
                "readConcern": {"level": "snapshot"} | ({"atClusterTime": then_at} if then_at else {}),
            } | ({"hint": index} if index else {})
            return self._collection.database.command(command, codec_options=self._collection.codec_options)

        told = hinted(of_chats(self._collection, CONVERSATIONS), find)["cursor"]
        at = told.get("atClusterTime")  # not told of a collection that is not there yet
        moment_read = f"{at.time:08x}{at.inc:08x}" if at else _NOW
        return [_read(document, moment_read) for document in told["firstBatch"]]

    def row(self, user_id: str) -> Conversation | None:
        """Return the conversation with one user; None where nobody has written in it."""
        of_user = self._collection.find(self._tenant | {"metadata.userId": user_id}, _ROW)
        with translated():
            documents = hinted(
                of_chats(self._collection, OF_USER),
                lambda index: of_user.clone().sort("createdAt", DESCENDING).hint(index).to_list(1),
            )
        return next((_read(document, _NOW) for document in documents if moment(document, "lastMessageAt")), None)


def _read(document: Document, read_at: str) -> Conversation:
    """Return a row. Where chats end and begin, the newest message may stand in the chat before the newest."""
    chat = read_chat(document | {"messages": []})
    newest = max(read_messages(document), key=lambda one: (one.created_at, one.id), default=None)
    written_at = moment(document, "lastMessageAt") or _NEVER
    return Conversation(
        chat=chat,
        last=(chat, newest) if newest else None,
        unanswered=document["unanswered"],
        updated_at=moment(document, "updatedAt") or written_at,
        position=f"{position_at(written_at, str(document['_id']))}.{read_at}",
    )
