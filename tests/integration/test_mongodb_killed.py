"""The only mongod there is steps down, or is killed, in the middle of a turn: the turn goes on where it stood.

Each test has a mongod of its own, which confirms no write before it is on the disk, and the connector's own client.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pymongo
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from connector.storage.mongodb import Document
from connector.storage.mongodb import database as connected
from local.mongodb import Mongod
from tests.model.clock import Clock
from tests.model.faults import Died, Step
from tests.model.mongodb_stores import MongodbStores
from tests.model.stories import STORIES
from tests.model.system import System

pytestmark = pytest.mark.races

STORY = STORIES["two parts"]
IN_A_TURN = ("agent.ask", "turns.store_answer", "outbox.record_sent", "turns.finish")
# It does not look for long for a mongod that is gone. One that is there may take its time, whatever the machine's load.
SOON_SURE = {"serverSelectionTimeoutMS": 500}
IN_ORDER = 7  # errands: the message, its turn, and two echoes; each but the turn is told and taken in


opened: list[Database[Document]] = []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where mongod has its data."""
    return tmp_path / "mongodb"


@pytest.fixture
def mongod(folder: Path) -> Iterator[Mongod]:
    """A mongod whose writes outlive it."""
    started = Mongod(folder)
    started.launch()
    started.wait_until_ready()
    yield started
    with pymongo.timeout(0.1):  # to take leave of a mongod that may be gone
        for database in opened:
            database.client.close()
    opened.clear()
    connected.cache_clear()
    started.stop()


def _uri(mongod: Mongod) -> str:
    return f"mongodb://127.0.0.1:{mongod.port}/test?replicaSet=rs0"


def _database(mongod: Mongod) -> Database[Document]:
    opened.append(connected(_uri(mongod)))
    return opened[-1]


def _told(database: Database[Document]) -> System:
    clock = Clock()
    stores = MongodbStores(database, clock)
    stores.ensure_indexes()
    return STORY.told(stores, clock)


def _at(system: System, name: str, happens: Callable[[], object]) -> None:
    """Have something happen just before the first step of this name."""

    def before(step: Step) -> None:
        if step.name == name:
            system.trouble.before = lambda _: None
            happens()

    system.trouble.before = before


def _kill(mongod: Mongod, folder: Path) -> None:
    os.kill(int((folder / "mongod.pid").read_text()), signal.SIGKILL)
    mongod.stop()  # there is nothing left to stop: this looks after what is left of the process


def _start_again(mongod: Mongod, system: System) -> None:
    """Start it with what was on the disk. It has another address, and so there are other workers."""
    mongod.launch()
    mongod.wait_until_ready()
    system.go_on_with(MongodbStores(_database(mongod), system.clock))


@pytest.mark.parametrize("step", IN_A_TURN)
def test_f1_a_primary_that_steps_down_in_a_turn_costs_one_retry_of_the_driver(mongod, step):
    client = _database(mongod).client
    system = _told(_database(mongod))

    def term() -> int:
        return int(client.admin.command("replSetGetStatus")["term"])

    before = term()
    _at(system, step, lambda: client.admin.command({"replSetStepDown": 1, "force": True}))
    system.run()
    assert STORY.wrongs(system) == []
    assert term() > before, "there was no election"
    assert system.errands.made == IN_ORDER


@pytest.mark.parametrize("step", IN_A_TURN)
def test_c13_f3_a_mongod_that_is_killed_in_a_turn_with_its_worker_has_what_it_confirmed(mongod, folder, step):
    system = _told(_database(mongod))

    def die_together() -> None:
        _kill(mongod, folder)
        _start_again(mongod, system)
        raise Died

    _at(system, step, die_together)
    system.run()
    assert STORY.wrongs(system) == []


@pytest.mark.parametrize("step", IN_A_TURN)
def test_f3_while_no_mongod_answers_a_turn_is_put_off_and_then_goes_on_where_it_stood(mongod, folder, step):
    system = _told(_database(mongod))
    with MongoClient[Document](_uri(mongod), tz_aware=True, w="majority", **SOON_SURE) as client:
        system.go_on_with(MongodbStores(client["test"], system.clock))
        _at(system, step, lambda: _kill(mongod, folder))
        for _ in range(6):
            if errand := system.errands.first():
                system.work(errand)
    assert system.errands.first(), "nothing is put off"
    _start_again(mongod, system)
    system.run()
    assert STORY.wrongs(system) == []
