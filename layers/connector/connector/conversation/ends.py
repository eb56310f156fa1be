"""How work on a turn is broken off: for good, or until there is proof."""

from connector.chat import TurnState
from connector.errors import TryLater


class Ended(Exception):
    """Raised inside a turn to end it."""

    def __init__(self, state: TurnState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Unproven(TryLater):
    """Raised while nobody can tell whether something was done. `reason` is how the turn ends if that never changes."""

    def __init__(self, reason: str, message: str, *, after_seconds: int = 5) -> None:
        super().__init__(message, after_seconds=after_seconds)
        self.reason = reason
