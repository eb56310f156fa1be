"""Rounds: jobs that come to every connection again and again, each time to the one that has waited longest.

When a job comes to a connection next stands in the connection itself, under `rounds.<job>`. Who takes it moves that
time on, by a lease first: no two workers do the same job for one connection, and if a worker dies another comes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection

from connector.accounts import Connection
from connector.storage.connection_documents import read
from connector.storage.connections import CONNECTED, NEEDS_RECONNECTION
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated

JOBS = ("recovery", "upkeep")
INDEXES = tuple(IndexModel([(f"rounds.{job}", ASCENDING)], name=f"rounds_{job}") for job in JOBS)
"""Of the connections: the next one of each job."""

_LIVE = {"$in": [CONNECTED, NEEDS_RECONNECTION]}


class Rounds:
    """One job's rounds over all tenants' connections."""

    def __init__(self, collection: Collection[Document], job: str, clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._due = f"rounds.{job}"
        self._clock = clock

    def take(self, lease: timedelta) -> Connection | None:
        """Take the connection whose time came first; None when no time has come."""
        moment = self._clock()
        with translated():
            document = self._collection.find_one_and_update(
                # What is not there sorts first, and compares with no date: a new connection is due at once.
                {"status": _LIVE, "$or": [{self._due: None}, {self._due: {"$lte": moment}}]},
                {"$set": {self._due: moment + lease}},
                sort=[(self._due, ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return read(document) if document else None

    def rest(self, connection: Connection, until: datetime) -> None:
        """Come to this connection again then."""
        with translated():
            self._collection.update_one({"_id": str(connection.tenant)}, {"$set": {self._due: until}})
