"""What one connect stores for the webhook of its connection: a verification token, and perhaps an app secret.

A new app secret replaces the one before, which is accepted for another hour: Meta signs what is under way with it.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self

PREVIOUS_LIVES = timedelta(hours=1)
"""How long an app secret is accepted after it was replaced."""


@dataclass(frozen=True, slots=True)
class ConnectionSecrets:
    """The webhook's secrets of one connection."""

    verify_token: str = field(repr=False)
    app_secret: str | None = field(default=None, repr=False)
    previous_app_secret: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def app_secrets(self, at: datetime) -> tuple[str, ...]:
        """Return the app secrets that may sign a webhook at this time."""
        is_previous_alive = self.previous_until is not None and at < self.previous_until
        both = (self.app_secret, self.previous_app_secret if is_previous_alive else None)
        return tuple(secret for secret in both if secret)

    def renewed(self, verify_token: str, app_secret: str | None, at: datetime) -> Self:
        """Return what a reconnect of the same account stores. Without an app secret it keeps the stored one."""
        kept = self if self.app_secrets(at)[1:] else type(self)(self.verify_token, self.app_secret)
        # allow variable-time-comparison: the caller has proven to own the connection, and with it this secret
        if app_secret in (None, kept.app_secret):
            return type(self)(verify_token, kept.app_secret, kept.previous_app_secret, kept.previous_until)
        until = at + PREVIOUS_LIVES if kept.app_secret else None
        return type(self)(verify_token, app_secret, kept.app_secret, until)

    def write(self) -> str:
        """Return it as it is stored."""
        previous = {
            "previousAppSecret": self.previous_app_secret,
            "previousUntil": self.previous_until.isoformat() if self.previous_until else None,
        }
        value = {"verifyToken": self.verify_token, "appSecret": self.app_secret}
        return json.dumps(value | (previous if self.previous_until else {}))

    @classmethod
    def read(cls, value: str, stored_at: datetime) -> Self:
        """Read it as this version or an older one stored it at `stored_at`."""
        fields: Mapping[str, Any] = json.loads(value)
        verify_token = fields.get("verifyToken") or ""
        if listed := [secret for secret in fields.get("appSecrets") or () if secret]:
            # Older versions stored a list, the newest first, without an end.
            newest, *older = listed
            return cls(verify_token, newest, *((older[0], stored_at + PREVIOUS_LIVES) if older else ()))
        until = fields.get("previousUntil")
        ends = datetime.fromisoformat(until).astimezone(UTC) if until else None
        return cls(verify_token, fields.get("appSecret"), fields.get("previousAppSecret"), ends)


def fingerprint(app_secret: str) -> str:
    """Return what identifies an app secret, and does not reveal it."""
    return hmac.new(app_secret.encode(), b"instagram-connector: app secret", sha256).hexdigest()
