"""The clock that invokes functions in `make run`."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.environments import InvocationFailed, Pool
from local.forkserver import ForkServer
from local.scheduler import Scheduler, event_of
from local.template import Function, Schedule

pytestmark = pytest.mark.races

PATIENCE_SECONDS = 30  # of a test that fails; all others go on as soon as it happens


class Invoked:
    """A function that remembers when it was invoked, with what, and by how many at once."""

    def __init__(self, *, failures: int = 0, hold: threading.Event | None = None) -> None:
        self.events: list[Any] = []
        self.most_at_once = 0
        self._at_once = 0
        self._failures = failures
        self._hold = hold
        self._changed = threading.Condition()

    def __call__(self, event: Mapping[str, Any]) -> None:
        with self._changed:
            self.events.append(event)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        if self._hold:
            self._hold.wait(PATIENCE_SECONDS)
        with self._changed:
            self._at_once -= 1
        if len(self.events) <= self._failures:
            raise InvocationFailed("sweep raised RuntimeError")

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, PATIENCE_SECONDS), len(self.events)


@contextmanager
def running(invoked: Invoked, *schedules: Schedule) -> Iterator[Scheduler]:
    scheduler = Scheduler(Function("sweep", Path(), 15, {}, (), None, schedules), invoked)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


class Time(threading.Event):
    """A clock that moves only while the scheduler waits or a run lasts; it stops the scheduler after an hour."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        return self.now >= 3600


def test_a_function_is_invoked_at_once_and_then_at_its_rate():
    time = Time()
    started: list[float] = []
    lasts = iter([60, 0, 290, 0, 700, 60])

    def invoke(event: Mapping[str, Any]) -> None:
        started.append(time.now)
        time.now += next(lasts, 0)

    schedules = (Schedule("Every", 300),)
    scheduler = Scheduler(
        Function("sweep", Path(), 15, {}, (), None, schedules), invoke, clock=lambda: time.now, stopping=time
    )
    scheduler.start()
    scheduler._thread.join(PATIENCE_SECONDS)

    # The rate counts from start to start. A run that lasts longer is followed at once, and missed runs are dropped.
    assert started == [0, 300, 600, 900, 1200, 1900, 2200, 2500, 2800, 3100, 3400]


def test_every_schedule_of_a_function_is_due_at_the_start_with_its_own_event():
    invoked = Invoked()
    with running(invoked, Schedule("Daily", 86400, '{"what": "purge"}'), Schedule("Every", 3600)):
        invoked.wait_for(2)

    assert invoked.events[0] == {"what": "purge"}
    assert invoked.events[1]["source"] == "aws.scheduler"


def test_a_function_is_never_invoked_twice_at_once_and_misses_what_came_due_meanwhile():
    hold = threading.Event()
    invoked = Invoked(hold=hold)
    with running(invoked, Schedule("Every", 0.02), Schedule("Also", 0.02)):
        invoked.wait_for(1)
        assert not hold.wait(0.2)  # ten runs would come due while the first lasts
        assert len(invoked.events) == 1
        hold.set()
        invoked.wait_for(4)

    assert invoked.most_at_once == 1


def test_a_failed_invocation_is_told_and_the_schedule_goes_on(capsys):
    invoked = Invoked(failures=1)
    with running(invoked, Schedule("Every", 0.01)):
        invoked.wait_for(2)

    assert capsys.readouterr().out == "  sweep raised RuntimeError; its log says why\n"


def test_stopping_waits_for_the_invocation_in_work_and_begins_no_other():
    hold = threading.Event()
    invoked = Invoked(hold=hold)
    with running(invoked, Schedule("Every", 0.01)) as scheduler:
        invoked.wait_for(1)
        stopping = threading.Thread(target=scheduler.stop)
        stopping.start()
        assert scheduler._stopping.wait(PATIENCE_SECONDS)
        assert stopping.is_alive()
        hold.set()
        stopping.join(PATIENCE_SECONDS)

    assert not stopping.is_alive()
    assert len(invoked.events) == 1


def test_stopping_does_not_wait_for_the_next_time():
    invoked = Invoked()
    with running(invoked, Schedule("Every", 86400)) as scheduler:
        invoked.wait_for(1)
        scheduler.stop()

    assert not scheduler._thread.is_alive(), "it waits a day"


@pytest.mark.parametrize(
    ("is_rule", "source", "resource", "detail"),
    [
        (False, "aws.scheduler", "arn:aws:scheduler:us-east-1:000000000000:schedule/default/sweep-Every", "{}"),
        (True, "aws.events", "arn:aws:events:us-east-1:000000000000:rule/sweep-Every", {}),
    ],
)
def test_the_event_is_what_aws_sends_for_a_schedule_without_input(is_rule, source, resource, detail):
    event = event_of(Schedule("sweep-Every", 60, is_rule=is_rule))

    assert set(event) == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    }
    assert (event["detail-type"], event["source"], event["detail"]) == ("Scheduled Event", source, detail)
    assert event["resources"] == [resource]


def test_a_function_that_answers_nothing_runs_in_an_environment_of_its_own(tmp_path):
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    print(event['source'], context.function_name)\n")
    server = ForkServer()
    pool = Pool(Function("sweep", folder, 15, {}, (), None), {}, tmp_path, server)
    try:
        assert pool.invoke(event_of(Schedule("Every", 60))) is None
    finally:
        pool.stop()
        server.stop()

    assert (tmp_path / "sweep.log").read_text() == "aws.scheduler sweep\n"
