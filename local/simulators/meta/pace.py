"""How often something happens."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from threading import Lock

_SECOND_MS = 1000


@dataclass(frozen=True)
class Pace:
    """Lets so many calls of each account through in any one second. It is forgotten at a restart."""

    calls_per_second: int
    _taken: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    _lock: Lock = field(default_factory=Lock)

    def allows(self, account_id: str, now: int) -> bool:
        """Count a call at `now`, in milliseconds, unless it is one too many."""
        with self._lock:
            taken = self._taken[account_id]
            while taken and taken[0] <= now - _SECOND_MS:
                taken.popleft()
            if len(taken) >= self.calls_per_second:
                return False
            taken.append(now)
            return True
