"""MongoDB fails in the middle of a turn: at any command, for as long as an election takes, or by being killed.

The stories and what must hold in their ends are those of `tests/model`; here they happen on a real mongod.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from tests.model.clock import Clock
from tests.model.mongodb_stores import MongodbStores
from tests.model.stories import STORIES, Echo
from tests.model.system import TENANT

APP = "crashing"
DEADLINE_SECONDS = 30
SLOW_MS, PATIENCE_MS = 200, 100

# How mongod fails at a command, and how often: once, the driver makes it again; twice, that fails too.
CLOSED = {"closeConnection": True}
SHUTTING_DOWN, INTERRUPTED = {"errorCode": 91}, {"errorCode": 11600}
SLOW = {"blockConnection": True, "blockTimeMS": SLOW_MS}  # for longer than we wait; and then it is done after all
NOT_CONFIRMED = {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
CONFIRMED_BY_NONE = {"writeConcernError": {"code": 91, "errmsg": "shutting down"}}
WAYS = {
    "the connection closes": (CLOSED, 1),
    "the connection closes twice": (CLOSED, 2),
    "it shuts down": (SHUTTING_DOWN, 2),
    "it is interrupted": (INTERRUPTED, 2),
    "it is too slow": (SLOW, 2),
    "a write is not confirmed": (NOT_CONFIRMED, 1),
    "a write is confirmed by none": (CONFIRMED_BY_NONE, 2),
}
WRITES = ("insert", "update", "findAndModify", "delete", "commitTransaction")


class Striking(CommandListener):
    """Has mongod fail at one of the commands that the workers send."""

    def __init__(self, admin: MongoClient[dict[str, Any]]) -> None:
        self.names: list[str] = []
        self._admin = admin
        self._at: int | None = None
        self._how: dict[str, Any] = {}
        self._times = 1

    def strike(self, at: int | None, how: dict[str, Any] | None = None, times: int = 1) -> None:
        """Count anew, and have it fail at the command of this number; at none, where there is none."""
        self.names, self._at, self._how, self._times = [], at, how or {}, times
        self._configure("off")

    def started(self, event: Any) -> None:
        """Arm the fail point, just before the command is sent."""
        number = len(self.names)
        self.names.append(event.command_name)
        if number == self._at and ("writeConcernError" not in self._how or event.command_name in WRITES):
            self._configure({"times": self._times}, failCommands=[event.command_name], appName=APP, **self._how)

    def _configure(self, mode: object, **data: Any) -> None:
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    def succeeded(self, event: Any) -> None:
        """Be no news."""

    def failed(self, event: Any) -> None:
        """Be no news."""


@pytest.fixture
def striking(mongodb) -> Iterator[Striking]:
    listener = Striking(mongodb)
    yield listener
    listener.strike(None)


@pytest.fixture
def workers(mongodb_uri, striking) -> Iterator[MongoClient[dict[str, Any]]]:
    """The client of the workers: it gives up sooner than theirs, and retries like theirs."""
    options = {"tz_aware": True, "w": "majority", "appname": APP, "socketTimeoutMS": PATIENCE_MS}
    with MongoClient(mongodb_uri, event_listeners=[striking], **options) as client:
        yield client


def _told(story, clock, database, calm=None, echo=Echo.SOON):
    stores = MongodbStores(database, clock, story.most_messages, calm=calm)
    stores.ensure_indexes(TENANT)
    return story.told(stores, clock, echo)


def _empty(database):
    for name in database.list_collection_names():
        database[name].delete_many({})


def _await(is_so):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.02)


def _is_idle(client):
    """Return whether mongod has done all that the workers ever asked of it, whether they waited for it or not."""
    running = client.admin.aggregate(
        [{"$currentOp": {}}, {"$match": {"appName": APP, "active": True, "op": {"$ne": "none"}}}]
    )
    return not [one for one in running if "hello" not in one.get("command", {})]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["two parts", "a roll-over when a turn is taken"])
def test_f1_f2_f4_f8_at_whichever_command_mongodb_fails_nothing_is_lost_asked_twice_or_sent_twice(
    workers, striking, database, name, way
):
    story, (how, times) = STORIES[name], WAYS[way]
    wrongs, number = {}, 0
    while True:
        system = _told(story, Clock(), workers[database.name], calm=database)
        striking.strike(number, how, times)
        system.run()
        commands = striking.names
        striking.strike(None)
        _await(lambda: _is_idle(database.client))
        system.run()
        if wrong := story.wrongs(system):
            wrongs[f"command {number}, {commands[number]}"] = wrong
        _empty(database)
        number += 1
        if number >= len(commands):
            break
    assert wrongs == {}
    assert number > 20, "the commands are not counted"
