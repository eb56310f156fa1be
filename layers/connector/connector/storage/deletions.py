"""Requests to delete, until they are done and after. Collection `instagram_deletions`.

A request is written before anything is deleted, so that it is carried on whatever dies. While it is pending it says
what is left to do; afterwards it is a code and two times, and tells nothing of anybody.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from connector.deletions import Deletion, DeletionStatus, Part
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_deletions"

# How long a code is good to ask with after everything is done.
_TOLD_FOR = timedelta(days=365)

_PENDING = {"status": DeletionStatus.PENDING.value}
INDEXES = (
    IndexModel([("subject", ASCENDING)], name="one_pending", unique=True, partialFilterExpression=_PENDING),
    IndexModel([("dueAt", ASCENDING)], name="due", partialFilterExpression=_PENDING),
    IndexModel([("expireAt", ASCENDING)], name="expired", expireAfterSeconds=0),
)


class Deletions:
    """All requests to delete."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def open(self, subject: str, parts: Iterable[Part], lease: timedelta) -> Deletion:
        """Return a new request, which nobody else takes up before `lease` is over.

        One about the same subject that is pending is returned instead, with these parts and the new time: what has
        happened in between is to be deleted too. A subject is stored as a hash.
        """
        moment = self._clock()
        wanted = {"subject": sha256(subject.encode()).hexdigest()} | _PENDING
        update: Document = {
            "$set": {"askedAt": moment, "dueAt": moment + lease},
            "$addToSet": {"parts": {"$each": [_written(part) for part in parts]}},
            "$unset": {"erasedAt": "", "expireAt": ""},
        }
        for _ in range(2):  # another may open the same at the same moment, and then it is there
            update["$setOnInsert"] = {"_id": secrets.token_hex(16), "createdAt": moment}
            try:
                with translated():
                    document = self._collection.find_one_and_update(
                        wanted, update, upsert=True, return_document=ReturnDocument.AFTER
                    )
            except DuplicateKeyError:
                continue
            return _read(document or {})
        raise AssertionError("a request was opened and finished by another twice in a moment")

    def get(self, code: str) -> Deletion | None:
        """Return the request of a code."""
        with translated():
            document = self._collection.find_one({"_id": code})
        return _read(document) if document else None

    def take(self, lease: timedelta) -> Deletion | None:
        """Take the pending request whose time came first; None when no time has come."""
        moment = self._clock()
        with translated():
            document = self._collection.find_one_and_update(
                _PENDING | {"dueAt": {"$lte": moment}},
                {"$set": {"dueAt": moment + lease}},
                sort=[("dueAt", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return _read(document) if document else None

    def put_off(self, deletion: Deletion, until: datetime) -> Deletion:
        """Let a request rest until then. Returns it as it is then."""
        return self._change(deletion, {"$set": {"dueAt": until}})

    def await_retell(self, deletion: Deletion, until: datetime) -> Deletion:
        """Record that everything here is deleted and chats at Retell are left. Returns it as it is then.

        It stays pending, so that the same request finds it again; it no longer says whose data it was.
        """
        erased_at = deletion.erased_at or self._clock()
        erased = {"erasedAt": erased_at, "dueAt": until, "expireAt": erased_at + _TOLD_FOR}
        return self._change(deletion, {"$set": erased, "$unset": {"parts": ""}})

    def finish(self, deletion: Deletion) -> Deletion:
        """Record that everything is deleted, unless it has been asked for again meanwhile. Returns it as it is then."""
        moment = self._clock()
        return self._change(
            deletion,
            {
                "$set": {"status": DeletionStatus.DONE.value, "finishedAt": moment, "expireAt": moment + _TOLD_FOR},
                "$unset": dict.fromkeys(("subject", "parts", "dueAt", "erasedAt"), ""),
            },
        )

    def _change(self, deletion: Deletion, update: Document) -> Deletion:
        with translated():
            document = self._collection.find_one_and_update(
                {"_id": deletion.code, "askedAt": deletion.asked_at} | _PENDING,
                update,
                return_document=ReturnDocument.AFTER,
            )
        return _read(document) if document else deletion


def _written(part: Part) -> Document:
    return {
        "subaccountId": part.tenant.subaccount_id,
        "agentId": part.tenant.agent_id,
        "userId": part.user_id,
        "accountId": part.account_id,
        "endsConnection": part.ends_connection,
    }


def _read(document: Document) -> Deletion:
    return Deletion(
        code=document["_id"],
        created_at=document["createdAt"],
        asked_at=document["askedAt"],
        parts=tuple(
            Part(Tenant(one["subaccountId"], one["agentId"]), one["userId"], one["accountId"], one["endsConnection"])
            for one in document.get("parts") or ()
        ),
        erased_at=document.get("erasedAt"),
        finished_at=document.get("finishedAt"),
    )
