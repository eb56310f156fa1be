"""The platform's `chats` collection, as far as it is ours: documents whose `metadata.channel` is "instagram".

One document is one session of one user with one agent. A message is unique by tenant and `key`: the `$ne` in the
filter guards inside a document, a unique multikey index guards across documents. Every query names the tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from connector.chat import Chat, Message, MessageStatus, Role
from connector.storage.documents import now, read_chat, read_message, write_message
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

CHANNEL = "instagram"
OURS = {"metadata.channel": CHANNEL}

INDEXES = (
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("metadata.userId", ASCENDING)],
        name="instagram_one_ongoing_chat",
        unique=True,
        partialFilterExpression=OURS | {"status": "ongoing"},
    ),
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("messages.key", ASCENDING)],
        name="instagram_message_key",
        unique=True,
        partialFilterExpression=OURS,
    ),
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("lastMessageAt", DESCENDING)],
        name="instagram_newest",
        partialFilterExpression=OURS,
    ),
)

_RACES = 5  # lost upserts before giving up; each loss means another writer won


class Chats:
    """The Instagram chats of one tenant."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} | OURS

    def ensure_indexes(self) -> None:
        """Create the indexes that the guarantees rest on; those that stand already cost nothing."""
        with translated():
            self._collection.create_indexes(list(INDEXES))

    def ongoing(self, user_id: str) -> Chat | None:
        """Return the user's ongoing chat, if any."""
        with translated():
            document = self._collection.find_one(self._ongoing(user_id))
        return read_chat(document) if document else None

    def add(
        self,
        user_id: str,
        account_id: str,
        message: Message,
        *,
        turn_due_in: timedelta | None = None,
        referral: Mapping[str, Any] | None = None,
    ) -> Message | None:
        """Store a message in the user's ongoing chat, which is opened where there is none.

        `turn_due_in` moves the time from which a turn may answer. Returns the message as stored, or None when it was
        stored before: nothing has changed then.
        """
        message = replace(message, id=str(ObjectId()))
        moment = now()
        newest: Document = {"lastMessageAt": message.created_at}
        if message.role is Role.USER:
            newest["lastUserMessageAt"] = message.created_at
        update: Document = {
            # `$sort` keeps the order of Meta's signed times; Meta promises no order of arrival.
            "$push": {"messages": {"$each": [write_message(message)], "$sort": {"createdAt": 1}}},
            "$set": {"updatedAt": moment}
            | ({"turnDueAt": moment + turn_due_in, "turnDueFor": message.key} if turn_due_in is not None else {})
            | ({"metadata.referral": dict(referral)} if referral else {}),
            "$max": newest,
            "$setOnInsert": {
                "chatId": None,
                "metadata.instagramAccountId": account_id,
                "turn": None,
                "pausedUntil": None,
                "createdAt": moment,
            },
        }
        for _ in range(_RACES):
            try:
                with translated():
                    self._collection.update_one(
                        self._ongoing(user_id) | {"messages.key": {"$ne": message.key}}, update, upsert=True
                    )
            except DuplicateKeyError:
                # Either the message stands already, or another writer opened the chat first.
                if self.has(message.key):
                    return None
            else:
                return message
        raise AssertionError("an upsert lost five races although the chat is ongoing")

    def pause(self, user_id: str, until: datetime) -> None:
        """Keep the agent silent in the user's ongoing chat, at least until then."""
        with translated():
            self._collection.update_one(
                self._ongoing(user_id), {"$max": {"pausedUntil": until}, "$set": {"updatedAt": now()}}
            )

    def has(self, key: str) -> bool:
        """Return whether the message is stored."""
        with translated():
            return self._collection.find_one(self._tenant | {"messages.key": key}, {"_id": 1}) is not None

    def page(
        self, *, limit: int, before: tuple[datetime, str] | None = None, user_id: str | None = None
    ) -> Sequence[tuple[Chat, Message]]:
        """Return up to `limit` messages, newest first, each with its chat (which then holds no other messages).

        `before` is the (createdAt, id) of the last message seen. Equal times are common, hence the id.
        """
        older: Document = {}
        if before:
            created_at, message_id = before
            older = {
                "$or": [
                    {"messages.createdAt": {"$lt": created_at}},
                    {"messages.createdAt": created_at, "messages.id": {"$lt": message_id}},
                ]
            }
        mine = self._tenant | ({"metadata.userId": user_id} if user_id else {})
        with translated():
            documents = self._collection.aggregate(
                [
                    {"$match": mine},
                    {"$project": {"chatId": 1, "metadata": 1, "messages": 1}},
                    {"$unwind": "$messages"},
                    {"$match": older},
                    {"$sort": {"messages.createdAt": -1, "messages.id": -1}},
                    {"$limit": limit},
                ],
                allowDiskUse=True,
            ).to_list()
        return [(read_chat(document | {"messages": []}), read_message(document["messages"])) for document in documents]

    def edit(self, mid: str, text: str, at: datetime) -> bool:
        """Replace the text of a customer's message by a newer one. Returns whether the message is known."""
        return self._change(
            {"mid": mid, "role": Role.USER},
            {"text": text, "editedAt": at},
            unless={"$or": [{"editedAt": {"$gte": at}}, {"deletedAt": {"$ne": None}}]},
        )

    def unsend(self, mid: str, at: datetime) -> bool:
        """Remove what a taken-back message said, and keep that it was there. Returns whether it is known."""
        gone: Document = {"text": None, "attachments": [], "replyTo": None, "postback": None, "deletedAt": at}
        return self._change({"mid": mid}, gone)

    def react(self, mid: str, user_id: str, emoji: str | None, at: datetime) -> bool:
        """Set or take back the user's reaction to a message. Returns whether the message is known."""
        reactions = [{"userId": user_id, "emoji": emoji, "at": at}] if emoji else []
        return self._change({"mid": mid}, {"reactions": reactions, "reactedAt": at}, unless={"reactedAt": {"$gt": at}})

    def mark_read(self, user_id: str, mid: str, at: datetime) -> bool:
        """Mark what we sent, up to and with the message `mid`, as read. Returns whether that message is known."""
        with translated():
            chat = self._collection.find_one(
                self._tenant | {"metadata.userId": user_id, "messages.mid": mid}, {"messages.$": 1}
            )
            if chat is None:
                return False
            sent = [MessageStatus.SENT.value, MessageStatus.DELIVERED.value]
            self._collection.update_one(
                self._tenant | {"_id": chat["_id"]},
                {"$set": {"messages.$[m].status": MessageStatus.READ.value, "messages.$[m].readAt": at}},
                array_filters=[{"m.status": {"$in": sent}, "m.createdAt": {"$lte": chat["messages"][0]["createdAt"]}}],
            )
        return True

    def _change(self, message: Document, fields: Document, *, unless: Document | None = None) -> bool:
        """Set fields of the one message that matches. Returns whether there is one, changed or not."""
        positional = {f"messages.$.{name}": value for name, value in fields.items()}
        match: Document = {"$elemMatch": message | ({"$nor": [unless]} if unless else {})}
        for _ in range(2):  # the message may be stored between a look and the next
            with translated():
                changed = self._collection.update_one(
                    self._tenant | {"messages": match}, {"$set": positional | {"updatedAt": now()}}
                )
                if changed.matched_count:
                    return True
                known = self._collection.find_one(self._tenant | {"messages": {"$elemMatch": message}}, {"_id": 1})
            if known is None:
                return False
        return True

    def _ongoing(self, user_id: str) -> Document:
        return self._tenant | {"metadata.userId": user_id, "status": "ongoing"}
