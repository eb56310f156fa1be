"""The calls that an invocation makes of MongoDB, SQS, Meta and Retell: to be counted, interrupted, or its last one.

A worker that is killed at a call does nothing more: whatever its code still tries on the way out is refused too.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from pymongo import monitoring


class Died(BaseException):
    """Raised where a worker is killed. No code may catch it."""


@dataclass
class _Death:
    function: str
    at: int
    after: bool


@dataclass
class _Worker:
    """An invocation that is watched."""

    function: str
    death: _Death | None
    steps: list[str] = field(default_factory=list)
    is_dead: bool = False


class _Invocations(threading.local):
    """Those of this thread, the innermost last."""

    def __init__(self) -> None:
        self.workers: list[_Worker] = []


class Calls(monitoring.CommandListener):
    """Watches the calls of invocations."""

    def __init__(self) -> None:
        self.steps: dict[str, list[str]] = {}
        """What the longest invocation of each function called."""
        self._invocations = _Invocations()
        self._death: _Death | None = None
        self._interruptions: list[tuple[str, bool, Callable[[], None]]] = []
        self._send = requests.Session.send

    def kill(self, function: str, at: int, *, after: bool) -> None:
        """Have the next invocation of a function die at its call number `at` (from 0), before or after it is made."""
        self._death = _Death(function, at, after)

    def interrupt(self, name: str, action: Callable[[], None], *, after: bool = False) -> None:
        """Have something happen once, before (or after) the next call of this name, such as `POST messages`."""
        self._interruptions.append((name, after, action))

    @property
    def has_killed(self) -> bool:
        """Return whether the requested death has happened."""
        return self._death is None

    def start(self, sqs: Any) -> None:
        """Begin to watch: all HTTP calls, this SQS client, and MongoDB clients that are made from now on."""
        monitoring.register(self)
        send = self._send

        def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            name = f"{request.method} {str(request.url).partition('?')[0].rpartition('/')[2]}"
            self._before(name)
            answer = send(session, request, **options)
            self._after(name)
            return answer

        requests.Session.send = watched  # type: ignore[method-assign]
        sqs.meta.events.register("before-call.sqs", lambda model, **_: self._before(model.name))
        sqs.meta.events.register("after-call.sqs", lambda model, **_: self._after(model.name))

    def stop(self) -> None:
        """Watch no more. (PyMongo keeps its listeners; without a worker this one does nothing.)"""
        requests.Session.send = self._send  # type: ignore[method-assign]

    @contextmanager
    def watching(self, function: str) -> Iterator[None]:
        """Watch an invocation of a function in this thread."""
        death = self._death if self._death and self._death.function == function else None
        worker = _Worker(function, death)
        self._invocations.workers.append(worker)
        try:
            yield
        finally:
            self._invocations.workers.pop()
            self.steps[function] = max(self.steps.get(function, []), worker.steps, key=len)
            if worker.is_dead:
                self._death = None

    def _worker(self) -> _Worker | None:
        """Return the innermost invocation of this thread; its own threads and all other clients are not watched."""
        workers = self._invocations.workers
        return workers[-1] if workers else None

    def _before(self, name: str) -> None:
        worker = self._worker()
        if worker is None:
            return
        if not worker.is_dead:
            self._interrupt(name, after=False)
            worker.steps.append(name)
            death = worker.death
            worker.is_dead = death is not None and not death.after and death.at == len(worker.steps) - 1
        if worker.is_dead:
            raise Died

    def _after(self, name: str) -> None:
        worker = self._worker()
        if worker is None:
            return
        death = worker.death
        worker.is_dead |= death is not None and death.after and death.at == len(worker.steps) - 1
        if worker.is_dead:
            raise Died
        self._interrupt(name, after=True)

    def _interrupt(self, name: str, *, after: bool) -> None:
        for interruption in self._interruptions:
            if interruption[:2] == (name, after):
                self._interruptions.remove(interruption)
                interruption[2]()
                return

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Be told that a command is about to be sent."""
        self._before(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Be told that a command has been carried out."""
        self._after(event.command_name)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Be told that a command has failed."""
