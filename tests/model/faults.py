"""Steps, and what can go wrong at one: each call of a port is a step, and a step can fail in several ways."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NamedTuple

from connector.errors import ConnectorError, OutcomeUnknown, RateLimited, TryLater, Unavailable


class Died(BaseException):
    """Raised where a worker is killed: nothing in the code may catch it."""


class Way(StrEnum):
    """How a step goes wrong."""

    DIES_BEFORE = "the worker dies before it"
    DIES_AFTER = "the worker dies after it, before it knows"
    FAILS = "it is not done, and says so"
    UNKNOWN = "it is done, and an error is all that comes back"
    LOST = "it is not done, and nobody can know"
    LIMITED = "it is not done, since there were too many"


READS = frozenset(
    {
        *("agent.transcript", "chats.has", "chats.ongoing", "connections.get", "connections.of_account"),
        *("kept.about", "kept.before", "outbox.has_sent", "outbox.is_to"),
        *("messenger.person", "messenger.sent_since", "outbox.known", "waiting.late"),
    }
)
"""The steps that leave nothing behind."""

_ALWAYS = (Way.DIES_BEFORE, Way.DIES_AFTER, Way.FAILS, Way.UNKNOWN)
_OF_STEP = {"agent.ask": (*_ALWAYS, Way.LOST), "messenger.send": (*_ALWAYS, Way.LOST, Way.LIMITED)}
_LIMIT_SECONDS = 2400  # more than a queue can wait


def ways(step: str) -> tuple[Way, ...]:
    """Return how a step can go wrong."""
    return _OF_STEP.get(step, _ALWAYS)


def failure(step: str, way: Way) -> ConnectorError:
    """Return the error that a living worker meets."""
    if way is Way.LIMITED:
        return RateLimited("too many", after_seconds=_LIMIT_SECONDS)
    if not step.startswith(("agent.", "messenger.")):
        return Unavailable("down")
    # Of what only reads, or may be made again, the adapters say TryLater whatever happened.
    is_unknown = step in _OF_STEP and way in (Way.UNKNOWN, Way.LOST)
    return OutcomeUnknown("lost") if is_unknown else TryLater("not now")


class Step(NamedTuple):
    """A step that was made."""

    number: int
    name: str
    worker: int
    """Who made it: within the step of one worker, others may be at work."""


class Trouble:
    """Counts the steps of an errand, and strikes at some of them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.before: Callable[[Step], None] = lambda _: None
        """Called before a step: what else happens in the world just then."""
        self.next_time: dict[str, Way] = {}
        """How the next step of a name goes wrong, whenever it is made."""
        self._faults: Mapping[int, Way] = {}
        self._worker = self._workers = 0

    def begin(self, faults: Mapping[int, Way]) -> None:
        """Begin an errand that goes wrong at these steps."""
        self.steps = []
        self._faults = faults
        self._worker = self._workers = 0

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Count the steps made within as those of a worker of its own."""
        another = self._worker
        self._workers += 1
        self._worker = self._workers
        try:
            yield
        finally:
            self._worker = another

    def passes(self, name: str, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Make the call of a port, or strike before or after it."""
        step = Step(len(self.steps), name, self._worker)
        self.steps.append(step)
        self.before(step)
        way = self.next_time.pop(name, None) or self._faults.get(step.number)
        if way is None:
            return call(*args, **kwargs)
        if way in (Way.DIES_AFTER, Way.UNKNOWN):
            call(*args, **kwargs)
        raise Died if way in (Way.DIES_BEFORE, Way.DIES_AFTER) else failure(name, way)


class Port:
    """A port of which each call is a step."""

    def __init__(self, name: str, inner: Any, trouble: Trouble) -> None:
        self._name, self._inner, self._trouble = name, inner, trouble

    def __getattr__(self, name: str) -> Any:
        """Return a method of the port. It is looked up once."""
        step, call, passes = f"{self._name}.{name}", getattr(self._inner, name), self._trouble.passes

        def method(*args: Any, **kwargs: Any) -> Any:
            return passes(step, call, args, kwargs)

        setattr(self, name, method)
        return method
