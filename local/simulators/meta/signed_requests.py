"""`signed_request`: how Meta tells an app that a person has removed it, or wants their data deleted.

Meta's page "Data Deletion Request Callback".
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

import requests

from local.simulators.meta.shapes import Json

_TIMEOUT_SECONDS = 15
_LIFE_SECONDS = 3600


@dataclass(frozen=True)
class Told:
    """What the app answered; `status` is null where no answer came, or nobody was asked."""

    status: int | None
    body: str


def request_payload(user_id: str, issued_at: int) -> Json:
    """Make what is told of the person `user_id`, an id within the app; times are seconds since 1970."""
    return {
        "algorithm": "HMAC-SHA256",
        "expires": issued_at + _LIFE_SECONDS,
        "issued_at": issued_at,
        "user_id": user_id,
    }


def sign_request(app_secret: str, payload: Json) -> str:
    """Encode and sign: the signature is over the encoded payload, not over the JSON."""
    encoded = _encode(json.dumps(payload, separators=(",", ":")).encode())
    return f"{_encode(hmac.new(app_secret.encode(), encoded.encode(), hashlib.sha256).digest())}.{encoded}"


def tell_app(url: str | None, signed_request: str) -> Told:
    """Post the form to the app, if its dashboard names a URL."""
    if url is None:
        return Told(None, "No URL is set.")
    try:
        form = {"signed_request": signed_request}
        answer = requests.post(url, form, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return Told(None, f"No answer: {type(error).__name__}")
    return Told(answer.status_code, answer.text)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
