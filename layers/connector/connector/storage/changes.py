"""What customers do to messages that stand: edit, take back, react, see."""

from collections.abc import Callable
from datetime import datetime

from pymongo.collection import Collection

from connector.chat import MessageStatus, Role
from connector.storage.documents import now
from connector.storage.entries import Entries
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.tenancy import Tenant


class Changes(TenantChats):
    """The changes to one tenant's messages."""

    def __init__(self, collection: Collection[Document], tenant: Tenant, clock: Callable[[], datetime] = now) -> None:
        super().__init__(collection, tenant)
        self._entries = Entries(collection, tenant)
        self._clock = clock

    def edit(self, mid: str, text: str, at: datetime) -> bool:
        """Replace the text of a customer's message by a newer one. Returns whether the message is known."""
        is_known = self._change(
            {"mid": mid, "role": Role.USER},
            {"text": text, "editedAt": at},
            unless={"$or": [{"editedAt": {"$gte": at}}, {"deletedAt": {"$ne": None}}]},
        )
        return is_known and self._reword(mid, text, at)

    def unsend(self, mid: str, at: datetime) -> bool:
        """Remove what a taken-back message said, and keep that it was there. Returns whether it is known."""
        gone: Document = dict.fromkeys(("text", "content", "replyTo", "postback", "referral")) | {
            "attachments": [],
            "deletedAt": at,
        }
        return self._change({"mid": mid}, gone) and self._reword(mid, None, at)

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
            unread = {"status": {"$in": sent}, "createdAt": {"$lte": chat["messages"][0]["createdAt"]}}
            read = {"messages.$[m].status": MessageStatus.READ.value, "messages.$[m].readAt": at}
            self._collection.update_one(
                self._tenant | {"_id": chat["_id"], "messages": {"$elemMatch": unread}},
                {"$set": read | {"updatedAt": self._clock()}},
                array_filters=[{f"m.{name}": value for name, value in unread.items()}],
            )
        return True

    def opt(self, user_id: str, at: datetime, *, out: bool) -> None:
        """Record that the user takes back (`out`) or gives again the leave to write to them, unless they did later."""
        ongoing = self._tenant | {"metadata.userId": user_id, "status": "ongoing"}
        earlier = [{"metadata.opting": None}, {"metadata.opting.at": {"$lt": at}}]
        with translated():
            self._collection.update_one(
                ongoing | {"$or": earlier},
                {"$set": {"metadata.opting": {"out": out, "at": at}, "updatedAt": self._clock()}},
            )

    def _reword(self, mid: str, text: str | None, at: datetime) -> bool:
        """Let a message be found by its new words. Done also where it has changed before: its writer may have died."""
        with translated():
            chat = self._collection.find_one(
                self._tenant | {"messages.mid": mid}, {"messages": {"$elemMatch": {"mid": mid}}}
            )
        if chat is not None:
            self._entries.reword(chat["messages"][0]["key"], text, at)
        return True

    def _change(self, message: Document, fields: Document, *, unless: Document | None = None) -> bool:
        """Set fields of the one message that matches. Returns whether there is one, changed or not."""
        positional = {f"messages.$.{name}": value for name, value in fields.items()}
        match: Document = {"$elemMatch": message | ({"$nor": [unless]} if unless else {})}
        for _ in range(2):  # the message may be stored between a look and the next
            with translated():
                changed = self._collection.update_one(
                    self._tenant | {"messages": match}, {"$set": positional | {"updatedAt": self._clock()}}
                )
                if changed.matched_count:
                    return True
                known = self._collection.find_one(self._tenant | {"messages": {"$elemMatch": message}}, {"_id": 1})
            if known is None:
                return False
        return True
