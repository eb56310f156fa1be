"""How often something is tried again, and when that ends."""

from datetime import datetime, timedelta

from connector.errors import TryLater

PATIENCE = timedelta(minutes=15)
"""How long a customer waits for an agent that is down, and a lost message for its proof."""

_BACK_OFF_SECONDS = (5, 15, 45, 120, 300)


def wait_seconds(error: TryLater, tries: int) -> int:
    """Return when to try again, in seconds. What the other side asks for is the least; an outage lasts longer."""
    return max(_BACK_OFF_SECONDS[min(tries, len(_BACK_OFF_SECONDS)) - 1], error.after_seconds)


def is_over(since: datetime, moment: datetime, error: TryLater, tries: int) -> bool:
    """Return whether the next try would come after all patience."""
    return moment + timedelta(seconds=wait_seconds(error, tries)) > since + PATIENCE
