"""A worker may die, or a call may fail, at any step: every one of them is tried, and every two of them together.

`stories.py` says what happens, `faults.py` what can go wrong, `judge.py` what must hold in the end.
"""

from itertools import pairwise

import pytest

from tests.model.clock import Clock
from tests.model.enumeration import Enumeration
from tests.model.faults import READS
from tests.model.memory.outbox import Outbox
from tests.model.memory.stores import MemoryStores
from tests.model.memory.turns import Turns
from tests.model.snapshots import fingerprint
from tests.model.stories import ADA, STORIES, Echo

ALL = [(name, echo) for name, story in STORIES.items() for echo in story.echoes]


def _enumeration(name, echo=Echo.SOON, stores=MemoryStores):
    clock, story = Clock(), STORIES[name]
    stores = stores(clock, story.most_messages)
    return Enumeration(story.told(stores, clock, echo), stores, story.wrongs)


def _told(wrongs):
    """Return the first few of what is wrong, each with what had gone wrong before."""
    few = list(wrongs.items())[:5]
    told = "\n".join("\n  ".join(["after", *path, "it is wrong that", *found]) for path, found in few)
    return f"{len(wrongs)} ways end badly:\n{told}"


@pytest.mark.parametrize(("name", "echo"), ALL, ids=[f"{name}, echoed {echo.name.lower()}" for name, echo in ALL])
def test_c13_e10_f2_whatever_two_steps_go_wrong_nothing_is_lost_asked_twice_or_sent_twice(name, echo):
    """C1 to C13."""
    enumeration = _enumeration(name, echo)
    ways = enumeration.run(faults=2)
    assert not enumeration.wrongs, _told(enumeration.wrongs)
    assert ways > 3000, "the steps are not counted"


@pytest.mark.parametrize("name", STORIES)
def test_a_story_in_which_nothing_goes_wrong_ends_as_it_should(name):
    enumeration = _enumeration(name)
    assert enumeration.run(faults=0) == 1
    assert not enumeration.wrongs, _told(enumeration.wrongs)


@pytest.mark.parametrize("name", STORIES)
def test_a_step_that_is_counted_as_one_that_only_reads_leaves_nothing_behind(name):
    """The enumeration takes a reading that was done for one that was not."""
    enumeration = _enumeration(name)
    system, stores = enumeration.system, enumeration.stores
    found = []

    def look(step):
        found.append((step, fingerprint(system, stores)))

    system.trouble.before = look
    while errand := system.next():
        found.clear()
        system.work(errand)
        for (step, before), (following, after) in pairwise(found):
            is_read = step.name in READS and step.worker == following.worker
            assert not is_read or before == after, f"{step.name} has changed something"


class _ForgetsWhatWasSent(MemoryStores):
    def outbox(self, tenant):
        outbox = super().outbox(tenant)
        outbox.record_sent = lambda message, mid: None
        return outbox


class _ForgetsThatItAsks(MemoryStores):
    def turns(self, tenant):
        turns = super().turns(tenant)
        turns.begin_asking = lambda chat: chat
        return turns


class _NeverLooksAgain(MemoryStores):
    def wakes_at(self):
        return None


class _ForgetsTheFence(MemoryStores):
    def outbox(self, tenant):
        outbox: Outbox = super().outbox(tenant)
        outbox.record_absent = lambda message: outbox.record_sent(message, "made up")
        return outbox


class _EndsNothing(MemoryStores):
    def turns(self, tenant):
        turns: Turns = super().turns(tenant)
        turns.finish = lambda *_, **__: False
        return turns


@pytest.mark.parametrize(
    ("broken", "wrong"),
    [
        (_ForgetsWhatWasSent, "stands at sending"),
        (_ForgetsThatItAsks, f"agent_1 heard “hi” of {ADA} 2 times"),
        (_NeverLooksAgain, "a turn stands at"),
        (_ForgetsTheFence, "and was never sent"),
        (_EndsNothing, "it never becomes quiet"),
    ],
)
def test_the_enumeration_finds_out_a_store_that_is_broken(broken, wrong):
    enumeration = _enumeration("two parts", Echo.NEVER, broken)
    enumeration.run(faults=1)
    told = [one for wrongs in enumeration.wrongs.values() for one in wrongs]
    assert any(wrong in one for one in told), sorted(set(told))
