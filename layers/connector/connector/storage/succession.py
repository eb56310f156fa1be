"""From one chat document to the next: a document is one session of bounded length, a conversation goes on.

What the conversation is (who it is with, whether a person has it, until when a reply is allowed, what waits to be
answered) goes over into the next document. That takes two writes, so it is a transaction: at no moment has the user
two ongoing chats, or none, or a message twice.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from connector.chat import FINAL_STATES, MessageStatus, Role
from connector.storage.indexes import CURRENT
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import CHANNEL, WRITER

WAITING = {"role": Role.USER.value, "status": MessageStatus.RECEIVED.value, "turnId": None}

_FINAL = {state.value for state in FINAL_STATES}
_OF_SESSION = ("chatId", "questions")
FORMER_SESSIONS = "formerChatIds"
"""The field with the sessions that a chat has given up: the agent's side still has what was said in them."""
_MOST_FORMER_SESSIONS = 100
_OF_CONVERSATION = ("pausedUntil", "pausedBecause", "windowOpenedAt", "lastUserMessageAt", "controlAt")
_OF_WAITING = ("turnDueAt", "turnDueFor", "wakeAt")


def first_document(ongoing: Document, account_id: str, moment: datetime, predecessor: Document | None) -> Document:
    """Return the document of a new chat without messages; `predecessor` is the user's last one, where there was one."""
    before: Mapping[str, Any] = predecessor or {}
    return (
        {name: ongoing[name] for name in ("subaccountId", "agentId")}
        | dict.fromkeys((*_OF_SESSION, *_OF_WAITING, "turn"))
        | {name: before.get(name) for name in _OF_CONVERSATION}
        | {"pauseRequestedUntil": before.get("pausedUntil")}
        | {
            "status": "ongoing",
            "metadata": dict(before.get("metadata", {}))
            | {
                "channel": CHANNEL,
                "storedBy": WRITER,
                "userId": ongoing["metadata.userId"],
                "instagramAccountId": account_id,
            },
            "messages": [],
            "lastMessageAt": before.get("lastMessageAt"),
            "createdAt": moment,
            "updatedAt": moment,
        }
        | CURRENT
        | {"listed": True}
    )


def open_next(chats: Collection[Document], ongoing: Document, account_id: str, moment: datetime) -> None:
    """Open a chat for a user who has none that goes on, in the place of the last one as the current chat.

    Raises:
        DuplicateKeyError: another writer was faster.
    """
    users = {name: value for name, value in ongoing.items() if name != "status"}

    def last(session: ClientSession | None) -> Document | None:
        return chats.find_one(users, {"messages": 0}, sort=[("createdAt", DESCENDING)], session=session)

    def change(session: ClientSession) -> None:
        before = last(session)
        if before is not None:
            chats.update_one({"_id": before["_id"]}, {"$set": {"current": False}}, session=session)
        chats.insert_one(first_document(ongoing, account_id, moment, before), session=session)

    with translated():
        if last(None) is None:
            chats.insert_one(first_document(ongoing, account_id, moment, None))
            return
        with chats.database.client.start_session() as session:
            session.with_transaction(change)


def ended(reason: str, moment: datetime) -> Document:
    """Return the fields of a chat that is over."""
    return {"status": "ended", "endedBecause": reason, "endedAt": moment, "updatedAt": moment, "wakeAt": None}


def roll_over(
    chats: Collection[Document], ongoing: Document, reason: str, moment: datetime, *, keeps_session: bool
) -> bool:
    """End the ongoing chat and open its successor, with the hanging turn and all that waits. Returns whether it did.

    A chat of which nothing would remain is not ended: it only gives its session up.
    """

    def change(session: ClientSession) -> bool:
        old = chats.find_one(ongoing, session=session)
        if old is None:
            return False
        turn: Document | None = old.get("turn")
        hanging = turn if turn and turn["state"] not in _FINAL else None
        moved = [message for message in old["messages"] if _goes_on(message, hanging)]
        if len(moved) == len(old["messages"]):
            if not keeps_session:
                chats.update_one({"_id": old["_id"]}, _without_session(old), session=session)
            return True
        keys = [message["key"] for message in moved]
        chats.update_one(
            {"_id": old["_id"]},
            {
                "$pull": {"messages": {"key": {"$in": keys}}},
                "$set": ended(reason, moment) | {"turn": None, "current": False},
            },
            session=session,
        )
        carried = ("expireAt", *_OF_WAITING, *(_OF_SESSION if keeps_session else ()))
        chats.insert_one(
            first_document(ongoing, old["metadata"]["instagramAccountId"], moment, old)
            | {name: old.get(name) for name in carried}
            | {"turn": hanging, "messages": moved, "listed": old.get("listed")},
            session=session,
        )
        return True

    with translated(), chats.database.client.start_session() as session:
        return session.with_transaction(change)


def _without_session(chat: Document) -> Document:
    """Return the update of a chat that gives its session up."""
    given_up = [chat["chatId"]] if chat.get("chatId") else []
    former = {"$push": {FORMER_SESSIONS: {"$each": given_up, "$slice": -_MOST_FORMER_SESSIONS}}} if given_up else {}
    return {"$set": dict.fromkeys(_OF_SESSION)} | former


def _goes_on(message: Document, turn: Document | None) -> bool:
    return all(message[name] == value for name, value in WAITING.items()) or (
        turn is not None and message["turnId"] == turn["id"]
    )
