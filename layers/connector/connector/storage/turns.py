"""The state of turns, in the chat's own document.

A worker that claims a turn holds a lease with a fence. Every write of a turn filters on the turn's id and fence; where
nothing matches, another worker has taken over, and this one stops. The turn is found by its user, not by its document:
it may move on into the next one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.collection import Collection

from connector.chat import (
    FINAL_STATES,
    LATE,
    Chat,
    Message,
    Turn,
    TurnState,
    claimed,
)
from connector.ports.stores import Superseded
from connector.storage.documents import now, read_chat, write_message
from connector.storage.entries import Entries, expiry
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.storage.succession import WAITING, ended, roll_over
from connector.storage.turn_updates import ending, opening
from connector.tenancy import Tenant

_FINAL = [state.value for state in FINAL_STATES]
_NOTHING_WAITS = {"messages": {"$not": {"$elemMatch": WAITING}}}


class Turns(TenantChats):
    """The turns of one tenant's chats."""

    def __init__(
        self,
        collection: Collection[Document],
        tenant: Tenant,
        clock: Callable[[], datetime] = now,
        keep_for: timedelta | None = None,
    ) -> None:
        super().__init__(collection, tenant)
        self._entries = Entries(collection, tenant, keep_for)
        self._keep_for = keep_for
        self._clock = clock

    def claim(self, chat: Chat, *, generation: int, lease: timedelta) -> Chat | None:
        """Take up the chat's hanging turn, or else open one for all its unanswered messages.

        Returns the chat with the turn claimed, or None when it is not to be had now, or there is nothing to answer.
        """
        return self._resume(chat, lease) if chat.has_hanging_turn else self._open(chat, generation, lease)

    def _resume(self, chat: Chat, lease: timedelta) -> Chat | None:
        moment = self._clock()
        return self._take(
            self._ongoing(chat) | {"turn.state": {"$nin": _FINAL}, "turn.leaseUntil": {"$lte": moment}},
            {
                "$inc": {"turn.fence": 1, "turn.tries": 1},
                "$set": {"turn.leaseUntil": moment + lease, "wakeAt": moment + lease, "updatedAt": moment},
            },
        )

    def _open(self, chat: Chat, generation: int, lease: timedelta) -> Chat | None:
        moment = self._clock()
        turn = Turn(uuid4().hex, 1, TurnState.OPEN, moment + lease, generation, moment)
        update, array_filters = opening(turn, moment)
        return self._take(
            self._ongoing(chat)
            | {"$or": [{"turn": None}, {"turn.state": {"$in": _FINAL}}], "messages": {"$elemMatch": WAITING}},
            update,
            array_filters=array_filters,
        )

    def renew(self, chat: Chat, lease: timedelta) -> None:
        """Hold the turn for a lease from now on. A turn that was put off, or has ended, is not held.

        Raises:
            Superseded: the turn is no longer this worker's to hold.
        """
        until = self._clock() + lease
        held = {"turn.state": {"$nin": _FINAL}, "turn.tries": {"$gt": 0}}
        self._write(chat, {"$set": {"turn.leaseUntil": until, "wakeAt": until}}, held)

    def set_session(self, chat: Chat, chat_id: str) -> Chat:
        """Record a new session of the agent's for this chat.

        Raises:
            Superseded: another worker has the turn. (So says every method from here on.)
        """
        self._write(chat, {"$set": {"chatId": chat_id, "questions": 0}})
        return replace(chat, chat_id=chat_id, questions=0)

    def begin_asking(self, chat: Chat) -> Chat:
        """Record that the agent is about to be asked, and how many questions its session holds until now."""
        moment = self._clock()
        asking = {"state": TurnState.ASKING.value, "askedAt": moment, "askedAfter": chat.questions}
        self._write(chat, {"$set": {f"turn.{name}": value for name, value in asking.items()} | {"questions": None}})
        turn = replace(claimed(chat), state=TurnState.ASKING, asked_at=moment, asked_after=chat.questions)
        return replace(chat, turn=turn, questions=None)

    def take_back_asking(self, chat: Chat) -> Chat:
        """Record that the agent was certainly not asked."""
        turn = claimed(chat)
        self._write(chat, {"$set": {"turn.state": TurnState.OPEN.value, "questions": turn.asked_after}})
        return replace(chat, turn=replace(turn, state=TurnState.OPEN), questions=turn.asked_after)

    def give_up_session(self, chat: Chat) -> Chat:
        """Record that the session in which the agent was asked has vanished: a new one may be asked, once."""
        lost = {"turn.state": TurnState.OPEN.value, "turn.lostSession": True, "questions": None}
        self._write(chat, {"$set": lost})
        return replace(chat, turn=replace(claimed(chat), state=TurnState.OPEN, lost_session=True), questions=None)

    def set_questions(self, chat: Chat, questions: int | None) -> Chat:
        """Record how many questions the agent's session holds."""
        self._write(chat, {"$set": {"questions": questions}})
        return replace(chat, questions=questions)

    def store_answer(
        self, chat: Chat, parts: Sequence[Message], *, ends_chat: bool = False, reason: str | None = None
    ) -> Chat:
        """Store the answer, in parts to be sent, and with it the fact that the agent has answered.

        With a `reason` the parts are what is said in the agent's place, and the turn will have failed.
        """
        stored = self._entries.enter(chat.user_id, *parts)
        turn = claimed(chat)
        fields: Document = {
            "turn.state": TurnState.ANSWERED.value,
            "turn.endsChat": ends_chat,
            "turn.reason": reason,
        } | expiry(self._clock(), self._keep_for)
        questions = chat.questions
        if reason is None and turn.asked_after is not None:
            questions = fields["questions"] = turn.asked_after + 1
        update: Document = {"$set": fields}
        if stored:
            update["$push"] = {"messages": {"$each": [write_message(part) for part in stored]}}
            update["$max"] = {"lastMessageAt": stored[-1].created_at}
        self._write(chat, update)
        answered = replace(turn, state=TurnState.ANSWERED, ends_chat=ends_chat, reason=reason)
        return replace(chat, turn=answered, questions=questions, messages=(*chat.messages, *stored))

    def roll_over(self, chat: Chat, because: str, *, keeps_session: bool) -> Chat:
        """End the chat and go on with the turn in its successor."""
        ongoing = self._ongoing(chat)
        if not roll_over(self._collection, ongoing | _fence(chat), because, self._clock(), keeps_session=keeps_session):
            raise Superseded
        with translated():
            document = self._collection.find_one(ongoing | _fence(chat))
        if document is None:
            raise Superseded
        return read_chat(document)

    def put_off(self, chat: Chat, until: datetime, *, look_after: timedelta) -> None:
        """Give the turn back as it stands: nobody is to take it before `until`, the sweep `look_after` later.

        Raises:
            Superseded: another worker has it, or it has ended, and only the answer to that write was lost.
        """
        put_off = {"turn.leaseUntil": until, "turn.tries": 0, "wakeAt": until + look_after}
        self._write(chat, {"$set": put_off}, {"turn.state": {"$nin": _FINAL}})

    def finish(
        self, chat: Chat, state: TurnState, reason: str | None = None, *, end_chat_because: str | None = None
    ) -> bool:
        """End the turn, and with it the chat where a reason is given. Returns whether more is waiting to be answered.

        What was not sent will not be, what was being sent is unknown.
        """
        update, array_filters = ending(claimed(chat), state, reason)
        moment = self._clock()
        rest = {"wakeAt": None} | (ended(end_chat_because, moment) if end_chat_because else {})
        ongoing = self._ongoing(chat) | _fence(chat)
        with translated():
            if self._collection.update_one(
                ongoing | _NOTHING_WAITS, {"$set": update | rest | {"updatedAt": moment}}, array_filters=array_filters
            ).matched_count:
                return False
        self._write(chat, {"$set": update | {"wakeAt": moment + LATE}}, array_filters=array_filters)
        if end_chat_because:
            roll_over(self._collection, ongoing, end_chat_because, moment, keeps_session=False)
        return True

    def _write(
        self,
        chat: Chat,
        update: Document,
        where: Document | None = None,
        *,
        array_filters: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        update["$set"] |= {"updatedAt": self._clock()}
        filters = self._ongoing(chat) | _fence(chat) | (where or {})
        with translated():
            written = self._collection.update_one(filters, update, array_filters=array_filters)
        if not written.matched_count:
            raise Superseded

    def _take(
        self, filters: Document, update: Document, *, array_filters: Sequence[Mapping[str, Any]] | None = None
    ) -> Chat | None:
        with translated():
            document = self._collection.find_one_and_update(
                filters, update, array_filters=array_filters, return_document=ReturnDocument.AFTER
            )
        return read_chat(document) if document else None

    def _ongoing(self, chat: Chat) -> Document:
        return self._tenant | {"metadata.userId": chat.user_id, "status": "ongoing"}


def _fence(chat: Chat) -> Document:
    turn = claimed(chat)
    return {"turn.id": turn.id, "turn.fence": turn.fence}
