"""The real Lambda runtime, without a container: AWS's Runtime Interface Emulator, which ships with the SAM CLI."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.contract.building import SITE, Artifacts, machine, python
from tests.contract.deployment import deployment

_INVOKE = "2015-03-31/functions/function/invocations"
_START_SECONDS = 20


class Function:
    """One function of the build, in an execution environment of its own."""

    def __init__(self, url: str, log: Path, seconds: int) -> None:
        self._url = f"{url}/{_INVOKE}"
        self._log = log
        self._seconds = seconds

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Return what the handler answers to an event."""
        answer = requests.post(self._url, json=event, timeout=self._seconds + 10).json()
        failed = isinstance(answer, dict) and "errorType" in answer
        assert not failed, f"the function failed: {answer}\n{self.log}"
        return answer

    @property
    def log(self) -> str:
        """What the function and its runtime have written."""
        return self._log.read_text(errors="replace")


@contextlib.contextmanager
def running(artifacts: Artifacts, folder: str, variables: Mapping[str, str], log: Path) -> Iterator[Function]:
    """Run a function of the build as Lambda does, with `variables` besides what every function is given."""
    task = artifacts.function(folder)
    properties = deployment().functions[folder]
    emulator = SITE / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{machine()}"
    invocations, runtime = _free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": properties["Handler"],
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_FUNCTION_NAME": folder,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(properties["Timeout"]),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PYTHONPATH": artifacts.python_path(folder),
    }
    # fmt: off
    command = [
        str(emulator), "--log-level", "info",
        "--runtime-interface-emulator-address", f"127.0.0.1:{invocations}",
        "--runtime-api-address", f"127.0.0.1:{runtime}",
        *python(), "-m", "awslambdaric", properties["Handler"],
    ]
    # fmt: on
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=task,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the emulator starts the runtime as its child: both must end
        )
        try:
            _await_listener(process, invocations, log)
            yield Function(f"http://127.0.0.1:{invocations}", log, properties["Timeout"])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(_START_SECONDS)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, f"the emulator has ended:\n{log.read_text(errors='replace')}"
            assert time.monotonic() < deadline, f"the emulator does not listen:\n{log.read_text(errors='replace')}"
            time.sleep(0.02)
        else:
            return
