"""A real mongod fails at any command of a story: nothing is lost, nothing is done twice.

The stories, and what must hold when they have ended, are those of `tests/model`.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from tests.model.clock import Clock
from tests.model.mongodb_stores import Documents, MongodbStores
from tests.model.stories import STORIES, Story
from tests.model.system import System

pytestmark = pytest.mark.races

type Client = MongoClient[dict[str, Any]]

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

    def __init__(self, admin: Client) -> None:
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
def workers(mongodb_uri, striking) -> Iterator[Client]:
    """The client of the workers: as on Lambda it polls, it retries like theirs, and gives up sooner."""
    options = {"tz_aware": True, "w": "majority", "appname": APP, "socketTimeoutMS": PATIENCE_MS}
    options |= {"serverMonitoringMode": "poll", "heartbeatFrequencyMS": 500}
    with MongoClient(mongodb_uri, event_listeners=[striking], **options) as client:
        yield client


def _told(name: str, database: Documents, workers: Documents) -> tuple[Story, System]:
    """Return a story and a system in which it is about to happen, with workers that have a connection of their own."""
    story, clock = STORIES[name], Clock()
    calm = MongodbStores(database, clock, story.most_messages)
    calm.ensure_indexes()
    system = story.told(calm, clock)
    system.go_on_with(MongodbStores(workers, clock, story.most_messages, calm=database))
    return story, system


def _await(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def _is_idle(client: Client) -> bool:
    """Return whether mongod has done all that the workers asked of it, whether they waited for it or not."""
    theirs = {"appName": APP, "active": True, "command.hello": {"$exists": False}, "op": {"$ne": "none"}}
    return not client.admin.aggregate([{"$currentOp": {}}, {"$match": theirs}]).to_list()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["two parts", "a roll-over when a turn is taken"])
def test_f1_f2_f4_f8_at_whichever_command_mongodb_fails_nothing_is_lost_asked_twice_or_sent_twice(
    workers, striking, database, name, way
):
    """A sample, in which each command fails in one of the ways; with HYPOTHESIS_PROFILE=long, in all of them."""
    how, times = WAYS[way]
    first, step = (0, 1) if os.environ.get("HYPOTHESIS_PROFILE") == "long" else (list(WAYS).index(way), len(WAYS))
    wrongs, number, commands = {}, first, ["?"] * (first + 1)
    while number < len(commands):
        story, system = _told(name, database, workers[database.name])
        striking.strike(number, how, times)
        system.run()
        commands = striking.names
        striking.strike(None)
        _await(lambda: _is_idle(database.client))
        system.run()
        if wrong := story.wrongs(system):
            wrongs[f"{commands[number]}, command {number}"] = wrong
        for collection in database.list_collection_names():
            database[collection].delete_many({})
        number += step
    assert wrongs == {}
    assert len(commands) > 20, "the commands are not counted"
