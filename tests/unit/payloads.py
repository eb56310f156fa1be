"""The payloads of events/instagram, as Meta sends them, and Meta's signature on them."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from connector.gateway import LambdaEvent
from connector.instagram.notifications import Notification, split

FOLDER = Path(__file__).parents[2] / "events" / "instagram"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

ACCOUNT = "17841400000000001"
OTHER_ACCOUNT = "17841400000000002"
USER = "1234567890123456"
OTHER_USER = "6543210987654321"
PAGE = "101234567890123"
APP_SECRET = "test_app_secret"

SENT_AT = datetime.fromtimestamp(1757330002.434, UTC)
"""The `timestamp` of the payloads."""
RECEIVED_AT = datetime.fromtimestamp(1757330010, UTC)

APP_PATH = "/api/instagram/webhook"


def connection_path(subaccount_id: str, agent_id: str) -> str:
    """Return the webhook path of a connection."""
    return f"/api/database/{subaccount_id}/chat-agents/{agent_id}/instagram/webhook"


def body(name: str) -> bytes:
    """Return a payload, to the byte."""
    return (FOLDER / f"{name}.json").read_bytes()


def payload(name: str) -> dict[str, Any]:
    """Return a payload, parsed."""
    parsed: dict[str, Any] = json.loads(body(name))
    return parsed


def item(name: str) -> dict[str, Any]:
    """Return the first item of a payload."""
    return notification(name).item


def notification(name: str) -> Notification:
    """Return the first notification of a payload."""
    return split(body(name))[0]


def compact(value: Any) -> bytes:
    """Return JSON as Meta writes it: compact, in escaped unicode."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def messaging(*items: Any, account_id: str = ACCOUNT) -> dict[str, Any]:
    """Return a payload with these items of one account, sent when the last of them happened."""
    times = (one.get("timestamp") for one in items if isinstance(one, dict))
    sent_at = max([1757330004554, *(time for time in times if type(time) is int and time < 10**14)])
    return {"object": "instagram", "entry": [{"time": sent_at, "id": account_id, "messaging": list(items)}]}


def message(
    mid: str, text: str = "hi", *, user_id: str = USER, account_id: str = ACCOUNT, at: int = 0
) -> dict[str, Any]:
    """Return an item in which a customer writes `text`, `at` ms after the other payloads."""
    return {
        "sender": {"id": user_id},
        "recipient": {"id": account_id},
        "timestamp": int(SENT_AT.timestamp() * 1000) + at,
        "message": {"mid": mid, "text": text},
    }


def signature(raw: bytes, secret: str = APP_SECRET) -> str:
    """Return the value of X-Hub-Signature-256 for these bytes."""
    return f"sha256={hmac.new(secret.encode(), raw, sha256).hexdigest()}"


def old_signature(raw: bytes, secret: str = APP_SECRET) -> str:
    """Return the value of the legacy X-Hub-Signature, which Meta still sends too."""
    return f"sha1={hmac.new(secret.encode(), raw, sha1).hexdigest()}"


def signed_headers(raw: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """Return the headers of a POST of Meta's."""
    return {
        "accept": "*/*",
        "user-agent": "facebookexternalua",
        "content-type": "application/json",
        "x-hub-signature": old_signature(raw, secret),
        "x-hub-signature-256": signature(raw, secret),
        "facebook-api-version": "v26.0",
    }


def http_event(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    text: str | None = None,
    is_base64: bool = False,
    path_parameters: Mapping[str, str] | None = None,
) -> LambdaEvent:
    """Return an HTTP request as API Gateway hands it to a function (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "headers": dict(headers or {}),
        "queryStringParameters": dict(query) if query else None,
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "facebookexternalua",
            },
            "requestId": "id",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "08/Sep/2025:11:13:24 +0000",
            "timeEpoch": 1757330004554,
        },
        "body": text,
        "isBase64Encoded": is_base64,
    }
