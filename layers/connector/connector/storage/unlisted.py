"""Chats whose messages are not listed: an earlier version wrote them, or the platform put them back from a backup.

Our own writers list each message before they store it, and mark their chats (`listed`). What bears no mark is listed
here, of all tenants, the newest first: then readers find it, and its user has a row in the inbox.
"""

import time
from datetime import timedelta

from pymongo import DESCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from connector.chat import Role
from connector.storage.documents import now
from connector.storage.entries import COLLECTION, entry, expiry, position_at
from connector.storage.indexes import TO_LIST, UNLISTED
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import OURS

_AT_ONCE = 20  # chats, of up to 500 messages

# What lacks one of these is no message of ours, and nobody could show it.
_COMPLETE = {name: {"$type": "string"} for name in ("subaccountId", "agentId", "metadata.userId")}
_LISTED = {
    **_COMPLETE,
    "messages.key": {"$type": "string"},
    "messages.id": {"$type": "string"},
    "messages.createdAt": {"$type": "date"},
    "messages.role": {"$in": [role.value for role in Role]},
}
_TOLD = {
    **dict.fromkeys(("subaccountId", "agentId", "metadata.userId"), 1),
    **{f"messages.{name}": 1 for name in ("key", "id", "createdAt", "role", "text")},
}


class Unlisted:
    """The chats, of all tenants, that are not listed."""

    def __init__(self, chats: Collection[Document], keep_for: timedelta | None = None) -> None:
        self._chats = chats
        self._keep_for = keep_for

    def list_for(self, seconds: float) -> int:
        """List what is not listed, for about so long, and return of how many chats. Doing it twice does no harm.

        Raises:
            IndexesMissing: the index that finds them does not exist yet.
        """
        listed, deadline = 0, time.monotonic() + seconds
        while found := self._list_some():
            listed += found
            if time.monotonic() > deadline:
                break
        return listed

    def _list_some(self) -> int:
        with translated():
            newest = self._chats.find(OURS | UNLISTED, {"_id": 1}).sort("createdAt", DESCENDING).hint(TO_LIST)
            chats = newest.limit(_AT_ONCE).to_list()
            these: Document = {"_id": {"$in": [chat["_id"] for chat in chats]}}
            told: list[Document] = [
                {"$match": these},
                {"$unwind": "$messages"},
                {"$match": _LISTED},
                {"$project": _TOLD},
            ]
            if entries := [_enter(one, self._keep_for) for one in self._chats.aggregate(told)]:
                self._chats.database[COLLECTION].bulk_write(entries, ordered=False)
            for chat in self._chats.find(these | _COMPLETE | {"current": None}, {"messages": 0}).to_list():
                self._mark_newest(chat)
            if self._keep_for:
                self._chats.update_many(these | {"expireAt": None}, {"$set": expiry(now(), self._keep_for)})
            self._chats.update_many(these, {"$set": {"listed": True}})
        return len(chats)

    def _mark_newest(self, chat: Document) -> None:
        """Let the newest chat of this one's user stand for the conversation."""
        of_user = {"subaccountId": chat["subaccountId"], "agentId": chat["agentId"]} | OURS
        of_user |= {"metadata.userId": chat["metadata"]["userId"]}

        def change(session: ClientSession) -> None:
            newest = self._chats.find_one(of_user, {"_id": 1}, sort=[("createdAt", DESCENDING)], session=session)
            if newest is not None:
                self._chats.update_one({"_id": newest["_id"]}, {"$set": {"current": True}}, session=session)

        with self._chats.database.client.start_session() as session:
            session.with_transaction(change)


def _enter(told: Document, keep_for: timedelta | None) -> UpdateOne:
    """Return the write of a message's entry. What stands in it already stays; what is missing is added."""
    message, tenant = told["messages"], {name: told[name] for name in ("subaccountId", "agentId")}
    position = position_at(message["createdAt"], message["id"])
    text = message.get("text")
    entered = entry(told["metadata"]["userId"], message["role"], position, text if isinstance(text, str) else None)
    entered |= expiry(now(), keep_for)  # as its chat: it may be older than the deployment keeps things
    stays = {"$replaceWith": {"$mergeObjects": [{"$literal": tenant | entered}, "$$ROOT"]}}
    return UpdateOne({"_id": "/".join((*tenant.values(), message["key"]))}, [stays], upsert=True)
