"""Structured logs and metrics, in one line of JSON each.

What is logged is chosen field by field: ids of ours, counts, states, codes. A customer's words, names and ids, and
secrets of any kind, are not. The formatter is the second line of defence, not the first.
"""

import re
import traceback
import warnings
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from connector.errors import ConnectorError, InvalidRequest, Misconfigured, Undeliverable

# Tokens of Meta (EAA…, IGA…), bearer headers and JWTs, wherever an exception may have carried them.
# A JWT is looked for where a word begins only: from each "eyJ" inside one, the time would grow with its square.
_SECRET = re.compile(r"EAA[\w-]{8,}|IGA[\w-]{8,}|Bearer [\w.~+/=-]+|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*")


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Writes the line with anything that looks like a token struck out."""

    def serialize(self, log: Any) -> str:
        """Return the log record as JSON, redacted."""
        return _SECRET.sub("[redacted]", super().serialize(log))


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
    write("request refused", extra={"code": error.code, "status": int(error.status)} | why)


def log_crash(error: BaseException) -> None:
    """Log an unexpected exception: its kind and where it came from, not its text, which may quote what it choked on."""
    count("Crashed")
    where = [f"{frame.name} {frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("unexpected exception", extra={"kind": type(error).__name__, "where": where})
