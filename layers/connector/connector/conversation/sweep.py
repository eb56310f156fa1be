"""Taking up what was left hanging: a lost queue message or a dead worker costs a customer minutes, not the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.ports.outside import TurnQueue
from connector.ports.stores import Waiting

# How long a chat that was just scheduled waits for a worker before it is scheduled again.
_REST = timedelta(seconds=55)  # the sweep runs each minute


@dataclass(frozen=True, slots=True)
class Sweep:
    """Schedules the turns, of all tenants, that somebody should have taken by now."""

    waiting: Waiting
    queue: TurnQueue
    clock: Callable[[], datetime]

    def run(self, limit: int) -> int:
        """Schedule up to `limit` turns and return how many. One turn message too many does no harm.

        Raises:
            Unavailable: a store or queue failed; the next run does it.
        """
        late = self.waiting.late(limit)
        if late:
            self.queue.send_all(late.values())
            self.waiting.put_off(late, self.clock() + _REST)
        return len(late)
