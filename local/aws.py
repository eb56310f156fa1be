"""SSM and SQS on one machine: moto, behind one URL, with the secrets kept between runs.

moto holds everything in memory. Each successful write to SSM is therefore appended to a journal, and played back at the
next start: names, values and version numbers stand again, as they stood.
"""

import base64
import io
import json
import os
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from local.template import Queue

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_ssm import SSMClient

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}

_WRITES = {"AmazonSSM.PutParameter", "AmazonSSM.DeleteParameter", "AmazonSSM.DeleteParameters"}


class Journal:
    """A WSGI app around moto that writes down every change of SSM's parameters, and can play them back."""

    def __init__(self, app: "WSGIApplication", path: Path) -> None:
        self._app = app
        self._path = path
        self._lock = threading.Lock()
        self._is_playing = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass a request on, and write it down when it has changed something."""
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
        return answer

    def play(self, ssm: "SSMClient") -> None:
        """Bring back what earlier runs have written."""
        self._is_playing = True
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the last line of a process that was killed while it wrote
            request = json.loads(base64.b64decode(entry["body"]))
            match entry["target"]:
                case "AmazonSSM.PutParameter":
                    ssm.put_parameter(**request)
                case "AmazonSSM.DeleteParameter":
                    ssm.delete_parameter(**request)
                case "AmazonSSM.DeleteParameters":
                    ssm.delete_parameters(**request)
        self._is_playing = False

    def _write(self, entry: dict[str, str]) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as journal:
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            os.fsync(journal.fileno())


class Aws:
    """SSM and SQS, at one URL."""

    def __init__(self, folder: Path) -> None:
        moto = DomainDispatcherApplication(create_backend_app)
        self._journal = Journal(moto, folder / "parameters.jsonl")
        self._server = make_server("127.0.0.1", 0, self._journal, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve, with the parameters of earlier runs."""
        self._thread.start()
        self._journal.play(self.ssm)

    def stop(self) -> None:
        """Stop serving. What was only in a queue is gone."""
        self._server.shutdown()
        self._server.server_close()

    @cached_property
    def ssm(self) -> "SSMClient":
        """Return an SSM client."""
        return boto3.client("ssm", endpoint_url=self.url, **_CLIENT)

    def sqs(self) -> "SQSClient":
        """Return an SQS client."""
        return boto3.client("sqs", endpoint_url=self.url, **_CLIENT)

    def create_queues(self, queues: Iterable[Queue]) -> dict[str, str]:
        """Create the template's queues and return their URLs by name."""
        sqs = self.sqs()
        urls: dict[str, str] = {}
        for queue in sorted(queues, key=lambda queue: queue.dead_letters is not None):  # dead letters first
            attributes: dict[QueueAttributeNameType, str] = {"VisibilityTimeout": str(queue.visibility_seconds)}
            if queue.dead_letters:
                arn = sqs.get_queue_attributes(QueueUrl=urls[queue.dead_letters], AttributeNames=["QueueArn"])
                attributes["RedrivePolicy"] = json.dumps(
                    {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": queue.max_receives}
                )
            urls[queue.name] = sqs.create_queue(QueueName=queue.name, Attributes=attributes)["QueueUrl"]
        return urls

    def put_parameter(self, name: str, value: str) -> None:
        """Set a SecureString, unless it has this value already."""
        ssm = self.ssm
        try:
            if ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == value:
                return
        except ssm.exceptions.ParameterNotFound:
            pass
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


_CLIENT: dict[str, Any] = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}
