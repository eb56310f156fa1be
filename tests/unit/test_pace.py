"""Keeping a pace: `lifecycle.pace`."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connector.lifecycle.pace import Pace

SECONDS = 0.5


class Time:
    """A time that passes while somebody sleeps, and no other time."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds >= 0
        self.now += seconds


def passes(idle):
    """Return when each of several callers passes, who come so much later than the one before has passed."""
    time = Time()
    pace = Pace(SECONDS, time, time.sleep)
    found = []
    for seconds in idle:
        time.now += seconds
        pace.wait()
        found.append(time.now)
    return found


@given(st.lists(st.floats(0, 5), min_size=2, max_size=200))
def test_g1_no_two_pass_sooner_after_each_other_than_they_may_whenever_they_come(idle):
    found = passes(idle)
    assert min(later - sooner for sooner, later in pairwise(found)) >= SECONDS - 1e-6


def test_who_comes_late_enough_does_not_wait():
    assert passes([0, SECONDS, 10 * SECONDS]) == [1000, 1000 + SECONDS, 1000 + 11 * SECONDS]


def test_a_long_silence_saves_nothing_up():
    found = passes([0, 100, 0, 0])
    assert found[2:] == [found[1] + SECONDS, found[1] + 2 * SECONDS]


def test_of_twenty_threads_at_one_moment_each_waits_for_another_turn(race):
    waits = []
    pace = Pace(SECONDS, lambda: 1000.0, waits.append)
    race(20, lambda _: pace.wait())
    assert sorted(waits) == [SECONDS * number for number in range(20)]
