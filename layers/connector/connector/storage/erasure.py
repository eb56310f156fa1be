"""Deleting what is stored of people: their chats, the entries of their messages, and what was kept beside them.

It goes in small steps, each of which can be done again: what has been deleted is not found any more, so whoever carries
on begins anew. Only what happened until a deletion was asked for is deleted. A chat that holds something newer is left
with that, as if it had begun then.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import batched

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from connector.chat import FINAL_STATES, MessageStatus, Role
from connector.deletions import SETTLED, Part
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.entries import position_at
from connector.storage.indexes import MESSAGES, OF_USER, hinted, of_chats
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import concerning
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import WRITER, ours
from connector.storage.stored import moment, parts, text
from connector.storage.stored import part as stored_part
from connector.storage.succession import FORMER_SESSIONS
from connector.tenancy import Tenant

_CHATS_AT_ONCE = 50  # of up to 500 messages
_ENTRIES_AT_ONCE = 1000
_LONGEST_SESSION = 256  # characters; Retell's ids have 37

_NEWEST: Document = {
    "$max": {
        "$map": {
            "input": {"$filter": {"input": MESSAGES, "cond": {"$eq": [{"$type": "$$this.createdAt"}, "date"]}}},
            "in": "$$this.createdAt",
        }
    }
}
_MILLISECOND = timedelta(milliseconds=1)
_OF_TURN = ("turn", "chatId", "questions")
_FINAL = {state.value for state in FINAL_STATES}


class _TimeIsOver(Exception):
    """Raised between two steps, to go on another time."""


class Erasure:
    """What is stored of all tenants' conversations, to be deleted."""

    def __init__(self, chats: Collection[Document]) -> None:
        """Delete from `chats`, and from what stands beside it."""
        self._chats = chats
        self._entries: Collection[Document] = chats.database[ENTRIES]
        self._events: Collection[Document] = chats.database[KEPT_EVENTS]

    def tenants_of(self, user_id: str) -> Sequence[Tenant]:
        """Return the tenants that have anything of a customer's."""
        named: Document = {name: {"$type": "string"} for name in ("subaccountId", "agentId")}
        whose = {"_id": {"subaccountId": "$subaccountId", "agentId": "$agentId"}}
        with translated():
            found = [
                one["_id"]
                for collection, wanted in (
                    (self._chats, ours(self._chats) | {"metadata.userId": user_id}),
                    (self._events, concerning([user_id])),
                )
                for one in collection.aggregate([{"$match": wanted | named}, {"$group": whose}])
            ]
        return [*dict.fromkeys(Tenant(one["subaccountId"], one["agentId"]) for one in found)]

    def erase(
        self, part: Part, asked_at: datetime, note_sessions: Callable[[Sequence[str]], None], *, seconds: float
    ) -> bool:
        """Delete what a part names, for about so long. Returns whether all of it is gone.

        `note_sessions` is given the agent's sessions of some chats before these are deleted.
        """
        deadline = time.monotonic() + seconds
        try:
            with translated():
                self._erase_chats(part, asked_at, note_sessions, deadline)
                self._erase_rest(part, asked_at, deadline)
        except _TimeIsOver:
            return False
        return True

    def sweep(self, part: Part, asked_at: datetime) -> None:
        """Delete the entries of answers that were being written when their chat was deleted. Only once all is settled.

        An answer is entered before it is stored: a worker that finds its chat gone stops there.
        """
        tenant = _tenant(part)
        late = {"$gte": _after(asked_at), "$lt": _after(asked_at + SETTLED)}
        user = {"userId": part.user_id} if part.user_id else {}
        with translated():
            wanted = tenant | user | {"role": Role.AGENT.value, "position": late}
            for some in batched(self._entries.find(wanted, {"_id": 1}), _ENTRIES_AT_ONCE, strict=False):
                keys = {one["_id"]: one["_id"].removeprefix(f"{part.tenant}/") for one in some}
                told = {"messages.key": {"$in": list(keys.values())}}
                stored = {
                    message.get("key")
                    for chat in self._chats.find(tenant | ours(self._chats) | told, {"messages.key": 1})
                    for message in parts(chat, "messages")
                }
                orphans = [one for one, key in keys.items() if key not in stored]
                self._entries.delete_many({"_id": {"$in": orphans}})

    def _erase_chats(
        self, part: Part, asked_at: datetime, note_sessions: Callable[[Sequence[str]], None], deadline: float
    ) -> None:
        before = {"$lte": asked_at}
        wanted = _chats_of(part) | ours(self._chats) | {"$or": [{"createdAt": before}, {"messages.createdAt": before}]}
        told = {"metadata.userId": 1, "newest": _NEWEST, "chatId": 1, FORMER_SESSIONS: 1}
        # MongoDB may have found another index good enough while there was little, and stick to it.
        first = self._chats.find(wanted, told).limit(_CHATS_AT_ONCE)
        index = of_chats(self._chats, OF_USER)
        while found := hinted(index, lambda index: first.clone().hint(index).to_list()):
            note_sessions([session for one in found for session in _sessions(one)])
            # Before the chats, by which they are found. What the platform has put there may name no user.
            users = [user_id for one in found if (user_id := text(stored_part(one, "metadata"), "userId"))]
            self._erase_beside(part, asked_at, deadline, users)
            times = {one["_id"]: moment(one, "newest") for one in found}
            old = [chat_id for chat_id, newest in times.items() if newest is None or newest <= asked_at]
            newer = {"messages": {"$elemMatch": {"createdAt": {"$gt": asked_at}}}}
            # A chat whose session has changed since it was read is found again, and the new session noted.
            as_noted = {one["_id"]: {"_id": one["_id"]} | _session_of(one) for one in found}
            deleted = {"$or": [as_noted[one] for one in old], "$nor": [newer]}
            if old:
                self._chats.delete_many(deleted | ours(self._chats))
            for chat_id, this in as_noted.items():
                if chat_id not in old:
                    self._begin_anew(this, asked_at)
            _require_time(deadline)

    def _erase_rest(self, part: Part, asked_at: datetime, deadline: float) -> None:
        """Delete what belongs to no chat: whatever was to be stored with it was not."""
        tenant, happened = _tenant(part), {"at": {"$not": {"$gt": asked_at}}}
        if part.user_id is not None:
            self._erase_beside(part, asked_at, deadline, [part.user_id])
            return
        account = {"accountId": part.account_id} if part.account_id else {}
        self._drain(self._events, tenant | account | happened, deadline)
        if self._chats.find_one(tenant | ours(self._chats) | {"createdAt": {"$lte": asked_at}}, {"_id": 1}) is None:
            self._drain(self._entries, tenant | _entered(asked_at), deadline)

    def _erase_beside(self, part: Part, asked_at: datetime, deadline: float, user_ids: Sequence[str]) -> None:
        theirs = _tenant(part) | {"userId": {"$in": list(user_ids)}}
        self._drain(self._entries, theirs | _entered(asked_at), deadline)
        # One without a time that can be compared is deleted too.
        happened = {"at": {"$not": {"$gt": asked_at}}}
        self._drain(self._events, _tenant(part) | concerning(user_ids) | happened, deadline)

    def _drain(self, collection: Collection[Document], wanted: Document, deadline: float) -> None:
        while some := collection.find(wanted, {"_id": 1}).limit(_ENTRIES_AT_ONCE).to_list():
            collection.delete_many({"_id": {"$in": [one["_id"] for one in some]}})
            _require_time(deadline)

    def _begin_anew(self, this: Document, asked_at: datetime) -> None:
        """Leave a chat with what happened after the deletion was asked for; without any of that, delete it."""

        def change(session: ClientSession) -> None:
            chat = self._chats.find_one(ours(self._chats) | this, session=session)
            if chat is None:
                return
            if anew := _anew(chat, asked_at):
                self._chats.update_one({"_id": chat["_id"]}, {"$set": anew}, session=session)
            else:
                self._chats.delete_one({"_id": chat["_id"]}, session=session)

        with self._chats.database.client.start_session() as session:
            session.with_transaction(change)


def _anew(chat: Document, asked_at: datetime) -> Document | None:
    """Return the fields of a chat that begins after a deletion was asked for; None where nothing was said since.

    An answer to what was said before is deleted with that.
    """
    said = [(at, one) for one in parts(chat, "messages") if (at := moment(one, "createdAt"))]
    deleted = {turn_id for at, one in said if at <= asked_at and (turn_id := text(one, "turnId"))}
    newer = [
        one | ({"turnId": None} if text(one, "turnId") in deleted else {})
        for at, one in said
        if at > asked_at and not (one.get("role") == Role.AGENT.value and text(one, "turnId") in deleted)
    ]
    if not newer:
        return None
    turn, metadata, last = stored_part(chat, "turn"), stored_part(chat, "metadata"), newer[-1]["createdAt"]
    goes_on = bool(turn) and text(turn, "state") not in _FINAL and text(turn, "id") not in deleted
    users = [one["createdAt"] for one in newer if one.get("role") == Role.USER.value]
    waits = chat.get("status") == "ongoing" and any(one.get("status") == MessageStatus.RECEIVED.value for one in newer)
    kept = {name: metadata.get(name) for name in ("channel", "userId", "instagramAccountId")} | {"storedBy": WRITER}
    for name in ("referral", "opting"):
        since = moment(stored_part(metadata, name), "at")
        kept |= {name: metadata[name]} if since is not None and since > asked_at else {}
    return ({} if goes_on else dict.fromkeys(_OF_TURN)) | {
        "metadata": kept,
        "messages": newer,
        "createdAt": newer[0]["createdAt"],
        "lastMessageAt": last,
        "lastUserMessageAt": max(users, default=None),
        "windowOpenedAt": max(users, default=None),
        "pausedUntil": None,
        "pauseRequestedUntil": None,
        "pausedBecause": None,
        "wakeAt": last if waits else None,
    }


def _sessions(chat: Document) -> list[str]:
    """Return the agent's sessions that a chat names: its own, and those that it has given up."""
    former = chat.get(FORMER_SESSIONS)
    named = [chat.get("chatId"), *(former if isinstance(former, list) else ())]
    return [one for one in named if isinstance(one, str) and 0 < len(one) <= _LONGEST_SESSION]


def _session_of(chat: Document) -> Document:
    """Return the condition that a chat still has this session. A value of another type sets no condition."""
    session = chat.get("chatId")
    return {"chatId": session} if session is None or isinstance(session, str) else {}


def _tenant(part: Part) -> Document:
    return {"subaccountId": part.tenant.subaccount_id, "agentId": part.tenant.agent_id}


def _chats_of(part: Part) -> Document:
    whose = {"metadata.userId": part.user_id, "metadata.instagramAccountId": part.account_id}
    return _tenant(part) | {name: one for name, one in whose.items() if one is not None}


def _after(moment: datetime) -> str:
    """Return the position that is above all of a moment's."""
    return position_at(moment + _MILLISECOND, "")


def _entered(asked_at: datetime) -> Document:
    return {"position": {"$lt": _after(asked_at)}}


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise _TimeIsOver
