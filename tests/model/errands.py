"""What waits for a worker: Meta's posts, and the two queues. What fails comes again, as with Meta and SQS."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from threading import RLock
from typing import Any

from connector.envelopes import InboxMessage, Task, TurnMessage
from tests.model.clock import Clock


class Kind(StrEnum):
    """Who is to take something."""

    POST = "webhook"
    EVENT = "ingest"
    TURN = "reply"
    SWEEP = "sweep"


# After how many seconds something comes again whose worker died: Meta's patience, and the queues' visibility timeouts.
_VISIBILITY_SECONDS = {Kind.POST: 60, Kind.EVENT: 60, Kind.TURN: 720}
_BACK_OFF_SECONDS = (5, 15, 45, 120, 300)
_MOST_RECEIVES = 8


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits for a worker."""

    due: datetime
    number: int
    kind: Kind
    what: Any
    """Meta's item, an InboxMessage or a TurnMessage."""
    tries: int = 0


class Errands:
    """All that waits."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waiting: tuple[Errand, ...] = ()
        self.dead: tuple[Errand, ...] = ()
        """What is in the dead-letter queues."""
        self.made = 0
        self._lock = RLock()

    def add(self, kind: Kind, what: Any, seconds: float = 0) -> None:
        """Have something wait for a worker, who may take it after so many seconds."""
        with self._lock:
            self.made += 1
            errand = Errand(self.clock() + timedelta(seconds=seconds), self.made, kind, what)
            self.waiting += (errand,)

    def first(self) -> Errand | None:
        """Return what is due first."""
        return min(self.waiting, key=lambda errand: (errand.due, errand.number), default=None)

    def take(self, errand: Errand) -> None:
        """Give something to a worker."""
        with self._lock:
            self.waiting = tuple(one for one in self.waiting if one is not errand)

    def fail(self, errand: Errand, *, died: bool) -> None:
        """Have something come again that was not acknowledged, or land in the dead-letter queue."""
        tries = errand.tries + 1
        if tries >= _MOST_RECEIVES and errand.kind is not Kind.POST:
            with self._lock:
                self.dead += (errand,)
            return
        at_once = errand.kind is Kind.POST or died
        wait = _VISIBILITY_SECONDS[errand.kind] if at_once else _BACK_OFF_SECONDS[min(tries, 5) - 1]
        with self._lock:
            self.waiting += (replace(errand, due=self.clock() + timedelta(seconds=wait), tries=tries),)


class TurnQueue:
    """The turn queue, for sending."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands

    def send(self, message: Task, *, delay_seconds: int = 0) -> None:
        """Have a conversation looked at. Fetch tasks are dropped: the model loses no webhook."""
        if not 0 <= delay_seconds <= 900:
            raise AssertionError(f"SQS does not delay by {delay_seconds} s")
        if isinstance(message, TurnMessage):
            self._errands.add(Kind.TURN, message, delay_seconds)

    def send_all(self, messages: Iterable[Task], *, delay_seconds: int = 0) -> int:
        """Have many conversations looked at."""
        for message in messages:
            self.send(message, delay_seconds=delay_seconds)
        return 0


class Inbox:
    """The inbox queue, for sending."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands

    def send_all(self, messages: Iterable[InboxMessage]) -> int:
        """Have events taken in."""
        for message in messages:
            self._errands.add(Kind.EVENT, message)
        return 0
