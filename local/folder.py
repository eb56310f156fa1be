"""The folder that holds a system's data: one run at a time, and run.json only while it runs.

`python -m local.folder` fails with a sentence while a system runs in `.local`: its data must not be deleted then.
"""

import fcntl
import json
import os
import sys
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


def read_run(path: Path) -> dict[str, str]:
    """Return what run.json says of the system that runs in a folder.

    Raises:
        CannotStart: none runs there, or it has not started yet.
    """
    if claimant(path) is None:
        raise CannotStart(f"No system runs in {path}. Start one first: make run")
    try:
        run: dict[str, str] = json.loads((path / "run.json").read_text())
    except FileNotFoundError as error:
        raise CannotStart("The system is still starting. Try again when `make run` says Ready.") from error
    return run


def claimant(path: Path) -> str | None:
    """Return the process id of the run that uses the folder; None where none does."""
    try:
        with (path / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read() or "unknown"
    except FileNotFoundError:
        pass
    return None


@contextmanager
def claimed(path: Path) -> Iterator[Folder]:
    """Take the folder, and clear away what a killed run told of itself.

    Raises:
        CannotStart: another run has the folder.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"Another `make run` uses {path}. Stop it first, or set LOCAL_DIR to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        run = path / "run.json"
        run.unlink(missing_ok=True)
        try:
            yield Folder(path)
        finally:
            run.unlink(missing_ok=True)


def main(path: Path) -> int:
    """Say whether the folder may be deleted. Returns the exit status."""
    process = claimant(path)
    if process is None:
        return 0
    print(f"`make run` uses {path} (process {process}). Stop it first: Ctrl-C in its terminal.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".local").resolve()))
