"""What we send, from stored to seen. It is stored before it is sent, so that a lost answer loses no record of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo.collection import Collection as Documents

from connector.chat import SEND_UNKNOWN, Chat, Message, MessageStatus, claimed
from connector.echoes import Echo
from connector.storage.documents import now
from connector.storage.echoed import UNSETTLED, Echoed, holding
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.tenancy import Tenant


class Outbox(TenantChats):
    """The outgoing messages of one tenant's chats."""

    def __init__(self, collection: Documents[Document], tenant: Tenant, clock: Callable[[], datetime] = now) -> None:
        super().__init__(collection, tenant)
        self._echoed = Echoed(collection, tenant, clock)
        self._clock = clock

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
                    self._tenant | fence | holding(pending),
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
        """Record the mid from Meta's answer to the send, and correct the match of an echo that was faster.

        The echo may have been matched with another message of the same content, or stored as a person's message
        because Instagram had changed the text.
        """
        self.record_found(message, mid)
        self._echoed.correct(message, mid)

    def record_found(self, message: Message, mid: str) -> None:
        """Record the mid of a message whose answer was lost, and which was found in the customer's thread."""
        self._settle(message, UNSETTLED, {"mid": mid, "status": MessageStatus.SENT.value, "error": None})

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
        again = {"status": MessageStatus.PENDING.value, "error": None, "absentAt": self._clock()}
        self._settle(message, UNSETTLED, again)

    def record_unprovable(self, message: Message) -> None:
        """Record that Meta did not tell whether a message was sent. An echo may still settle it."""
        lost = {"status": MessageStatus.UNKNOWN.value, "error": {"code": SEND_UNKNOWN}}
        self._settle(message, UNSETTLED, lost)

    def is_to(self, user_id: str, key: str) -> bool:
        """Return whether a message is to this user."""
        with translated():
            found = self._collection.find_one(
                self._tenant | {"messages.key": key, "metadata.userId": user_id}, {"_id": 1}
            )
        return found is not None

    def known(self, mids: Collection[str]) -> Collection[str]:
        """Return those of these mids that stored messages have, in whichever chat they stand."""
        wanted = list(mids)
        with translated():
            chats = self._collection.find(
                self._tenant | {"messages.mid": {"$in": wanted}},
                {"known": {"$setIntersection": ["$messages.mid", wanted]}},
            ).to_list()
        return {mid for chat in chats for mid in chat["known"]}

    def has_sent(self, mid: str) -> bool:
        """Return whether Meta's answer to one of our sends named this mid, and no echo has come yet."""
        sent = {"mid": mid, "status": MessageStatus.SENT.value}
        with translated():
            found = self._collection.find_one(
                self._tenant | {"messages.mid": mid, "messages": {"$elemMatch": sent}}, {"_id": 1}
            )
        return found is not None

    def attach_echo(self, user_id: str, echo: Echo) -> bool:
        """Record the delivery of the message that an echo belongs to. See `Echoed.attach`."""
        return self._echoed.attach(user_id, echo)

    def take_back_echo(self, mid: str) -> None:
        """Remove a stored echo that belongs to an outgoing message. See `Echoed.take_back`."""
        self._echoed.take_back(mid)

    def _settle(self, message: Message, from_statuses: Sequence[str], fields: Document) -> None:
        with translated():
            self._collection.update_one(
                self._tenant | holding({"key": message.key, "status": {"$in": list(from_statuses)}}),
                {
                    "$set": {f"messages.$.{name}": value for name, value in fields.items()}
                    | {"updatedAt": self._clock()}
                },
            )
