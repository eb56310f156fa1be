"""Every way in which one step, or two, of a story go wrong.

The story is told once without faults; at each of its steps it is told on from there with a fault, and so on for the
second. What was told before a fault is not told again: the system goes back to where it was. What is the same is told
once, and counted for all of them:

* Where two ways have led to the same state, all that follows is the same.
* A worker that dies before a step, or after the one before it, dies between the two.
* What only reads leaves nothing behind: done or not done, dead before or after, is one.
"""

import gc
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model.errands import Errand
from tests.model.faults import READS, Step, Way, ways
from tests.model.memory.stores import MemoryStores
from tests.model.snapshots import fingerprint, load, save
from tests.model.system import System

_MOST_ERRANDS = 100
_IF_IT_READS = {Way.DIES_AFTER: Way.DIES_BEFORE, Way.UNKNOWN: Way.FAILS}

type Path = tuple[str, ...]


@dataclass
class Enumeration:
    """Tells one story with all combinations of at most so many faults."""

    system: System
    stores: MemoryStores
    judge: Callable[[System], list[str]]
    wrongs: dict[Path, list[str]] = field(default_factory=dict)
    """What was wrong in the end, by what had gone wrong."""
    worked: int = 0
    """How often a worker did something."""
    _known: dict[Hashable, int] = field(default_factory=dict)
    _ended: set[Hashable] = field(default_factory=set)

    def run(self, faults: int) -> int:
        """Tell the story in all ways, and return how many there are."""
        gc.disable()  # what is told makes much that is kept and nothing that goes round in circles
        try:
            return self._go_on(faults, ())
        finally:
            gc.enable()

    def _go_on(self, faults: int, path: Path) -> int:
        """Tell it from where the system is, with at most so many more faults, and return how many ways there are."""
        if not faults:
            self._end(path)
            return 1
        state = save(self.system, self.stores)
        name = (faults, fingerprint(self.system, self.stores))
        if name not in self._known:
            self._known[name] = self._tell(faults, path, state)
        return self._known[name]

    def _tell(self, faults: int, path: Path, state: Any) -> int:
        errand = self.system.next()
        if errand is None or self.system.errands.made > _MOST_ERRANDS:
            self._judge(path)
            return 1
        steps = self._work(errand, {})
        return self._go_on(faults, path) + self._strike(state, errand, {}, steps, faults, path)

    def _end(self, path: Path) -> None:
        """Tell it to its end, without any more faults, unless that is known."""
        for _ in range(_MOST_ERRANDS):
            name = fingerprint(self.system, self.stores)
            if name in self._ended:
                return
            self._ended.add(name)
            errand = self.system.next()
            if errand is None:
                break
            self._work(errand, {})
        self._judge(path)

    def _judge(self, path: Path) -> None:
        if wrongs := self.judge(self.system):
            self.wrongs[path] = wrongs

    def _strike(
        self, state: Any, errand: Errand, faults: Mapping[int, Way], steps: Sequence[Step], left: int, path: Path
    ) -> int:
        """Do an errand again from a state, with one more fault, at every step after those that are there."""
        steps = steps[max(faults, default=-1) + 1 :]
        told: dict[tuple[int, Way], int] = {}
        total = 0
        for step, one_before in zip(steps, (None, *steps), strict=False):
            for way in ways(step.name):
                same = _same(step, way, one_before)
                if same not in told:
                    told[same] = self._struck(state, errand, {**faults, step.number: way}, left, path)
                told[step.number, way] = told[same]
                total += told[same]
        return total

    def _struck(self, state: Any, errand: Errand, faults: Mapping[int, Way], left: int, path: Path) -> int:
        load(self.system, self.stores, state)
        steps = self._work(errand, faults)
        struck = steps[max(faults)]
        path = (*path, f"{errand.kind}, step {struck.number}, {struck.name}: {faults[struck.number]}")
        total = self._go_on(left - 1, path)
        return total + (self._strike(state, errand, faults, steps, left - 1, path) if left > 1 else 0)

    def _work(self, errand: Errand, faults: Mapping[int, Way]) -> list[Step]:
        self.worked += 1
        return self.system.work(errand, faults)


def _same(step: Step, way: Way, one_before: Step | None) -> tuple[int, Way]:
    """Return a step and a way that come to the same, and are tried earlier; or else these."""
    if step.name in READS and way in _IF_IT_READS:
        return step.number, _IF_IT_READS[way]
    if way is Way.DIES_BEFORE and one_before and one_before.worker == step.worker:
        return one_before.number, Way.DIES_AFTER
    return step.number, way
