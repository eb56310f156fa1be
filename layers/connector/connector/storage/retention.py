"""Keeping what people write no longer than the deployment wants to.

Everything of ours bears `expireAt`, and MongoDB removes it then (https://www.mongodb.com/docs/manual/core/index-ttl/):
a chat that long after it was last written in, an entry or an event after it happened. Whoever writes sets it. What was
written under another setting, or before there was one, is gone through here; and a chat that lives on because it is
written in is rid of its oldest messages. Collection `instagram_retention` remembers how far that has come.

Retention that is switched on deletes nothing at once: for what is older, its time counts from that moment. So an
operator who deploys over years of chats has `RetentionDays` to notice.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.collection import Collection

from connector.errors import IndexesMissing
from connector.storage.documents import now
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.indexes import OPENED
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import NAMELESS_FOR
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import OURS

COLLECTION = "instagram_retention"

_CHATS_AT_ONCE = 50  # of up to 500 messages
_AT_ONCE = 1000
_TRIM_EVERY = timedelta(days=1)
_SWITCH = "switched on"
_NEVER = None

_LAST_WRITTEN: Document = {"$ifNull": ["$lastMessageAt", "$createdAt"]}
_HAPPENED: Document = {"$toDate": {"$toLong": {"$substrBytes": ["$position", 0, 14]}}}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Something that expires."""

    collection: str
    since: Any
    """From when on its time is counted, as an expression."""
    ours: Mapping[str, Any]
    index: str
    order: tuple[str, ...]
    at_once: int
    nameless_for: timedelta | None = None
    """How long at most one is kept that names no customer."""


_KINDS = (
    _Kind("chats", _LAST_WRITTEN, OURS, OPENED, ("createdAt", "_id"), _CHATS_AT_ONCE),
    _Kind(ENTRIES, _HAPPENED, {}, "_id_", ("_id",), _AT_ONCE),
    _Kind(KEPT_EVENTS, "$at", {}, "_id_", ("_id",), _AT_ONCE, NAMELESS_FOR),
)


class Retention:
    """What is stored of all tenants' conversations, to be kept for a while."""

    def __init__(
        self, chats: Collection[Document], keep_for: timedelta | None, clock: Callable[[], datetime] = now
    ) -> None:
        """Keep what stands in `chats`, and beside it, for so long; None for ever."""
        self._database = chats.database
        self._chats = chats
        self._states: Collection[Document] = chats.database[COLLECTION]
        self._keep_for = keep_for
        self._clock = clock

    def keep_up(self, seconds: float) -> int:
        """Bring what is stored in line with the setting, for about so long; return of how many documents.

        Where the index for a part of this does not exist yet, that part waits for it.
        """
        deadline, changed = time.monotonic() + seconds, 0
        with translated():
            on_since = self._on_since()
        for kind in _KINDS:
            with suppress(IndexesMissing), translated():
                changed += self._walk(kind, on_since, deadline)
        if self._keep_for and on_since:
            with suppress(IndexesMissing), translated():
                changed += self._trim(self._keep_for, on_since, deadline)
        return changed

    def _on_since(self) -> datetime | None:
        """Return since when something expires at all; None while nothing does."""
        if self._keep_for is None:
            self._states.delete_one({"_id": _SWITCH})
            return None
        self._states.update_one({"_id": _SWITCH}, {"$setOnInsert": {"at": self._clock()}}, upsert=True)
        state = self._states.find_one({"_id": _SWITCH})
        return state["at"] if state else None

    def _walk(self, kind: _Kind, on_since: datetime | None, deadline: float) -> int:
        """Set the time of everything that was written under another setting."""
        collection: Collection[Document] = self._database[kind.collection]
        seconds = self._keep_for.total_seconds() if self._keep_for else 0.0
        rule = {"seconds": seconds} | ({"nameless": kind.nameless_for.total_seconds()} if kind.nameless_for else {})
        state = self._states.find_one({"_id": kind.collection}) or {"seconds": 0.0, "isDone": True}
        if any(state.get(name) != value for name, value in rule.items()):
            state = {**rule, "after": None, "isDone": False}
        walked = 0
        while not state["isDone"]:
            found = (
                collection.find({**kind.ours, **_beyond(kind.order, state["after"])}, dict.fromkeys(kind.order, 1))
                .sort([(name, ASCENDING) for name in kind.order])
                .hint(kind.index)
                .limit(kind.at_once)
                .to_list()
            )
            ids = [one["_id"] for one in found]
            collection.update_many({"_id": {"$in": ids}}, [{"$set": {"expireAt": self._expiry(kind, on_since)}}])
            after = [found[-1].get(name) for name in kind.order] if found else None
            state = {**rule, "after": after, "isDone": len(found) < kind.at_once}
            self._states.replace_one({"_id": kind.collection}, state, upsert=True)
            walked += len(found)
            if time.monotonic() > deadline:
                break
        return walked

    def _expiry(self, kind: _Kind, on_since: datetime | None) -> Any:
        kept = _after(kind.since, self._keep_for, on_since) if self._keep_for else _NEVER
        if kind.nameless_for is None:
            return kept
        nameless = {"$cond": [{"$eq": ["$userId", ""]}, _after(kind.since, kind.nameless_for), _NEVER]}
        return {"$min": [kept, nameless]}  # of those that are a time

    def _trim(self, keep_for: timedelta, on_since: datetime, deadline: float) -> int:
        """Take the messages that are too old out of chats that live on, once a day."""
        moment = self._clock()
        state = self._states.find_one({"_id": "trim"})
        if moment < on_since + keep_for or (state and state["at"] > moment - _TRIM_EVERY):
            return 0
        too_old = {"createdAt": {"$lt": moment - keep_for}}
        wanted = OURS | too_old | {"messages.createdAt": too_old["createdAt"]}
        trimmed = 0
        while found := self._chats.find(wanted, {"_id": 1}).hint(OPENED).limit(_CHATS_AT_ONCE).to_list():
            self._chats.update_many({"_id": {"$in": [one["_id"] for one in found]}}, {"$pull": {"messages": too_old}})
            trimmed += len(found)
            if time.monotonic() > deadline:
                return trimmed
        self._states.replace_one({"_id": "trim"}, {"at": moment}, upsert=True)
        return trimmed


def _after(since: Any, span: timedelta, not_before: datetime | None = None) -> Document:
    """Return the expression for a time so long after another one, or after `not_before` if that is later.

    None where another writer has put something else.
    """
    milliseconds = round(span.total_seconds() * 1000)
    later = {"$max": [since, not_before]} if not_before else since
    return {"$cond": [{"$eq": [{"$type": since}, "date"]}, {"$add": [later, milliseconds]}, _NEVER]}


def _beyond(order: tuple[str, ...], after: list[Any] | None) -> Document:
    """Return what finds the documents that come after one, in this order of one field, or of two."""
    if after is None:
        return {}
    if len(order) == 1:
        return {order[0]: {"$gt": after[0]}}
    first, second = order
    return {"$or": [{first: {"$gt": after[0]}}, {first: after[0], second: {"$gt": after[1]}}]}
