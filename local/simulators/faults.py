"""Settings that make a simulator misbehave, and how they are spent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pydantic import BaseModel


class FaultBoard[Settings: BaseModel]:
    """The faults that are set now.

    A setting that equals its default is no fault. Counting faults ("the next three sends") count down to
    that default while they are used. Faults are not kept over a restart: a fresh process behaves.
    """

    def __init__(self, kind: type[Settings]) -> None:
        self._kind = kind
        self._lock = Lock()
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

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._settings = self._kind()

    def active(self) -> dict[str, Any]:
        """Show what is set now, by name, with the counts that are left."""
        with self._lock:
            return self._dump()

    def _dump(self) -> dict[str, Any]:
        return self._settings.model_dump(by_alias=True, exclude_defaults=True)
