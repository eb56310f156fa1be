"""The process that execution environments are forked from: see `local/runtime.py`, which is what runs in it."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from local.template import ROOT


class Child:
    """A forked process. What it is asked goes into `stdin`, what it answers comes out of `stdout`."""

    def __init__(self, process_id: int, stdin: IO[bytes], stdout: IO[bytes], lifeline: IO[bytes]) -> None:
        self._process_id = process_id
        self._lifeline = lifeline
        self.stdin = stdin
        self.stdout = stdout

    def has_ended(self, within: float = 0) -> bool:
        """Return whether it has ended, or does so within so many seconds: the lifeline's other end closes then."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._lifeline, selectors.EVENT_READ)
            return bool(selector.select(within))

    def kill(self) -> None:
        """End it at once."""
        if not self.has_ended():
            os.kill(self._process_id, signal.SIGKILL)

    def end(self, within: float) -> None:
        """Let it finish what it is doing, or end it after so many seconds."""
        with suppress(OSError):  # it may have ended without reading all that it was asked
            self.stdin.close()
        if not self.has_ended(within):
            self.kill()
            self.has_ended(within)
        self.stdout.close()
        self._lifeline.close()


class ForkServer:
    """Launches that process, and has it fork. It ends when this one does, however that ends: its socket closes."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.runtime", str(theirs.fileno())],
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT / "layers" / "connector"), "LANG": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us: an environment may finish what it is doing
            )

    def fork(self, app: Path, variables: Mapping[str, str], log: IO[bytes]) -> Child:
        """Start a process that serves the handler in `app`, with these environment variables and no others.

        Raises:
            OSError: the server has ended.
        """
        request = json.dumps({"app": str(app), "variables": dict(variables)}).encode() + b"\n"
        with ExitStack() as ours, ExitStack() as theirs:
            (their_stdin, stdin), (stdout, their_stdout), (lifeline, their_lifeline) = os.pipe(), os.pipe(), os.pipe()
            for file in (their_stdin, their_stdout, their_lifeline):
                theirs.callback(os.close, file)
            files = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(lifeline, "rb")
            for one in files:
                ours.enter_context(one)
            with self._lock:
                socket.send_fds(self._socket, [b"\n"], [their_stdin, their_stdout, log.fileno(), their_lifeline])
                self._socket.sendall(request)
                answer = self._socket.recv(4, socket.MSG_WAITALL)
            if not answer:
                raise ConnectionError("the process that environments are forked from has ended")
            ours.pop_all()
        return Child(int.from_bytes(answer), *files)

    def stop(self) -> None:
        """End the server. Its children go on until their standard input closes."""
        self._socket.close()
        self._process.wait()
