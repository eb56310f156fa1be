"""The two ways the simulators write a point in time."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since 1970, the unit of webhook timestamps and of Retell's objects."""
    return time.time_ns() // 1_000_000


def iso(moment_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds, the form of the control APIs."""
    text = datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
