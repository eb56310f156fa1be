"""SSM and SQS on one machine, at one URL: moto, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import CannotStart
from local.template import ROOT, Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_ssm import SSMClient

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}

_LOCAL: dict[str, Any] = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}


def ssm_client(url: str) -> "SSMClient":
    """Return an SSM client of the server at `url`."""
    import boto3  # slow, and not needed to launch the server

    return boto3.client("ssm", endpoint_url=url, **_LOCAL)


class Aws:
    """SSM and SQS, at one URL. The parameters of earlier runs stand again; what was only in a queue is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def launch(self) -> None:
        """Start the server."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.moto_server", str(self._folder / "parameters.jsonl")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us: the server is stopped after those that use it
        )

    def wait_until_ready(self) -> None:
        """Wait until it serves.

        Raises:
            CannotStart: it does not; it has said why.
        """
        if self._process and self._process.stdout:
            self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise CannotStart("The server of SSM and SQS did not start.")

    def stop(self) -> None:
        """Stop it."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            return
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    @cached_property
    def ssm(self) -> "SSMClient":
        """Return an SSM client."""
        return ssm_client(self.url)

    def sqs(self) -> "SQSClient":
        """Return an SQS client."""
        import boto3

        return boto3.client("sqs", endpoint_url=self.url, **_LOCAL)

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
