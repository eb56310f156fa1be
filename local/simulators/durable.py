"""Typed state that is shared by threads and stands again after the process was killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter


class DurableState[T]:
    """One value behind one lock, kept as one JSON file where a file is given.

    The file is written beside its place and then renamed over it. A process that is killed with -9 at any
    moment therefore leaves either the previous state or the whole new one. Nothing is synced to the disk:
    the page cache outlives a process, and a simulator need not outlive the machine.
    """

    def __init__(self, adapter: TypeAdapter[T], initial: T, file: Path | None) -> None:
        self._adapter = adapter
        self._file = file
        self._lock = Lock()
        self._value = initial if file is None or not file.exists() else adapter.validate_json(file.read_bytes())

    @contextmanager
    def read(self) -> Iterator[T]:
        """Lend the value while the block runs. Do not change it here, and do not wait for anything."""
        with self._lock:
            yield self._value

    @contextmanager
    def change(self) -> Iterator[T]:
        """Lend the value to be changed; write it to the file when the block ends.

        A block that raises is not written. It must raise before it changes anything, since there is no
        rollback in memory.
        """
        with self._lock:
            yield self._value
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_name(f"{self._file.name}.next")
        beside.touch(mode=0o600)  # it may hold access tokens
        beside.write_bytes(self._adapter.dump_json(self._value))
        beside.replace(self._file)
