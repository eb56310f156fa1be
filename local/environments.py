"""Execution environments: each function in processes of its own, as on Lambda.

A process has only the environment variables that the template gives its function, serves one invocation at a time and
keeps what it has loaded. More are started while all are busy, up to a bound. They end when this process does, however
it ends: their standard input closes then.
"""

import json
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from local.aws import CREDENTIALS
from local.forkserver import ForkServer
from local.template import ROOT, Function

_STOP_SECONDS = 3


def runtime_variables(aws_url: str) -> dict[str, str]:
    """Return what the Lambda runtime gives every function, and where AWS is."""
    return CREDENTIALS | {
        "AWS_ENDPOINT_URL": aws_url,
        "PYTHONPATH": str(ROOT / "layers" / "connector"),
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


class InvocationFailed(Exception):
    """Raised when a handler raised, or its process died or ran out of time."""


class Environment:
    """One process that serves one function."""

    def __init__(self, function: Function, variables: Mapping[str, str], log: IO[bytes], server: ForkServer) -> None:
        self._function = function
        try:
            self._process = server.fork(function.folder / "app.py", variables, log)
        except OSError as error:
            raise InvocationFailed(f"{function.name} cannot be started: {error}") from error
        self._is_loaded = False
        self._is_dying = False

    def wait_until_loaded(self) -> None:
        """Wait until the handler is imported, or has failed to be."""
        if not self._is_loaded:
            self._is_loaded = bool(self._process.stdout.readline())

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Return the handler's answer.

        Raises:
            InvocationFailed: there is none. The process is gone then, as on Lambda after a timeout.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        timer = threading.Timer(self._function.timeout_seconds, self._process.kill)
        self.wait_until_loaded()
        timer.start()
        try:
            stdin.write(json.dumps({"event": event, "timeout": self._function.timeout_seconds}).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = b""  # it died before it was asked
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self._is_dying = True
            raise InvocationFailed(f"{self._function.name} died, or ran out of its {self._function.timeout_seconds} s")
        answer = json.loads(line)
        if "error" in answer:
            raise InvocationFailed(f"{self._function.name} raised {answer['error']}")
        return answer["answer"]

    @property
    def is_alive(self) -> bool:
        """Return whether the process can be invoked again."""
        return not self._is_dying and not self._process.has_ended()

    def stop(self) -> None:
        """End the process, which may finish what it is doing."""
        self._process.end(_STOP_SECONDS)


class Pool:
    """The execution environments of one function."""

    def __init__(
        self, function: Function, variables: Mapping[str, str], logs: Path, server: ForkServer, *, most: int = 4
    ) -> None:
        self._function = function
        self._variables = variables
        self._server = server
        self._log = (logs / f"{function.name}.log").open("ab")
        self._slots = threading.BoundedSemaphore(most)
        self._idle: queue.LifoQueue[Environment] = queue.LifoQueue()
        self._busy: set[Environment] = set()

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Invoke the function, in an idle environment or a new one.

        Raises:
            InvocationFailed: as `Environment.invoke`.
        """
        with self._slots:
            environment = self._take()
            self._busy.add(environment)
            try:
                return environment.invoke(event)
            finally:
                self._busy.discard(environment)
                if environment.is_alive:
                    self._idle.put(environment)
                else:
                    environment.stop()

    def warm(self) -> None:
        """Start one environment ahead of the first invocation, and wait until it has loaded."""
        with self._slots:
            if self._idle.empty():
                environment = Environment(self._function, self._variables, self._log, self._server)
                environment.wait_until_loaded()
                self._idle.put(environment)

    def stop(self) -> None:
        """End all environments, those at work too."""
        while not self._idle.empty():
            self._idle.get().stop()
        for environment in tuple(self._busy):
            environment.stop()
        self._log.close()

    def _take(self) -> Environment:
        while True:
            try:
                environment = self._idle.get_nowait()
            except queue.Empty:
                return Environment(self._function, self._variables, self._log, self._server)
            if environment.is_alive:
                return environment
            environment.stop()
