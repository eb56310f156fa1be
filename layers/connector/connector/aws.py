"""AWS clients: made on first use, kept for the life of the execution environment, impatient."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# Meta waits five seconds for the webhook's answer: two tries must fit in that.
_IMPATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})


@cache
def sqs() -> "SQSClient":
    """Return the SQS client."""
    return boto3.client("sqs", config=_IMPATIENT)


@cache
def ssm() -> "SSMClient":
    """Return the SSM client."""
    return boto3.client("ssm", config=_IMPATIENT)
