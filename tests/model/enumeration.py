"""Every way in which one step, or two, of a story go wrong.

The story is told once without faults; at each of its steps it is told on from there with a fault, and so on for the
second. What was told before a fault is not told again: the system goes back to where it was. And where two ways lead to
the same, to the byte, the rest is the same too: it is told once, and counted for both.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model.errands import Errand
from tests.model.faults import Way, ways
from tests.model.memory.stores import MemoryStores
from tests.model.snapshots import load, save
from tests.model.system import System

_MOST_ERRANDS = 100

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
    _known: dict[bytes, int] = field(default_factory=dict)
    _ended: set[bytes] = field(default_factory=set)

    def run(self, faults: int) -> int:
        """Tell the story in all ways, and return how many there are."""
        return self._go_on(faults, ())

    def _go_on(self, faults: int, path: Path) -> int:
        """Tell it from where the system is, with at most so many more faults, and return how many ways there are."""
        if not faults:
            self._end(path)
            return 1
        state = save(self.system, self.stores)
        name = pickle.dumps((faults, state))
        if name not in self._known:
            self._known[name] = self._tell(faults, path, state)
        return self._known[name]

    def _tell(self, faults: int, path: Path, state: Any) -> int:
        errand = self.system.next()
        if errand is None:
            self._judge(path)
            return 1
        steps = self._work(errand, {})
        return self._go_on(faults, path) + self._strike(state, errand, {}, steps, faults, path)

    def _end(self, path: Path) -> None:
        """Tell it to its end, without any more faults, unless that is known."""
        for _ in range(_MOST_ERRANDS):
            name = pickle.dumps(save(self.system, self.stores))
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
        self, state: Any, errand: Errand, faults: Mapping[int, Way], steps: list[str], left: int, path: Path
    ) -> int:
        """Do an errand again from a state, with one more fault, at every step after those that are there."""
        total = 0
        for number in range(max(faults, default=-1) + 1, len(steps)):
            for way in ways(steps[number]):
                load(self.system, self.stores, state)
                more = {**faults, number: way}
                these_steps = self._work(errand, more)
                told = (*path, f"{errand.kind} {number}, {steps[number]}: {way}")
                total += self._go_on(left - 1, told)
                if left > 1:
                    total += self._strike(state, errand, more, these_steps, left - 1, told)
        return total

    def _work(self, errand: Errand, faults: Mapping[int, Way]) -> list[str]:
        self.worked += 1
        return self.system.work(errand, faults)
