"""A time that goes on only when it is told to."""

from datetime import UTC, datetime, timedelta
from threading import Lock

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """The time in a simulated system."""

    def __init__(self) -> None:
        self.moment = START
        self._lock = Lock()

    def __call__(self) -> datetime:
        """Return what time it is."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.moment += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until then, if that is not over."""
        with self._lock:
            self.moment = max(self.moment, moment)
