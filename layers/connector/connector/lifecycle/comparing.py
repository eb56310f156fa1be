"""Comparing each connection's threads with what is stored of them, again and again.

The sums, for 10,000 connections. A run begins every five minutes and takes connections for 200 s, ten a second at most:
2,000, so that each has its turn every half an hour with some to spare. Where nothing was written a visit is one call of
the Graph API; where something was, it is one for each 25 conversations, and one more for each that lacks something.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import Connection
from connector.conversation.recovery import Recovery
from connector.errors import ReconnectNeeded, Refused, TryLater
from connector.lifecycle.patrol import Visit
from connector.logs import logger

RUN_SECONDS = 200
VISIT_SECONDS = 1 / 10
LONGEST = timedelta(seconds=60)
_REST = timedelta(minutes=30)
_SOON = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Comparing:
    """Compares connections, as a visit of a patrol."""

    recovery: Recovery
    clock: Callable[[], datetime]

    def visit(self, connection: Connection) -> Visit:
        """Compare a connection. It has its next turn soon where something was missing, or is left to do.

        Raises:
            Unavailable: a store or queue failed.
        """
        if not connection.is_connected:
            return Visit(Counter(), _SOON)  # it is compared as soon as its owner has let us in again
        try:
            found = self.recovery.compare(connection, until=self.clock() + LONGEST)
        except TryLater as error:
            logger.warning("conversations not compared", extra={"code": error.code})
            return Visit(Counter(), max(_SOON, timedelta(seconds=error.after_seconds)))
        except (Refused, ReconnectNeeded) as error:
            logger.warning("conversations not compared", extra={"code": error.code})
            return Visit(Counter(), _REST)
        counted = Counter(ConversationsCompared=found.checked, MessagesRecovered=found.recovered)
        return Visit(counted, _SOON if found.recovered or not found.is_complete else _REST)
