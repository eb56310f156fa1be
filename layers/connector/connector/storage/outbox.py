"""What we send, from stored to seen. It is stored before it is sent, so that a lost answer loses no record of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.collection import Collection as Documents

from connector.chat import SEND_UNKNOWN, Chat, Message, MessageStatus, Role, claimed
from connector.storage.documents import now
from connector.storage.entries import Entries
from connector.storage.indexes import OURS
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

_OUR_ROLES = [Role.AGENT.value, Role.HUMAN.value]


class Outbox:
    """The outgoing messages of one tenant's chats."""

    def __init__(self, collection: Documents[Document], tenant: Tenant, clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._entries = Entries(collection, tenant)
        self._clock = clock
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} | OURS

    def begin_sending(self, message: Message, *, chat: Chat | None = None) -> bool:
        """Record that a message is about to be sent. Only one caller is ever told True for it.

        With `chat`, the message is part of a turn: the turn must still be this worker's, no person may have taken over,
        and the customer may not have opted out. The write that releases the message checks it.
        """
        fence: Document = {}
        moment = self._clock()
        if chat is not None:
            turn = claimed(chat)
            awake = [{"pausedUntil": None}, {"pausedUntil": {"$lte": moment}}]
            fence = {"turn.id": turn.id, "turn.fence": turn.fence, "$or": awake, "metadata.opting.out": {"$ne": True}}
        pending = {"key": message.key, "status": MessageStatus.PENDING.value}
        with translated():
            return (
                self._collection.update_one(
                    self._tenant | fence | _holding(pending),
                    {
                        "$set": {
                            "messages.$.status": MessageStatus.SENDING.value,
                            "messages.$.sendingAt": moment,
                            "updatedAt": moment,
                        }
                    },
                ).matched_count
                == 1
            )

    def record_sent(self, message: Message, mid: str) -> None:
        """Record the mid that Meta gave. An echo may have been faster; then there is nothing left to record.

        Or it was faster and said something else than we sent, since Instagram had changed the text; then it was taken
        for a person's, and this takes that back.
        """
        unsettled = [MessageStatus.SENDING.value, MessageStatus.UNKNOWN.value]
        self._settle(message, unsettled, {"mid": mid, "status": MessageStatus.SENT.value, "error": None})
        mistaken = {"key": f"mid:{mid}", "role": Role.HUMAN.value}
        with translated():
            pulled = self._collection.update_one(
                self._tenant | _holding(mistaken),
                {"$pull": {"messages": mistaken}, "$set": {"pausedUntil": None}},
            )
        if pulled.matched_count:
            self._entries.remove(f"mid:{mid}")

    def record_unsent(self, message: Message, status: MessageStatus, error: Mapping[str, Any] | None) -> None:
        """Record that a send failed, is unknown, or (PENDING) was not made and waits again."""
        self._settle(message, [MessageStatus.SENDING.value], {"status": status.value, "error": error})

    def record_refused(self, message: Message, error: Mapping[str, Any]) -> None:
        """Record that a message must not be sent."""
        self._settle(message, [MessageStatus.PENDING.value], {"status": MessageStatus.FAILED.value, "error": error})

    def reopen(self, message: Message) -> None:
        """Let a message that failed for the moment wait to be sent again."""
        self._settle(message, [MessageStatus.FAILED.value], {"status": MessageStatus.PENDING.value, "error": None})

    def record_absent(self, message: Message) -> None:
        """Record the proof that a message whose answer was lost has not reached Meta: it waits to be sent again.

        The proof may have come too soon: Meta may be slow, or a worker that was taken for dead. Then it comes twice.
        """
        lost = [MessageStatus.SENDING.value, MessageStatus.UNKNOWN.value]
        again = {"status": MessageStatus.PENDING.value, "error": None, "absentAt": self._clock()}
        self._settle(message, lost, again)

    def known(self, mids: Collection[str]) -> Collection[str]:
        """Return those of these mids that stored messages have, in whichever chat they stand."""
        wanted = list(mids)
        with translated():
            chats = self._collection.find(
                self._tenant | {"messages.mid": {"$in": wanted}},
                {"known": {"$setIntersection": ["$messages.mid", wanted]}},
            ).to_list()
        return {mid for chat in chats for mid in chat["known"]}

    def attach_echo(self, user_id: str, mid: str, text: str | None) -> bool:
        """Settle the message of ours that an echo is about, if it is one.

        Ours is what has this mid, or what is being sent, or was lost on the way, and says the same; and what says the
        same as a message that was sent again, since it is its double.
        """
        # Between the two, the answer to the send may have come and been recorded: hence a third look.
        settled = self._deliver(mid) or self._deliver_unsettled(user_id, mid, text) or self._deliver(mid)
        return settled or self._is_double(user_id, text)

    def _deliver(self, mid: str) -> bool:
        with translated():
            known = self._collection.update_one(
                self._tenant | {"messages": {"$elemMatch": {"mid": mid, "role": {"$in": _OUR_ROLES}}}},
                {"$set": {"messages.$[m].status": MessageStatus.DELIVERED.value}},
                array_filters=[{"m.mid": mid, "m.status": MessageStatus.SENT.value}],
            )
        return known.matched_count == 1

    def _deliver_unsettled(self, user_id: str, mid: str, text: str | None) -> bool:
        unsettled = {
            "mid": None,
            "text": text,
            "status": {"$in": [MessageStatus.SENDING.value, MessageStatus.UNKNOWN.value]},
        }
        delivered = {"mid": mid, "status": MessageStatus.DELIVERED.value, "error": None}
        with translated():
            chat = self._collection.find_one_and_update(
                self._tenant | {"metadata.userId": user_id, "messages": {"$elemMatch": unsettled}},
                {
                    "$set": {f"messages.$.{name}": value for name, value in delivered.items()}
                    | {"updatedAt": self._clock()}
                },
                projection={"messages": {"$elemMatch": {"mid": mid}}},
                return_document=ReturnDocument.AFTER,
            )
            if chat and (turn_id := chat["messages"][0]["turnId"]):
                # Its turn may have been given up meanwhile, for want of exactly this proof.
                self._collection.update_one(
                    {"_id": chat["_id"]},
                    {
                        "$set": {
                            "messages.$[asked].status": MessageStatus.ANSWERED.value,
                            "messages.$[asked].error": None,
                        }
                    },
                    array_filters=[{"asked.turnId": turn_id, "asked.error.code": SEND_UNKNOWN}],
                )
        return chat is not None

    def _is_double(self, user_id: str, text: str | None) -> bool:
        sent_again = {"text": text, "absentAt": {"$ne": None}}
        with translated():
            found = self._collection.find_one(
                self._tenant | {"metadata.userId": user_id, "messages": {"$elemMatch": sent_again}}, {"_id": 1}
            )
        return found is not None

    def _settle(self, message: Message, from_statuses: Sequence[str], fields: Document) -> None:
        with translated():
            self._collection.update_one(
                self._tenant | _holding({"key": message.key, "status": {"$in": list(from_statuses)}}),
                {
                    "$set": {f"messages.$.{name}": value for name, value in fields.items()}
                    | {"updatedAt": self._clock()}
                },
            )


def _holding(message: Document) -> Document:
    """Match the chat that holds this message. `$elemMatch` alone would not find it by the index of keys."""
    return {"messages.key": message["key"], "messages": {"$elemMatch": message}}
