"""Many workers at once: threads that take errands off the same queues and work on the same stores.

Their time is the simulated one. It goes on with what they do, and when all of them are idle, to what is due next. What
is due at one time happens in whichever order the threads and the database bring about.
"""

import copy
from collections.abc import Callable, Mapping
from threading import Condition, Thread

from tests.model.errands import Errand, Kind
from tests.model.faults import Trouble, Way
from tests.model.system import System

type Faults = Callable[[], Mapping[int, Way]]

_STUCK_SECONDS = 120


class Crew:
    """Works off everything that a system has to do."""

    def __init__(self, system: System, faults: list[Faults]) -> None:
        """Put together one worker for each of `faults`, which tells what goes wrong in its next errand."""
        self.steps = self.faults = 0
        """How many steps were made, and at how many a fault struck."""
        self._system = system
        self._crew = [(_colleague(system), of_one) for of_one in faults]
        self._changed = Condition()
        self._busy = 0
        self._is_over = False

    def run(self) -> None:
        """Have everything done, until all is quiet."""
        threads = [Thread(target=self._work, args=one, daemon=True) for one in self._crew]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for colleague, _ in self._crew:
            self._system.crashes += colleague.crashes
            self._system.unheard |= colleague.unheard

    def _work(self, system: System, faults: Faults) -> None:
        try:
            while errand := self._next():
                wrong = faults()
                steps = system.work(errand, wrong)
                with self._changed:
                    self.steps += len(steps)
                    self.faults += sum(step.number in wrong for step in steps)
                    self._busy -= 1
                    self._changed.notify_all()
        except BaseException as error:
            system.crashes += (repr(error),)
            raise
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _next(self) -> Errand | None:
        """Return what to do now, or wait for it; None when all is quiet."""
        system = self._system
        with self._changed:
            while not self._is_over:
                first = system.errands.first()
                if first and first.due <= system.clock():
                    return self._taken(first)
                if not self._busy:
                    following = system.next()
                    if following is None:
                        return None
                    system.clock.advance_to(following.due)
                    if following.kind is Kind.SWEEP:
                        system.swept_at = following.due
                        return self._taken(following)
                elif not self._changed.wait(_STUCK_SECONDS):
                    raise AssertionError("a worker is stuck")
        return None

    def _taken(self, errand: Errand) -> Errand:
        self._system.errands.take(errand)
        self._busy += 1
        return errand


def _colleague(system: System) -> System:
    """Return the same system, with workers of its own."""
    system.agent()
    colleague = copy.copy(system)
    colleague.trouble = Trouble()
    colleague.crashes, colleague.unheard = (), frozenset()
    colleague.go_on_with(system.stores)
    return colleague
