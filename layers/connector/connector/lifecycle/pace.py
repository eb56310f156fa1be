"""Keeping a pace: calls that many threads make, one after another and not too soon."""

import time
from collections.abc import Callable
from threading import Lock


class Pace:
    """Lets callers go one at a time, `seconds` apart, however many threads they are in."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._lock = Lock()

    def wait(self) -> None:
        """Wait for one's turn. Who waits does not keep others from lining up."""
        with self._lock:
            moment = self._clock()
            mine = max(self._next, moment)
            self._next = mine + self._seconds
        self._sleep(mine - moment)
