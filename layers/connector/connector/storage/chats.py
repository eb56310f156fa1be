"""The platform's `chats` collection, as far as it is ours: the documents that bear our mark (`storage/ownership.py`).

One document is one session of one user with one agent. A message is unique by tenant and `key`: the `$ne` in the
filter guards inside a document, a unique multikey index guards across documents. Every query names the tenant.
A message is entered into the list of all messages before it is stored (`storage/entries.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from connector.chat import FINAL_STATES, LATE, MAX_MESSAGES, OTHER_APP, Chat, Message, MessageStatus, Person, Role
from connector.storage.documents import now, read_chat, read_messages, write_message
from connector.storage.entries import Entries, expiry
from connector.storage.mongodb import Document, TooLarge, translated
from connector.storage.ownership import TenantChats
from connector.storage.pauses import by_echo, requested, resumed
from connector.storage.succession import ended, open_next, roll_over
from connector.tenancy import Tenant

_RACES = 5  # lost before giving up; each loss means that another writer ended the chat just then
_FULL = "full"
_MOST_BYTES = 8 * 1024 * 1024  # half of what MongoDB takes: what is stored of a message afterwards needs room too
_RESTS = {"$or": [{"turn": None}, {"turn.state": {"$in": [state.value for state in FINAL_STATES]}}]}


class Chats(TenantChats):
    """The Instagram chats of one tenant."""

    def __init__(
        self,
        collection: Collection[Document],
        tenant: Tenant,
        clock: Callable[[], datetime] = now,
        most_messages: int = MAX_MESSAGES,
        keep_for: timedelta | None = None,
    ) -> None:
        super().__init__(collection, tenant)
        self._entries = Entries(collection, tenant, keep_for)
        self._keep_for = keep_for
        self._clock = clock
        self._has_room: Document = {
            f"messages.{most_messages - 1}": {"$exists": False},
            "$expr": {"$lt": [{"$bsonSize": "$$ROOT"}, _MOST_BYTES]},
        }

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
        paused_until: datetime | None = None,
    ) -> Message | None:
        """Store a message in the user's ongoing chat, which is opened where there is none or the last one is full.

        `turn_due_in` moves the time from which a turn may answer. `paused_until` silences the agent at least until
        then, in the same write: who comes again after a death finds the message, and takes all for done. Returns the
        message as stored, or None when it was stored before: nothing has changed then.
        """
        (message,) = self._entries.enter(user_id, message)
        update = self._addition(message, turn_due_in, paused_until)
        for _ in range(_RACES):
            try:
                if self._push(user_id, message, update, self._has_room):
                    return message
                if self.has(message.key):
                    return None
                if not self._open(user_id, account_id):
                    roll_over(
                        self._collection,
                        self._ongoing(user_id) | {"$nor": [self._has_room]} | _RESTS,
                        _FULL,
                        self._clock(),
                        keeps_session=True,
                    )
                # Where a worker is at a turn, or everything waits, the chat grows past its bound for once.
                if self._push(user_id, message, update, {}):
                    return message
            except DuplicateKeyError:
                return None  # it stands in a chat that has ended
            except TooLarge:
                self._close(user_id)
        raise AssertionError("a chat ended five times while a message was being stored")

    def _addition(self, message: Message, turn_due_in: timedelta | None, paused_until: datetime | None) -> Document:
        moment = self._clock()
        newest: Document = {"lastMessageAt": message.created_at}
        if message.role is Role.USER:
            newest |= {"lastUserMessageAt": message.created_at, "windowOpenedAt": message.created_at}
        fields: Document = {"updatedAt": moment} | expiry(moment, self._keep_for)
        if turn_due_in is not None:
            fields |= _due(moment + turn_due_in, message.key)
        if paused_until is not None:
            pause = by_echo(paused_until)
            newest |= pause["$max"]
            fields |= pause["$set"]
        written = write_message(message) | {"pausesUntil": paused_until}
        return {
            # `$sort` keeps the order of Meta's signed times; Meta promises no order of arrival.
            "$push": {"messages": {"$each": [written], "$sort": {"createdAt": 1}}},
            "$set": fields,
            "$max": newest,
        }

    def _push(self, user_id: str, message: Message, update: Document, room: Document) -> bool:
        with translated():
            pushed = self._collection.update_one(
                self._ongoing(user_id) | room | {"messages.key": {"$ne": message.key}}, update
            )
        return pushed.matched_count == 1

    def _open(self, user_id: str, account_id: str) -> bool:
        """Open a chat for the user, unless one is ongoing. Returns whether this did."""
        ongoing = self._ongoing(user_id)
        with translated():
            if self._collection.find_one(ongoing, {"_id": 1}):
                return False
        try:
            open_next(self._collection, ongoing, account_id, self._clock())
        except DuplicateKeyError:
            return False  # another writer was faster
        return True

    def _close(self, user_id: str) -> None:
        """End a chat that MongoDB lets grow no more. What waits in it says why it was not answered, if that fits."""
        named = {"status": MessageStatus.UNANSWERED.value, "error": {"code": "chat_full"}}
        waiting = {"waiting.role": Role.USER.value, "waiting.status": MessageStatus.RECEIVED.value}
        over = ended(_FULL, self._clock())
        left = {f"messages.$[waiting].{name}": value for name, value in named.items()}
        try:
            with translated():
                self._collection.update_one(self._ongoing(user_id), {"$set": over | left}, array_filters=[waiting])
        except TooLarge:
            fewer_bytes = {name: over[name] for name in ("status", "wakeAt")}
            with translated():
                self._collection.update_one(self._ongoing(user_id), {"$set": fewer_bytes})

    def pause(self, user_id: str, until: datetime, because: str) -> None:
        """Keep the agent silent in the user's ongoing chat, at least until then."""
        update = requested(until, because)
        update["$set"]["updatedAt"] = self._clock()
        with translated():
            self._collection.update_one(self._ongoing(user_id), update)

    def resume(self, user_id: str) -> bool:
        """Let the agent speak again in the user's ongoing chat. Returns whether there is one."""
        update, array_filters = resumed()
        update["$set"]["updatedAt"] = self._clock()
        with translated():
            found = self._collection.update_one(self._ongoing(user_id), update, array_filters=array_filters)
        return found.matched_count == 1

    def find(self, key: str) -> tuple[Chat, Message] | None:
        """Return a message, and the chat it stands in (which then holds no others)."""
        with translated():
            document = self._collection.find_one(
                self._tenant | {"messages.key": key},
                {"messages": {"$elemMatch": {"key": key}}, "metadata": 1, "chatId": 1, "pausedUntil": 1},
            )
        message = next(iter(read_messages(document or {})), None)
        return (read_chat({**document, "messages": []}), message) if document and message else None

    def refer(self, user_id: str, referral: Mapping[str, Any], at: datetime) -> bool:
        """Record what brought the customer here, unless something later has, and that it opens the window.

        Returns whether there is a chat for it.
        """
        earlier = [{"metadata.referral": None}, {"metadata.referral.at": {"$lt": at}}]
        with translated():
            found = self._collection.update_one(self._ongoing(user_id), {"$max": {"windowOpenedAt": at}})
            self._collection.update_one(
                self._ongoing(user_id) | {"$or": earlier},
                {"$set": {"metadata.referral": {**referral, "at": at}, "updatedAt": self._clock()}},
            )
        return found.matched_count == 1

    def note_control(self, user_id: str, at: datetime) -> bool:
        """Record when our app got control of the thread. Returns whether there is a chat."""
        with translated():
            noted = self._collection.update_one(self._ongoing(user_id), {"$max": {"controlAt": at}})
        return noted.matched_count == 1

    def reopen(self, user_id: str, keys: Sequence[str], *, turn_due_in: timedelta) -> None:
        """Let messages wait for an answer that were another app's to answer. They keep their error until then."""
        left = {"status": MessageStatus.UNANSWERED.value, "error.code": OTHER_APP, "key": {"$in": list(keys)}}
        moment = self._clock()
        waiting = {"messages.$[left].status": MessageStatus.RECEIVED.value, "messages.$[left].turnId": None}
        with translated():
            self._collection.update_one(
                self._ongoing(user_id) | {"messages": {"$elemMatch": left}},
                {"$set": waiting | _due(moment + turn_due_in, keys[-1]) | {"updatedAt": moment}},
                array_filters=[{f"left.{name}": value for name, value in left.items()}],
            )

    def describe(self, user_id: str, person: Person) -> None:
        """Record who the customer is."""
        fields = {"username": person.username, "name": person.name, "profileAt": person.seen_at}
        with translated():
            self._collection.update_one(
                self._ongoing(user_id),
                {"$set": {f"metadata.{name}": value for name, value in fields.items()} | {"updatedAt": self._clock()}},
            )

    def has(self, key: str) -> bool:
        """Return whether the message is stored."""
        with translated():
            return self._collection.find_one(self._tenant | {"messages.key": key}, {"_id": 1}) is not None

    def _ongoing(self, user_id: str) -> Document:
        return self._tenant | {"metadata.userId": user_id, "status": "ongoing"}


def _due(at: datetime, key: str) -> Document:
    """Return the fields of a chat of which a turn may answer the message `key` from then on."""
    return {"turnDueAt": at, "turnDueFor": key, "wakeAt": at + LATE}
