"""The webhook's function as Lambda calls it: the real handler and secrets, and an SQS as strict as AWS is."""

import importlib
import json
from base64 import b64encode
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from connector.envelopes import InboxMessage, read
from connector.gateway import LambdaAnswer, LambdaEvent
from tests.unit.payloads import connection_path, http_event, signed_headers
from tests.unit.strict_sqs import StrictSqs

PATH = connection_path("sub_1", "agent_1")
CONTEXT = SimpleNamespace(
    function_name="webhook",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:webhook",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 8_000,
)


class Killed(BaseException):
    """Raised where Lambda kills the function: nothing in the code may catch it."""


class WebhookFunction:
    """The function, and what it has put on the inbox queue."""

    def __init__(self, sqs: StrictSqs) -> None:
        self.sqs = sqs
        # Afresh, as a new execution environment loads it.
        self._module: Any = importlib.reload(importlib.import_module("functions.webhook.app"))

    def call(self, event: LambdaEvent) -> LambdaAnswer:
        """Have Lambda call the handler."""
        answer: LambdaAnswer = self._module.handler(event, CONTEXT)
        return answer

    def post(
        self, raw: bytes, *, path: str = PATH, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> LambdaAnswer:
        """Have Meta post these bytes, signed unless `headers` say otherwise."""
        headers = signed_headers(raw) if headers is None else headers
        text, is_base64 = _as_aws_wraps(raw)
        return self.call(http_event(method, path, headers=headers, text=text, is_base64=is_base64))

    def queued(self) -> list[InboxMessage]:
        """Take everything off the queue, in the order in which it came."""
        return queued(self.sqs)


def queued(sqs: StrictSqs) -> list[InboxMessage]:
    """Take every inbox message off a queue, in the order in which it came."""
    bodies = [*sqs.bodies]
    sqs.bodies.clear()
    sqs.batches.clear()
    return [InboxMessage.of(read(body)) for body in bodies]


def put_secrets(aws: Any) -> None:
    """Write what a deployment has: the app's secret and token, and a connection's token."""
    aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "of the app"}))
    aws.put_secret("connections/sub_1/agent_1/webhook", json.dumps({"verifyToken": "meatyhamhock"}))


def _as_aws_wraps(raw: bytes) -> tuple[str, bool]:
    """Return a body as API Gateway hands it over: as text where it is some, else in base64."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return b64encode(raw).decode(), True
