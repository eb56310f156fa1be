"""What we send, from stored to seen. It is stored before it is sent, so that a lost answer loses no record of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.collection import Collection

from connector.chat import Chat, Message, MessageStatus, Role, claimed
from connector.storage.chats import OURS
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

_OUR_ROLES = [Role.AGENT.value, Role.HUMAN.value]


class Outbox:
    """The outgoing messages of one tenant's chats."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} | OURS

    def begin_sending(self, message: Message, *, chat: Chat | None = None) -> bool:
        """Record that a message is about to be sent. Only one caller is ever told True for it.

        With `chat`, the message is part of a turn: the turn must still be this worker's, and no person may have taken
        over. That is looked at in the same write that releases the message.
        """
        fence: Document = {}
        if chat is not None:
            turn = claimed(chat)
            awake = [{"pausedUntil": None}, {"pausedUntil": {"$lte": now()}}]
            fence = {"turn.id": turn.id, "turn.fence": turn.fence, "$or": awake}
        pending = {"key": message.key, "status": MessageStatus.PENDING.value}
        with translated():
            return (
                self._collection.update_one(
                    self._tenant | fence | {"messages": {"$elemMatch": pending}},
                    {"$set": {"messages.$.status": MessageStatus.SENDING.value, "updatedAt": now()}},
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
            self._collection.update_one(
                self._tenant | {"messages": {"$elemMatch": mistaken}},
                {"$pull": {"messages": mistaken}, "$set": {"pausedUntil": None}},
            )

    def record_unsent(self, message: Message, status: MessageStatus, error: Mapping[str, Any] | None) -> None:
        """Record that a send failed, is unknown, or (PENDING) was not made and waits again."""
        self._settle(message, [MessageStatus.SENDING.value], {"status": status.value, "error": error})

    def attach_echo(self, user_id: str, mid: str, text: str | None) -> bool:
        """Settle the message of ours that an echo is about, if it is one.

        Ours is what has this mid, or what is being sent, or was lost on the way, and says the same.
        """
        # Between the two, the answer to the send may have come and been recorded: hence a third look.
        return self._deliver(mid) or self._deliver_unsettled(user_id, mid, text) or self._deliver(mid)

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
            settled = self._collection.update_one(
                self._tenant | {"metadata.userId": user_id, "messages": {"$elemMatch": unsettled}},
                {"$set": {f"messages.$.{name}": value for name, value in delivered.items()}},
            )
        return settled.matched_count == 1

    def _settle(self, message: Message, from_statuses: Sequence[str], fields: Document) -> None:
        with translated():
            self._collection.update_one(
                self._tenant
                | {"messages": {"$elemMatch": {"key": message.key, "status": {"$in": list(from_statuses)}}}},
                {"$set": {f"messages.$.{name}": value for name, value in fields.items()} | {"updatedAt": now()}},
            )
