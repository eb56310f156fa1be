"""Rounds over all connections, by several workers, within the time and the pace that others allow."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import Connection
from connector.errors import ConnectorError
from connector.lifecycle.pace import Pace
from connector.logs import log_crash, log_refusal, log_scope
from connector.storage.rounds import Rounds

SOON = timedelta(minutes=15)
LEASE = timedelta(minutes=3)  # longer than a visit, with Meta at its slowest
_WORKERS = 12


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a visit to a connection."""

    counted: Counter[str]
    """By CloudWatch metric."""
    rest: timedelta
    """Until it is visited again."""


@dataclass(frozen=True, slots=True)
class Patrol:
    """Goes from connection to connection."""

    rounds: Rounds
    visit: Callable[[Connection], Visit]
    pace: Pace
    clock: Callable[[], datetime]
    workers: int = _WORKERS

    def run(self, seconds: float) -> Counter[str]:
        """Visit connections until none is due, or no time is left to begin another visit; return what was counted.

        Raises:
            Unavailable: the connections cannot be read; the next run does it.
        """
        until = self.clock() + timedelta(seconds=seconds)
        with ThreadPoolExecutor(self.workers, thread_name_prefix="patrol") as pool:
            working = [pool.submit(self._work, until) for _ in range(self.workers)]
        return sum((one.result() for one in working), Counter())

    def _work(self, until: datetime) -> Counter[str]:
        counted: Counter[str] = Counter()
        while self.clock() < until and (connection := self.rounds.take(LEASE)) is not None:
            self.pace.wait()
            visit = self._visit(connection)
            self.rounds.rest(connection, self.clock() + visit.rest)
            counted += visit.counted
        return counted

    def _visit(self, connection: Connection) -> Visit:
        """Visit a connection. Whatever is wrong with it, the others have their turn."""
        with log_scope(connection.tenant):
            try:
                return self.visit(connection)
            except ConnectorError as error:
                log_refusal(error)
            except Exception as error:  # noqa: BLE001 - logged; one connection must not keep the rest from a visit
                log_crash(error)
        return Visit(Counter(VisitsFailed=1), SOON)
