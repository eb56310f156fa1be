"""`make indexes`: build the indexes of a deployment's database, from this machine.

The database is the one that MONGODB_URI names, or else the SSM parameter of the stack STACK.
"""

import os
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connector.errors import ConnectorError
from connector.storage.index_command import run
from local.errors import CannotStart

_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})


def main() -> int:
    """Build, and say what is done. Returns the exit status."""
    began = time.monotonic()
    try:
        run(_uri(), lambda line: print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True))
    except (CannotStart, ConnectorError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. MongoDB completes a build that has begun; `make indexes` waits for it.", file=sys.stderr)
        return 130
    return 0


def _uri() -> str:
    """Return the URI.

    Raises:
        CannotStart: there is none.
    """
    if uri := os.environ.get("MONGODB_URI"):
        return uri
    name = f"/{os.environ.get('STACK') or 'instagram-connector'}/mongodb-uri"
    try:
        found = boto3.client("ssm", config=_CONFIG).get_parameter(Name=name, WithDecryption=True)
    except (BotoCoreError, ClientError) as error:
        why = error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
        raise CannotStart(
            f"The SSM parameter {name} cannot be read ({why}). Check STACK, AWS_PROFILE and AWS_REGION, or set "
            "MONGODB_URI."
        ) from error
    return found["Parameter"]["Value"]


if __name__ == "__main__":
    sys.exit(main())
