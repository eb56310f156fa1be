"""Rounds over all connections within a pace: `lifecycle.patrol`."""

import heapq
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event

import pytest

from connector.accounts import AccessToken, Account, Connection, ConnectionStatus, Grant
from connector.errors import Misconfigured, RateLimited, Unavailable
from connector.instagram.tokens import LongToken
from connector.lifecycle.pace import Pace
from connector.lifecycle.patrol import LEASE, SOON, Patrol, Visit
from connector.lifecycle.refresh import Refreshing
from connector.lifecycle.upkeep import HOURLY, RUN_SECONDS, VISIT_SECONDS, WRITE_SECONDS
from connector.logs import metrics
from connector.storage.connections import COLLECTION, Connections
from connector.storage.rounds import Rounds
from connector.tenancy import Tenant

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERVAL = 600  # seconds from run to run


class Time:
    """A time that passes while somebody sleeps or works, and no other time."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def moment(self):
        return START + timedelta(seconds=self.seconds)

    def sleep(self, seconds):
        self.seconds += seconds


class Queue:
    """Rounds in memory: as `storage.rounds`, for many."""

    def __init__(self, number, time):
        self.time = time
        self.due = [(START, index) for index in range(number)]

    def take(self, lease):
        if not self.due or self.due[0][0] > self.time.moment():
            return None
        return connection_of(heapq.heappop(self.due)[1])

    def rest(self, connection, until):
        heapq.heappush(self.due, (until, int(connection.tenant.agent_id)))


def connection_of(index):
    return Connection(
        Tenant("sub", str(index)),
        Account(str(17841400000000000 + index), None, "acme", None),
        "agent_r",
        ConnectionStatus.CONNECTED,
        generation=1,
        token_version=1,
        connected_at=START - timedelta(days=51),
        last_event_at=None,
        last_error=None,
        grant=Grant(issued_at=START - timedelta(days=51), expires_at=START + timedelta(days=9)),
    )


class Stores:
    """Tokens that can be renewed, and the stores behind: what was written when."""

    def __init__(self, time):
        self.time = time
        self.puts = {}

    def refresh_account(self, token):
        return LongToken(f"{token.value}+", None)

    def put_access_token(self, tenant, secrets_id, token, *, key_id):
        self.puts[tenant] = self.time.seconds
        return 2

    def renew(self, connection, grant, *, token_version):
        return connection


def runs(patrol, time, hours):
    """Run as the schedule does, in each of these hours."""
    for number in range(hours[0] * 3600 // INTERVAL, (hours[-1] + 1) * 3600 // INTERVAL):
        time.seconds = number * INTERVAL
        patrol.run(RUN_SECONDS)
        assert time.seconds <= number * INTERVAL + RUN_SECONDS + 1, "it is over before the next one"


def fullest_second(moments):
    """Return how many of these moments lie within one second, at most."""
    moments = sorted(moments)
    return max(sum(first <= one < first + 0.999 for one in moments[at : at + 50]) for at, first in enumerate(moments))


def test_ten_thousand_connections_have_their_turn_in_an_hour_at_five_a_second_at_most():
    time, visits = Time(), {}

    def visit(connection):
        visits.setdefault(connection.tenant, []).append(time.seconds)
        return Visit(Counter(), HOURLY)

    patrol = Patrol(Queue(10_000, time), visit, Pace(VISIT_SECONDS, time, time.sleep), time.moment, workers=1)
    runs(patrol, time, range(1))
    assert len(visits) == 10_000
    assert max(map(max, visits.values())) < 3600
    runs(patrol, time, range(1, 5))
    gaps = [later - sooner for one in visits.values() for sooner, later in pairwise(one)]
    assert min(gaps) >= 3600
    assert max(gaps) <= 3600 + 2 * INTERVAL
    assert fullest_second([at for one in visits.values() for at in one]) <= 5


def test_g1_if_all_ten_thousand_tokens_are_due_at_once_they_are_written_one_a_second_within_four_hours():
    time = Time()
    stores = Stores(time)
    refreshing = Refreshing(stores, stores, stores, "alias/k", Pace(WRITE_SECONDS, time, time.sleep), clock=time.moment)

    def visit(connection):
        if connection.tenant not in stores.puts:
            assert refreshing.is_due(connection)
            refreshing.refresh(connection, AccessToken("IGAA"))
        return Visit(Counter(), HOURLY)

    patrol = Patrol(Queue(10_000, time), visit, Pace(VISIT_SECONDS, time, time.sleep), time.moment, workers=1)
    runs(patrol, time, range(4))
    assert len(stores.puts) == 10_000
    assert fullest_second(stores.puts.values()) == 1, "SSM takes three in a second"


def test_g1_where_two_refresh_already_a_third_goes_on_with_its_round_and_is_due_again(race):
    under_way, go_on = [Event(), Event()], Event()
    stores = Stores(Time())

    def put(tenant, secrets_id, token, *, key_id):
        under_way[int(tenant.agent_id)].set()
        go_on.wait(30)
        return 2

    stores.put_access_token = put
    refreshing = Refreshing(stores, stores, stores, "alias/k", Pace(0), lambda: START)
    token = AccessToken("IGAA")

    def refresh(index):
        if index < 2:
            return refreshing.refresh(connection_of(index), token)
        for one in under_way:
            one.wait(30)
        try:
            return refreshing.refresh(connection_of(index), token)
        finally:
            go_on.set()

    first, second, third = race(3, refresh)
    assert third == (connection_of(2), token)
    assert first[1] == second[1] == AccessToken("IGAA+")
    assert refreshing.refresh(connection_of(0), token)[1] == AccessToken("IGAA+"), "there is a hand free again"


# ── on a real mongod


class Setting:
    """Some connections, and the patrol that visits them."""

    def __init__(self, database, number=8):
        self.moment = START
        self.rounds = Rounds(database[COLLECTION], "upkeep", lambda: self.moment)
        self.connections = Connections(database[COLLECTION])
        self.visited = []
        for index in range(number):
            one = connection_of(index)
            self.connections.connect(one.tenant, one.account, retell_agent_id="agent_r", token_version=1)

    def visit(self, connection):
        self.visited.append(connection.tenant.agent_id)
        return Visit(Counter(ConnectionsChecked=1), HOURLY)

    def run(self, visit=None, workers=3, seconds=60):
        return Patrol(self.rounds, visit or self.visit, Pace(0), lambda: self.moment, workers).run(seconds)

    def due(self):
        """Return how long each connection rests from now on, in order."""
        found = {}
        while (one := self.rounds.take(timedelta(days=100))) or not self._is_late():
            if one is None:
                self.moment += timedelta(minutes=1)
            else:
                found[one.tenant.agent_id] = self.moment - START
        return found

    def _is_late(self):
        return self.moment > START + timedelta(hours=2)


@pytest.fixture
def setting(database):
    yield Setting(database)
    metrics.clear_metrics()  # what crashed here is no other test's crash


def test_each_connection_is_visited_once_and_rests_for_an_hour(setting):
    assert setting.run() == {"ConnectionsChecked": 8}
    assert setting.run() == {}
    assert sorted(setting.visited) == [str(index) for index in range(8)]
    assert set(setting.due().values()) == {HOURLY}


def test_i9_of_several_runs_at_one_moment_none_visits_what_another_does(setting, race):
    results = race(4, lambda _: setting.run())
    assert sum(results, Counter()) == {"ConnectionsChecked": 8}
    assert sorted(setting.visited) == [str(index) for index in range(8)]


def test_a_run_begins_no_visit_when_its_time_is_over(setting):
    def visit(connection):
        setting.moment += timedelta(seconds=20)
        return setting.visit(connection)

    assert setting.run(visit, workers=1, seconds=50) == {"ConnectionsChecked": 3}


@pytest.mark.parametrize(
    "error",
    [Unavailable("SSM is throttled."), Misconfigured("denied"), RateLimited("slow"), KeyError("unforeseen")],
    ids=lambda error: type(error).__name__,
)
def test_g1_g3_a_visit_that_fails_is_counted_and_made_again_soon_and_the_others_have_their_turn(setting, error):
    def visit(connection):
        if connection.tenant.agent_id in "0123":
            raise error
        return setting.visit(connection)

    counted = setting.run(visit)
    assert (counted["ConnectionsChecked"], counted["VisitsFailed"]) == (4, 4)
    assert setting.due() == dict.fromkeys("0123", SOON) | dict.fromkeys("4567", HOURLY)
    assert {setting.connections.get(Tenant("sub", name)).status for name in "01234567"} == {"connected"}


def test_a_connection_whose_worker_was_killed_is_visited_again_when_the_lease_is_over(setting):
    class Killed(BaseException):
        pass

    def visit(connection):
        raise Killed

    with pytest.raises(Killed):
        setting.run(visit, workers=1)
    assert setting.run() == {"ConnectionsChecked": 7}
    setting.moment += LEASE
    assert setting.run() == {"ConnectionsChecked": 1}


def test_f3_where_the_connections_cannot_be_read_the_run_fails_and_the_next_one_goes_on(setting, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(setting.rounds, "take", lambda _: (_ for _ in ()).throw(Unavailable("down")))
        with pytest.raises(Unavailable):
            setting.run()
    assert setting.run() == {"ConnectionsChecked": 8}
