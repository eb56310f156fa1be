"""The inside of an execution environment: load a handler, then answer one event after another.

Events come as lines of JSON on standard input; answers go, after the line "loaded", to the standard output that this
process was born with. What a handler prints is a log, and goes to standard error.
"""

import importlib.util
import json
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


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


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
