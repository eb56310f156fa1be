"""A time that goes on only when it is told to."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """The time in a simulated system."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        """Return what time it is."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until then, if that is not over."""
        self.moment = max(self.moment, moment)
