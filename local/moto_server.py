"""moto as a server of SSM and SQS, with the secrets kept between runs.

moto holds everything in memory. Each successful write to SSM is therefore appended to a journal, and played back at the
next start: names, values and version numbers stand again, as they stood.

`python -m local.moto_server JOURNAL` prints its URL when it is ready, and serves until its standard input ends: it
ends when the process that started it has gone, however it went.
"""

import base64
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from werkzeug.serving import make_server

from local.aws import ssm_client
from local.simulators.origins import may_call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from moto.sqs.models import Queue
    from mypy_boto3_ssm import SSMClient

_PUT = "AmazonSSM.PutParameter"
_WRITES = {_PUT, "AmazonSSM.DeleteParameter", "AmazonSSM.DeleteParameters"}


class Journal:
    """A WSGI app around moto that writes down every change of SSM's parameters, and can play them back."""

    def __init__(self, app: "WSGIApplication", path: Path) -> None:
        self._app = app
        self._path = path
        self._lock = threading.Lock()
        self._is_playing = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass a request on, and write it down when it has changed something."""
        if not may_call(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")):  # no SDK names an origin
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"Websites may not call this server."]
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target not in _WRITES:
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        statuses: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            statuses.append(status)
            return start_response(status, headers, exc_info)

        with self._lock:
            answer = list(self._app(environ, start))
            if statuses and statuses[0].startswith("200") and not self._is_playing:
                self._write({"target": target, "body": base64.b64encode(body).decode("ascii")})
                if target != _PUT:
                    self._forget(json.loads(body))
        return answer

    def play(self, ssm: "SSMClient") -> None:
        """Bring back what earlier runs have written."""
        self._is_playing = True
        for target, request in self._entries():
            match target:
                case "AmazonSSM.PutParameter":
                    ssm.put_parameter(**request)
                case "AmazonSSM.DeleteParameter":
                    ssm.delete_parameter(**request)
                case "AmazonSSM.DeleteParameters":
                    ssm.delete_parameters(**request)
        self._is_playing = False

    def _entries(self) -> Iterable[tuple[str, Any]]:
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a process that was killed while it wrote
            yield entry["target"], json.loads(base64.b64decode(entry["body"]))

    def _forget(self, deleted: Mapping[str, Any]) -> None:
        """Rewrite the journal without the deleted parameters: their values were secrets.

        A parameter that is made again starts at version 1, as after a deletion.
        """
        names = {deleted.get("Name"), *deleted.get("Names", ())}
        kept = [
            (target, request) for target, request in self._entries() if target == _PUT and request["Name"] not in names
        ]
        beside = self._path.with_name(f"{self._path.name}.next")
        beside.touch(mode=0o600)
        beside.write_text("".join(_line(target, request) for target, request in kept))
        beside.replace(self._path)

    def _write(self, entry: dict[str, str]) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as journal:
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            os.fsync(journal.fileno())


def _line(target: str, request: Any) -> str:
    body = base64.b64encode(json.dumps(request).encode()).decode("ascii")
    return json.dumps({"target": target, "body": body}) + "\n"


def wait_until_due(queue: "Queue", timeout: float) -> None:
    """Wait until a message of the queue is due, or for `timeout` seconds.

    In place of moto's own `Queue.wait_for_messages`, which a new message wakes but a delay that ends does not: a
    delayed message then comes up to a second late. moto has no public way to see when its messages are due.
    """
    with queue._messages_lock:  # noqa: SLF001
        now = time.time() * 1000
        due = [max(one.delayed_until, one.visible_at) for one in queue._messages]  # noqa: SLF001
        if any(moment < now for moment in due):
            return
        queue._messages_lock.wait(min([timeout, *((moment - now + 1) / 1000 for moment in due)]))  # noqa: SLF001


def serve(journal_path: Path) -> None:
    """Serve until standard input ends."""
    # moto's SSM imports all of EC2, to describe instances: a second of start-up for what nobody here asks for.
    sys.modules["moto.ec2"] = SimpleNamespace(ec2_backends={})  # type: ignore[assignment]
    from moto.server import DomainDispatcherApplication, create_backend_app
    from moto.sqs.models import Queue

    Queue.wait_for_messages = wait_until_due  # type: ignore[method-assign,assignment]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    journal = Journal(DomainDispatcherApplication(create_backend_app), journal_path)
    server = make_server("127.0.0.1", 0, journal, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    journal.play(ssm_client(url))
    print(url, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
