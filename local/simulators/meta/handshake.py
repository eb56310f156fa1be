"""Entering a callback URL in the app dashboard, with the check that Meta makes then.

Source: Meta's page "Setup Webhooks Subscriptions", verification requests.
"""

import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

_TIMEOUT_SECONDS = 10
_SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Verification:
    """What the callback answered; `status` is null where no answer came."""

    verified: bool
    status: int | None
    body: str


def verify_callback(url: str, verify_token: str) -> Verification:
    """Ask the callback for the challenge. Only a 200 with exactly the challenge as body passes."""
    challenge = str(secrets.randbelow(2**31))
    try:
        answer = requests.get(
            _with_query(url, challenge, verify_token), timeout=_TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        return Verification(verified=False, status=None, body=f"No answer: {type(error).__name__}")
    verified = answer.status_code == 200 and answer.content == challenge.encode()
    return Verification(verified, answer.status_code, answer.text[:_SHOWN_CHARACTERS])


def _with_query(url: str, challenge: str, verify_token: str) -> str:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [("hub.mode", "subscribe"), ("hub.challenge", challenge), ("hub.verify_token", verify_token)]
    return urlunsplit(parts._replace(query=urlencode(query)))
