"""Settings that make a simulator misbehave, and how they are spent."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition
from typing import Any

from pydantic import BaseModel


class FaultBoard[Settings: BaseModel]:
    """The faults that are set now.

    A setting that equals its default is no fault. Counting faults ("the next three sends") count down to
    that default while they are used. Faults are not kept over a restart: a fresh process behaves.
    """

    def __init__(self, kind: type[Settings]) -> None:
        self._kind = kind
        self._lock = Condition()
        self._settings = kind()

    @contextmanager
    def open(self) -> Iterator[Settings]:
        """Lend the settings, to be looked at or counted down while no other thread does."""
        with self._lock:
            yield self._settings

    def put(self, changes: Mapping[str, Any]) -> None:
        """Set the named faults and leave the others; pydantic.ValidationError if one is unknown or wrong."""
        with self._lock:
            self._settings = self._kind.model_validate(self._dump() | dict(changes))
            self._lock.notify_all()

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._settings = self._kind()
            self._lock.notify_all()

    def delay(self, seconds: Callable[[Settings], float]) -> None:
        """Wait as long as the settings say; a change of the settings changes a wait that has begun."""
        began_at = time.monotonic()
        with self._lock:
            while (left := seconds(self._settings) - (time.monotonic() - began_at)) > 0:
                self._lock.wait(left)

    def active(self) -> dict[str, Any]:
        """Show what is set now, by name, with the counts that are left."""
        with self._lock:
            return self._dump()

    def _dump(self) -> dict[str, Any]:
        return self._settings.model_dump(by_alias=True, exclude_defaults=True)
