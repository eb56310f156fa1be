"""The state of turns, in the chat's own document.

A worker that claims a turn holds a lease with a fence. Every write of a turn filters on the turn's id and fence; where
nothing matches, another worker has taken over, and this one stops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.collection import Collection

from connector.chat import FINAL_STATES, PAUSED, Chat, Message, MessageStatus, Role, Turn, TurnState, claimed
from connector.ports import Superseded
from connector.storage.chats import OURS
from connector.storage.documents import now, read_chat, write_message, write_turn
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

_SENT = [MessageStatus.SENT.value, MessageStatus.DELIVERED.value, MessageStatus.READ.value]
_FINAL = [state.value for state in FINAL_STATES]


class Turns:
    """The turns of one tenant's chats."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} | OURS

    def claim(self, chat: Chat, *, generation: int, lease: timedelta) -> Chat | None:
        """Take up the chat's hanging turn, or else open one for all its unanswered messages.

        Returns the chat with the turn claimed, or None when another worker holds it or there is nothing to answer.
        """
        return self._resume(chat, lease) or self._open(chat, generation, lease)

    def _resume(self, chat: Chat, lease: timedelta) -> Chat | None:
        moment = now()
        hanging = {
            "turn.id": {"$exists": True},
            "turn.state": {"$nin": _FINAL},
            "turn.leaseUntil": {"$lte": moment},
        }
        return self._take(
            self._of(chat) | hanging,
            {"$inc": {"turn.fence": 1}, "$set": {"turn.leaseUntil": moment + lease, "updatedAt": moment}},
        )

    def _open(self, chat: Chat, generation: int, lease: timedelta) -> Chat | None:
        moment = now()
        turn = Turn(uuid4().hex, 1, TurnState.OPEN, moment + lease, generation)
        waiting = {"role": Role.USER.value, "status": MessageStatus.RECEIVED.value, "turnId": None}
        # The agent is also told what it has missed: what a person said, and what the customer said to that person.
        said = {"role": Role.HUMAN.value, "status": {"$in": _SENT}, "turnId": None}
        missed = {"role": Role.USER.value, "status": MessageStatus.UNANSWERED.value, "error.code": PAUSED}
        return self._take(
            self._of(chat)
            | {
                "$or": [{"turn": None}, {"turn.state": {"$in": _FINAL}}],
                "messages": {"$elemMatch": waiting},
            },
            {
                "$set": {
                    "turn": write_turn(turn),
                    "messages.$[waiting].turnId": turn.id,
                    "messages.$[said].turnId": turn.id,
                    "messages.$[missed].turnId": turn.id,
                    "updatedAt": moment,
                }
            },
            array_filters=[
                {f"{name}.{field}": value for field, value in wanted.items()}
                for name, wanted in (("waiting", waiting), ("said", said), ("missed", missed))
            ],
        )

    def _take(
        self, filters: Document, update: Document, *, array_filters: Sequence[Mapping[str, Any]] | None = None
    ) -> Chat | None:
        with translated():
            document = self._collection.find_one_and_update(
                filters, update, array_filters=array_filters, return_document=ReturnDocument.AFTER
            )
        return read_chat(document) if document else None

    def set_session(self, chat: Chat, chat_id: str) -> None:
        """Record the agent's session for this chat.

        Raises:
            Superseded: another worker has the turn.
        """
        self._write(chat, {"$set": {"chatId": chat_id}})

    def set_state(self, chat: Chat, state: TurnState) -> None:
        """Record how far the turn has come.

        Raises:
            Superseded: another worker has the turn.
        """
        self._write(chat, {"$set": {"turn.state": state.value}})

    def store_answer(self, chat: Chat, parts: Sequence[Message]) -> tuple[Message, ...]:
        """Store the answer, in parts to be sent, and with it the fact that the agent has been asked.

        Raises:
            Superseded: another worker has the turn.
        """
        stored = tuple(replace(part, id=str(ObjectId())) for part in parts)
        update: Document = {"$set": {"turn.state": TurnState.ANSWERED.value}}
        if stored:
            update["$push"] = {"messages": {"$each": [write_message(part) for part in stored]}}
            update["$max"] = {"lastMessageAt": stored[-1].created_at}
        self._write(chat, update)
        return stored

    def release(self, chat: Chat, state: TurnState) -> None:
        """Give the turn back in `state`, for whoever gets the queue message next.

        Raises:
            Superseded: another worker has the turn.
        """
        self._write(chat, {"$set": {"turn.state": state.value, "turn.leaseUntil": now()}})

    def finish(self, chat: Chat, state: TurnState, reason: str | None = None) -> None:
        """End the turn: what was not sent will not be, what was being sent is unknown.

        Raises:
            Superseded: another worker has the turn.
        """
        done, turn_id = state is TurnState.DONE, claimed(chat).id
        status = MessageStatus.ANSWERED if done else MessageStatus.UNANSWERED
        error = None if done else {"code": reason}
        left = {
            "messages.$[pending].status": MessageStatus.FAILED.value,
            "messages.$[pending].error": error,
            "messages.$[sending].status": MessageStatus.UNKNOWN.value,
            "messages.$[sending].error": error,
            "messages.$[said].turnId": None,  # to be told in the next turn
        }
        self._write(
            chat,
            {
                "$set": {
                    "turn.state": state.value,
                    "turn.reason": reason,
                    "messages.$[m].status": status.value,
                    "messages.$[m].error": error,
                }
                | ({} if done else left)
            },
            array_filters=[
                {"m.role": Role.USER.value, "m.turnId": turn_id},
                *(
                    []
                    if done
                    else [
                        {"pending.status": MessageStatus.PENDING.value, "pending.turnId": turn_id},
                        {"sending.status": MessageStatus.SENDING.value, "sending.turnId": turn_id},
                        {"said.role": Role.HUMAN.value, "said.turnId": turn_id},
                    ]
                ),
            ],
        )

    def _write(self, chat: Chat, update: Document, *, array_filters: Sequence[Mapping[str, Any]] | None = None) -> None:
        turn = claimed(chat)
        update["$set"] = update.get("$set", {}) | {"updatedAt": now()}
        with translated():
            written = self._collection.update_one(
                self._of(chat) | {"turn.id": turn.id, "turn.fence": turn.fence},
                update,
                array_filters=array_filters,
            )
        if not written.matched_count:
            raise Superseded

    def _of(self, chat: Chat) -> Document:
        return self._tenant | {"_id": ObjectId(chat.id)}
