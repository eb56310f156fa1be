"""The inside of the execution environments: one process that imports what all functions import, and forks into them.

The packages of the layer take most of a second to import, and there are two dozen functions. Imported once, they are
there for all of them at once, and once in memory. What the layer and the functions are made of themselves, each
environment imports for itself, with its own environment variables.

An environment loads a handler, then answers one event after another. Events come as lines of JSON on standard input;
answers go, after the line "loaded", to the standard output that it was born with. What a handler prints is a log, and
goes to standard error.
"""

import gc
import importlib.util
import json
import os
import signal
import socket
import sys
import time
import traceback
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

PACKAGES = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "boto3",
    "jwt",
    "pydantic",
    "pymongo",
    "regex",
    "requests",
)
"""What is imported before forking: slow, without threads, and without an eye for the environment variables."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    timeout_seconds: int
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_limit_in_mb: int = 512
    began_at: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """Return the ARN that the function would have."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take, in ms."""
        return max(0, round((self.timeout_seconds - (time.monotonic() - self.began_at)) * 1000))


def serve(path: Path) -> None:
    """Serve the handler of `path` until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    spec = importlib.util.spec_from_file_location("app", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    answers.write("loaded\n")
    for line in sys.stdin:
        invocation = json.loads(line)
        answers.write(json.dumps(_invoke(app.handler, invocation, path.parent.name)) + "\n")


def _invoke(handler: Any, invocation: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        return {"answer": handler(invocation["event"], Context(name, invocation["timeout"]))}
    except Exception as error:  # noqa: BLE001 - as Lambda: whatever it is, the caller learns that it failed
        return {"error": type(error).__name__}


def fork_for_each(requests: socket.socket) -> None:
    """Fork an environment for each request, until there are no more of them.

    A request is a byte with four files (standard input, output and error, and one that only tells that the environment
    lives), and a line of JSON with the handler's path and the environment variables. The answer is the process id, in
    four bytes.
    """
    for package in PACKAGES:
        importlib.import_module(package)
    gc.freeze()  # what is never collected is never written to, and its memory stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an environment
    lines = requests.makefile("rb")
    while files := socket.recv_fds(requests, 1, 4)[1]:
        request = json.loads(lines.readline())
        process_id = os.fork()
        if process_id == 0:
            os.close(requests.fileno())
            _become(Path(request["app"]), request["variables"], files)
        for file in files:
            os.close(file)
        requests.sendall(process_id.to_bytes(4))


def _become(app: Path, variables: dict[str, str], files: list[int]) -> NoReturn:
    """Serve a handler in a process that has just been forked, and end with it."""
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(variables)
        serve(app)
    except BaseException:  # noqa: BLE001 - as where Python ends: whatever it is, it is written down
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    fork_for_each(socket.socket(fileno=int(sys.argv[1])))
