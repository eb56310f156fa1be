"""Chats at Retell that a deletion has to delete there too. Collection `instagram_retell_deletions`.

A chat is listed before the document that names it is deleted, so that a crash loses none. It stays listed until Retell
has deleted it, or says that it has no such chat. A document holds Retell's id of the chat and no word about a person.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.collection import Collection

from connector.deletions import AtRetell
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_retell_deletions"

MOST_ATTEMPTS = 14
"""With the back-off below, the last attempt is a week after the first."""
_BACK_OFF = timedelta(minutes=5)  # doubled with each attempt
_LONGEST_BACK_OFF = timedelta(days=1)
_KEPT_FOR = timedelta(days=400)  # longer than the deletion itself, which would count as done without them

INDEXES = (
    IndexModel([("dueAt", ASCENDING)], name="due"),
    IndexModel([("subaccountId", ASCENDING), ("dueAt", ASCENDING)], name="due_of_subaccount"),
    IndexModel([("code", ASCENDING)], name="of_deletion"),
    IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0),
)


@dataclass(frozen=True, slots=True)
class RetellChat:
    """A chat to be deleted at Retell."""

    id: str
    subaccount_id: str
    chat_id: str
    attempts: int
    """How many have failed."""


class RetellDeletions:
    """The chats to be deleted at Retell, of all tenants."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def add(self, code: str, tenant: Tenant, chat_ids: Iterable[str], due_at: datetime) -> None:
        """List a tenant's chats for a deletion. A chat that is listed already stays as it is."""
        fields = {
            "code": code,
            "subaccountId": tenant.subaccount_id,
            "agentId": tenant.agent_id,
            "attempts": 0,
            "dueAt": due_at,
            "expireAt": self._clock() + _KEPT_FOR,
        }
        updates: list[UpdateOne] = [
            UpdateOne({"_id": f"{code}/{one}"}, {"$setOnInsert": fields | {"chatId": one}}, upsert=True)
            for one in dict.fromkeys(chat_ids)
        ]
        if updates:
            with translated():
                self._collection.bulk_write(updates, ordered=False)

    def retry(self, code: str, due_at: datetime) -> None:
        """Try all chats of a deletion anew from `due_at` on, because it was requested again."""
        anew = {"attempts": 0, "dueAt": due_at, "expireAt": self._clock() + _KEPT_FOR}
        with translated():
            self._collection.update_many({"code": code}, {"$set": anew})

    def take(self, lease: timedelta) -> RetellChat | None:
        """Take the chat whose time came first, for a lease; None when no time has come."""
        moment = self._clock()
        with translated():
            document = self._collection.find_one_and_update(
                {"dueAt": {"$lte": moment}},
                {"$set": {"dueAt": moment + lease}},
                sort=[("dueAt", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        if document is None:
            return None
        return RetellChat(document["_id"], document["subaccountId"], document["chatId"], document["attempts"])

    def remove(self, chat: RetellChat) -> None:
        """Record that a chat no longer exists at Retell."""
        with translated():
            self._collection.delete_one({"_id": chat.id})

    def put_off(self, chat: RetellChat, problem: str) -> None:
        """Record a failed attempt. The next one follows after a back-off, until `MOST_ATTEMPTS` have failed."""
        with translated():
            self._collection.update_one({"_id": chat.id}, _failed(self._clock(), problem))

    def put_off_subaccount(self, subaccount_id: str, problem: str, *, counts: bool) -> None:
        """Put off all chats of a subaccount that are due. With `counts`, this is a failed attempt for each of them.

        A temporary error does not count: a subaccount with many chats would otherwise run out of attempts.
        """
        moment = self._clock()
        delayed = {"$set": {"dueAt": moment + _BACK_OFF, "problem": problem}}
        with translated():
            self._collection.update_many(
                {"subaccountId": subaccount_id, "dueAt": {"$lte": moment}},
                _failed(moment, problem) if counts else delayed,
            )

    def of(self, code: str) -> AtRetell:
        """Return what is left of a deletion at Retell."""
        with translated():
            left = self._collection.count_documents({"code": code})
            given_up = self._collection.count_documents({"code": code, "dueAt": None}) if left else 0
            failed = self._collection.find_one({"code": code, "problem": {"$type": "string"}}) if left else None
        return AtRetell(left, given_up, failed["problem"] if failed else None)


def _failed(moment: datetime, problem: str) -> list[dict[str, Any]]:
    """Return the update of chats whose deletion has failed once more."""
    longest, first = (round(span.total_seconds() * 1000) for span in (_LONGEST_BACK_OFF, _BACK_OFF))
    back_off = {"$min": [longest, {"$multiply": [first, {"$pow": [2, "$attempts"]}]}]}
    is_last = {"$gte": [{"$add": ["$attempts", 1]}, MOST_ATTEMPTS]}
    return [
        {
            "$set": {
                "attempts": {"$add": ["$attempts", 1]},
                "dueAt": {"$cond": [is_last, None, {"$add": [moment, {"$toLong": back_off}]}]},
                "problem": problem,
            }
        }
    ]
