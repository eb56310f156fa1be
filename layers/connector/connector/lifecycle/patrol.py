"""Rounds over all connections, by several workers, within the time and the pace that others allow.

The sums, for 10,000 connections. A run begins every ten minutes and takes connections for 450 s, five a second at most:
13,500 an hour, so that each has its turn about once an hour. Each visit reads one secret (SSM allows an account 40
reads a second, for everything) and makes three calls of the Graph API (five for a Page), a second's work: twelve
workers do at least five such visits a second. Tokens are written one a second at most (SSM allows three); of 10,000,
each once in 50 days, eight are due in an hour, and if all are due at once they are done in four hours, of the ten days
that are left. Where Meta is slow the round takes longer; whoever has waited longest comes first.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import Connection
from connector.errors import ConnectorError
from connector.lifecycle.pace import Pace
from connector.lifecycle.upkeep import SOON, Visit
from connector.logs import log_crash, log_refusal
from connector.storage.rounds import Rounds

RUN_SECONDS = 450
VISIT_SECONDS = 1 / 5
WRITE_SECONDS = 1
_WORKERS = 12
LEASE = timedelta(minutes=3)  # longer than a visit, with Meta at its slowest


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
        try:
            return self.visit(connection)
        except ConnectorError as error:
            log_refusal(error)
        except Exception as error:  # noqa: BLE001 - logged; one connection must not keep the rest from being visited
            log_crash(error)
        return Visit(Counter(VisitsFailed=1), SOON)
