"""The folder that holds a system's data: one run at a time, and run.json only while it runs."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is this run's own."""

    path: Path

    def write_run(self, run: Mapping[str, str]) -> None:
        """Tell others, in run.json, where the system is. It is there whole, or not at all."""
        written = self.path / "run.tmp"
        written.touch(mode=0o600)
        written.write_text(json.dumps(run, indent=2))
        written.replace(self.path / "run.json")


@contextmanager
def claimed(path: Path) -> Iterator[Folder]:
    """Take the folder, and clear away what a killed run told of itself.

    Raises:
        CannotStart: another run has the folder.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"Another `make run` uses {path}. Stop it first, or set LOCAL_DIR to another folder."
            ) from error
        run = path / "run.json"
        run.unlink(missing_ok=True)
        try:
            yield Folder(path)
        finally:
            run.unlink(missing_ok=True)
