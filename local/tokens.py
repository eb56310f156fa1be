"""Bearer tokens of this machine's system. `python -m local.tokens` prints one, with the ids that belong to it."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import jwt

from local.errors import CannotStart
from local.folder import read_run
from local.settings import folder_of

TOKEN_SECONDS = 3600


def make_token(jwt_secret: str, subaccount_id: str, *, seconds: int = TOKEN_SECONDS) -> str:
    """Return a bearer token for a subaccount, as a frontend's own server would issue it."""
    now = int(time.time())
    claims = {"sub": "console", "iat": now, "exp": now + seconds, "subaccountId": subaccount_id}
    return jwt.encode(claims, jwt_secret, algorithm="HS256")


def described(run: Mapping[str, str]) -> str:
    """Return a request that can be pasted into a shell, and what it is made of."""
    token = make_token(run["jwtSecret"], run["subaccountId"])
    url = f"{run['apiUrl']}/api/database/{run['subaccountId']}/chat-agents/{run['agentId']}/instagram/status"
    return "\n".join(
        (
            f"curl -H 'Authorization: Bearer {token}' \\\n  {url}",
            "",
            f"The token is valid for {TOKEN_SECONDS // 60} minutes.",
            f"  subaccountId        {run['subaccountId']}",
            f"  agentId             {run['agentId']}",
        )
    )


def main(folder: Path) -> int:
    """Print it. Returns the exit status."""
    try:
        print(described(read_run(folder)))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(folder_of()))
