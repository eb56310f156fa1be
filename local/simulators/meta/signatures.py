"""The signatures that Meta puts on a webhook body (Meta's page "Setup Webhooks Subscriptions")."""

import hashlib
import hmac


def signature_headers(app_secret: str, body: bytes) -> dict[str, str]:
    """Both headers that Meta sends: SHA-256, and SHA-1 for receivers that never moved on."""
    key = app_secret.encode()
    return {
        "X-Hub-Signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
        "X-Hub-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
    }
