"""Rounds over all connections: `storage.rounds`, on a real mongod."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.accounts import Account
from connector.storage.connections import COLLECTION, Connections
from connector.storage.index_builds import ensure_indexes
from connector.storage.rounds import Rounds
from connector.tenancy import Tenant

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=2)


class Setting:
    """Some connections, a job, and the time."""

    def __init__(self, database):
        self.moment = START
        self.connections = Connections(database[COLLECTION])
        self.rounds = Rounds(database[COLLECTION], "upkeep", lambda: self.moment)
        ensure_indexes(database)

    def connect(self, name):
        account = Account(str(17841400000000000 + len(name)), "1", name, None)
        return self.connections.connect(Tenant("sub", name), account, retell_agent_id="a", token_version=1)

    def take(self):
        taken = self.rounds.take(LEASE)
        return taken and taken.tenant.agent_id


@pytest.fixture
def setting(database):
    return Setting(database)


def test_each_connection_is_taken_once_until_its_time_comes_again(setting):
    for name in ("a", "bb", "ccc"):
        setting.connect(name)
    assert {setting.take(), setting.take(), setting.take()} == {"a", "bb", "ccc"}
    assert setting.take() is None


def test_what_has_waited_longest_comes_first(setting):
    for hours, name in enumerate(("a", "bb", "ccc")):
        setting.rounds.rest(setting.connect(name), START - timedelta(hours=hours))
    setting.connect("dddd")
    assert [setting.take() for _ in range(5)] == ["dddd", "ccc", "bb", "a", None]


def test_a_connection_whose_worker_died_is_taken_again_after_the_lease(setting):
    setting.connect("a")
    setting.take()
    setting.moment += LEASE - timedelta(seconds=1)
    assert setting.take() is None
    setting.moment += timedelta(seconds=1)
    assert setting.take() == "a"


def test_a_connection_that_rests_is_left_alone_and_so_is_one_that_has_ended(setting):
    setting.rounds.rest(setting.connect("a"), START + timedelta(seconds=1))
    setting.connect("bb")
    setting.connections.disconnect(Tenant("sub", "bb"))
    assert setting.take() is None


def test_of_eight_workers_at_once_each_takes_another(setting, race):
    for length in range(1, 9):
        setting.connect("a" * length)
    assert len({one.tenant for one in race(8, lambda _: setting.rounds.take(LEASE))}) == 8


def test_finding_the_next_one_examines_one_index_entry_per_connection_taken(setting, database):
    for length in range(1, 60):
        setting.rounds.rest(setting.connect("a" * length), START + timedelta(days=1))
    setting.rounds.rest(setting.connections.get(Tenant("sub", "a")), START)
    database.command("profile", 2)
    assert setting.take() == "a"
    database.command("profile", 0)
    (seen,) = database["system.profile"].find({"command.findAndModify": COLLECTION})
    database.drop_collection("system.profile")
    assert seen["docsExamined"] <= 2
    assert seen["keysExamined"] <= 4
