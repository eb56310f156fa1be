"""All stores of one system, in a real MongoDB."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pymongo.database import Database

from connector.chat import MAX_MESSAGES
from connector.storage.changes import Changes
from connector.storage.chats import Chats
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import read_chat
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.outbox import Outbox
from connector.storage.turns import Turns
from connector.storage.waiting import Waiting
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record

type Documents = Database[dict[str, Any]]


class MongodbStores:
    """The connector's own stores over one database.

    What a test wants to know of them comes by a connection of its own, if it has one: no fault is to strike there.
    """

    def __init__(
        self,
        database: Documents,
        clock: Callable[[], datetime],
        most_messages: int = MAX_MESSAGES,
        *,
        calm: Documents | None = None,
    ) -> None:
        self._database = database
        self._collection = database["chats"]
        self._looked_at = (database if calm is None else calm)["chats"]
        self._clock = clock
        self._most_messages = most_messages
        self.connections = Connections(database[COLLECTION], clock)
        self.waiting = Waiting(self._collection, clock)

    def ensure_indexes(self) -> None:
        """Create the indexes that connecting creates."""
        ensure_indexes(self._database)

    def chats(self, tenant: Tenant) -> Chats:
        """Return a tenant's chats."""
        return Chats(self._collection, tenant, self._clock, self._most_messages)

    def changes(self, tenant: Tenant) -> Changes:
        """Return what customers do to a tenant's messages."""
        return Changes(self._collection, tenant, self._clock)

    def turns(self, tenant: Tenant) -> Turns:
        """Return the turns of a tenant's chats."""
        return Turns(self._collection, tenant, self._clock)

    def outbox(self, tenant: Tenant) -> Outbox:
        """Return what goes out in a tenant's chats."""
        return Outbox(self._collection, tenant, self._clock)

    def kept(self, tenant: Tenant) -> KeptEvents:
        """Return what is kept of a tenant's events."""
        return KeptEvents(self._database[KEPT_EVENTS], tenant)

    def wakes_at(self) -> datetime | None:
        """Return when the sweep will next find something."""
        waking = self._looked_at.find({"wakeAt": {"$ne": None}}).sort("wakeAt", 1).limit(1).to_list()
        return waking[0]["wakeAt"] if waking else None

    def records(self) -> Sequence[Record]:
        """Return every chat, in the order in which they were opened."""
        return [_read(document) for document in self._looked_at.find().sort("_id", 1)]


def _read(document: dict[str, Any]) -> Record:
    reactions = {one["key"]: one["reactedAt"] for one in document["messages"] if one["reactedAt"]}
    return Record(
        tenant=Tenant(document["subaccountId"], document["agentId"]),
        chat=read_chat(document),
        created_at=document["createdAt"],
        is_ongoing=document["status"] == "ongoing",
        ended_because=document.get("endedBecause"),
        wake_at=document["wakeAt"],
        last_message_at=document["lastMessageAt"],
        last_user_message_at=document["lastUserMessageAt"],
        reacted_at=tuple(sorted(reactions.items())),
        absent=frozenset(one["key"] for one in document["messages"] if one["absentAt"]),
        pauses=frozenset((one["key"], one["pausesUntil"]) for one in document["messages"] if one["pausesUntil"]),
        pause_requested_until=document.get("pauseRequestedUntil"),
    )
