"""Structured logs and metrics, in one line of JSON each.

A line carries the ids of what it is about, as far as they are known: `requestId`, `subaccountId`, `agentId`, `chat`
(the document in `chats`), `chatId` (its session at Retell) and `turnId`.

What is logged is chosen field by field: ids of ours, counts, states, codes. A customer's words, names and ids, and
secrets of any kind, are not. The formatter is the second line of defence, not the first.
"""

import re
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from connector.errors import ConnectorError, InvalidRequest, Misconfigured, Unauthorized, Undeliverable
from connector.tenancy import Tenant

# Tokens of Meta (EAA…, IGA…), bearer headers and JWTs, wherever an exception may have carried them.
# A JWT is looked for where a word begins only: from each "eyJ" inside one, the time would grow with its square.
_SECRET = re.compile(r"EAA[\w-]{8,}|IGA[\w-]{8,}|Bearer [\w.~+/=-]+|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*")

_NO_IDS: Mapping[str, str] = MappingProxyType({})
_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default=_NO_IDS)


@contextmanager
def log_scope(tenant: Tenant | None = None, **ids: str | None) -> Iterator[None]:
    """Add these ids, and no others, to each line that is logged in the block.

    A thread needs a copy of its starter's context to see them.
    """
    token = _ids.set(_NO_IDS)
    try:
        identify(tenant, **ids)
        yield
    finally:
        _ids.reset(token)


def identify(tenant: Tenant | None = None, **ids: str | None) -> None:
    """Add ids to the lines that follow in the current scope: a tenant's, and others by name. None removes an id."""
    if tenant is not None:
        ids |= {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}
    merged = {**_ids.get(), **ids}
    _ids.set({name: value for name, value in merged.items() if value is not None})


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Writes a line with the ids of the current scope, and with anything that looks like a token struck out."""

    def serialize(self, log: Any) -> str:
        """Return the log record as JSON, redacted."""
        return _SECRET.sub("[redacted]", super().serialize({**log, **_ids.get()}))


# An invocation that counts nothing is no news.
warnings.filterwarnings("ignore", message="No application metrics to publish")

logger = Logger(logger_formatter=RedactingFormatter())
metrics = Metrics()


def count(name: str, value: int = 1) -> None:
    """Add to the CloudWatch metric `name` (flushed when the invocation ends)."""
    metrics.add_metric(name=name, unit="Count", value=value)


def log_refusal(error: ConnectorError) -> None:
    """Log an error that was told to a caller. A fault of the deployment is an error, the rest is daily life.

    What a caller sent is not repeated: even the name of an unknown field is theirs, and so is the URL of a file.
    """
    write = logger.error if isinstance(error, Misconfigured) else logger.warning
    why = {} if isinstance(error, InvalidRequest | Undeliverable) else {"why": error.message}
    reason = {"reason": error.reason} if isinstance(error, Unauthorized) else {}
    write("request refused", extra={"code": error.code, "status": int(error.status)} | why | reason)


def log_crash(error: BaseException) -> None:
    """Log an unexpected exception: its kind and where it came from, not its text, which may quote what it choked on."""
    count("Crashed")
    where = [f"{frame.name} {frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("unexpected exception", extra={"kind": type(error).__name__, "where": where})
