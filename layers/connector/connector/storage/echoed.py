"""Assigning mids to outgoing messages by their echoes.

Until Meta has answered a send, an echo is matched by its content. The answer then confirms or corrects the match.
"""

from collections.abc import Callable
from datetime import datetime

from pymongo.collection import Collection as Documents

from connector.chat import SEND_UNKNOWN, Message, MessageStatus, Role
from connector.echoes import Echo, is_alike, settled_by
from connector.errors import OutcomeUnknown
from connector.storage.documents import read_message, read_messages
from connector.storage.entries import Entries
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.storage.pauses import without_pause
from connector.storage.stored import part, text
from connector.tenancy import Tenant

UNSETTLED = [MessageStatus.SENDING.value, MessageStatus.UNKNOWN.value]
_RACES = 5  # lost before giving up
_OUR_ROLES = [Role.AGENT.value, Role.HUMAN.value]


class Echoed(TenantChats):
    """The mids of one tenant's outgoing messages."""

    def __init__(self, collection: Documents[Document], tenant: Tenant, clock: Callable[[], datetime]) -> None:
        super().__init__(collection, tenant)
        self._entries = Entries(collection, tenant)
        self._clock = clock

    def attach(self, user_id: str, echo: Echo) -> bool:
        """Record the delivery of the message that an echo belongs to (`connector/echoes.py`). Return False if none.

        That is the message with this mid, else one without a known mid and with the same content. An echo of a message
        that was sent again by mistake also counts as known.
        """
        # Between the two, the answer to the send may have come and been recorded: hence a third look.
        settled = self._deliver(echo.mid) or self._deliver_unsettled(user_id, echo) or self._deliver(echo.mid)
        return settled or self._is_double(user_id, echo)

    def correct(self, message: Message, mid: str) -> None:
        """Assign a mid to the message that Meta has named in its answer, and to no other."""
        bearers = self._bearers(mid)
        if message.key in bearers or self._exchange_mid(message, mid):
            self._correct(message.key, bearers - {message.key})

    def take_back(self, mid: str) -> None:
        """Remove a stored echo if an outgoing message has received its mid meanwhile."""
        bearers = self._bearers(mid)
        if ours := next((key for key in sorted(bearers) if key != f"mid:{mid}"), None):
            self._correct(ours, bearers - {ours})

    def _deliver(self, mid: str) -> bool:
        with translated():
            known = self._collection.update_one(
                self._tenant | {"messages": {"$elemMatch": {"mid": mid, "role": {"$in": _OUR_ROLES}}}},
                {"$set": {"messages.$[m].status": MessageStatus.DELIVERED.value}},
                array_filters=[{"m.mid": mid, "m.status": MessageStatus.SENT.value}],
            )
        return known.matched_count == 1

    def _deliver_unsettled(self, user_id: str, echo: Echo) -> bool:
        unsettled = {"mid": None, "status": {"$in": UNSETTLED}}
        for _ in range(_RACES):
            message = settled_by(echo, self._of_user(user_id, unsettled))
            if message is None:
                return False
            # If another writer was faster, it may have recorded the answer, with this mid.
            if self._deliver_one(message, echo.mid, unsettled) or self._deliver(echo.mid):
                return True
        return False

    def _deliver_one(self, message: Message, mid: str, unsettled: Document) -> bool:
        delivered = {"mid": mid, "status": MessageStatus.DELIVERED.value, "error": None}
        with translated():
            chat = self._collection.find_one_and_update(
                self._tenant | holding({"key": message.key} | unsettled) | {"messages.mid": {"$ne": mid}},
                {
                    "$set": {f"messages.$.{name}": value for name, value in delivered.items()}
                    | {"updatedAt": self._clock()}
                },
                {"_id": 1},
            )
            if chat and message.turn_id:
                # Its turn may have been given up meanwhile, for want of exactly this proof.
                self._collection.update_one(
                    {"_id": chat["_id"]},
                    {
                        "$set": {
                            "messages.$[asked].status": MessageStatus.ANSWERED.value,
                            "messages.$[asked].error": None,
                        }
                    },
                    array_filters=[{"asked.turnId": message.turn_id, "asked.error.code": SEND_UNKNOWN}],
                )
        return chat is not None

    def _is_double(self, user_id: str, echo: Echo) -> bool:
        return any(is_alike(echo, message) for message in self._of_user(user_id, {"absentAt": {"$ne": None}}))

    def _of_user(self, user_id: str, wanted: Document) -> list[Message]:
        """Return the messages to a user that have these fields, from all their chats."""
        ours = wanted | {"role": {"$in": _OUR_ROLES}}
        pipeline: list[Document] = [
            {"$match": self._tenant | {"metadata.userId": user_id, "messages": {"$elemMatch": ours}}},
            {"$unwind": "$messages"},
            {"$match": {f"messages.{name}": value for name, value in ours.items()}},
            {"$replaceRoot": {"newRoot": "$messages"}},
        ]
        with translated():
            return [*filter(None, map(read_message, self._collection.aggregate(pipeline)))]

    def _bearers(self, mid: str) -> set[str]:
        """Return the keys of the business's messages that have this mid."""
        bearing = {"$filter": {"input": "$messages", "cond": {"$eq": ["$$this.mid", mid]}}}
        with translated():
            chats = self._collection.find(self._tenant | {"messages.mid": mid}, {"messages": bearing}).to_list()
        return {one["key"] for chat in chats for one in chat["messages"] if one["role"] in _OUR_ROLES}

    def _correct(self, key: str, others: set[str]) -> None:
        """Take a mid away from all other messages. If there are any, the echo of this one has arrived."""
        for other in others:
            if other.startswith("mid:"):
                self._remove_echo(other)
            else:
                lost = {"mid": None, "status": MessageStatus.UNKNOWN.value, "error": {"code": OutcomeUnknown.code}}
                self._set({"key": other}, lost)
        if others:
            self._set({"key": key, "status": MessageStatus.SENT.value}, {"status": MessageStatus.DELIVERED.value})

    def _exchange_mid(self, message: Message, mid: str) -> bool:
        """Correct the mid of a message, and match the echo of the wrong mid again."""
        delivered = {"$in": [MessageStatus.DELIVERED.value, MessageStatus.READ.value]}
        mistaken = {"key": message.key, "mid": {"$nin": [None, mid]}, "status": delivered}
        with translated():
            chat = self._collection.find_one_and_update(
                self._tenant | holding(mistaken),
                {"$set": {"messages.$.mid": mid}},
                {"metadata.userId": 1, "messages": {"$elemMatch": {"key": message.key}}},
            )
        for was in read_messages(chat or {}):
            echo = Echo(was.mid or "", was.text, was.attachments, was.sending_at or was.created_at)
            self._deliver_unsettled(text(part(chat or {}, "metadata"), "userId") or "", echo)
        return chat is not None

    def _remove_echo(self, key: str) -> None:
        """Remove a stored echo and the pause that it set. Other pauses remain."""
        with translated():
            chat = self._collection.find_one(
                self._tenant | holding({"key": key}), {"messages": {"$elemMatch": {"key": key}}}
            )
            if chat is None:
                return
            self._collection.update_one(
                {"_id": chat["_id"]},
                [
                    {"$set": {"messages": {"$filter": {"input": "$messages", "cond": {"$ne": ["$$this.key", key]}}}}},
                    {"$set": {"pausedUntil": without_pause(chat["messages"][0].get("pausesUntil"))}},
                ],
            )
        self._entries.remove(key)

    def _set(self, message: Document, fields: Document) -> None:
        with translated():
            self._collection.update_one(
                self._tenant | holding(message),
                {
                    "$set": {f"messages.$.{name}": value for name, value in fields.items()}
                    | {"updatedAt": self._clock()}
                },
            )


def holding(message: Document) -> Document:
    """Match the chat that holds this message. `$elemMatch` alone would not find it by the index of keys."""
    return {"messages.key": message["key"], "messages": {"$elemMatch": message}}
