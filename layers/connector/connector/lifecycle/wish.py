"""What a caller wishes to be joined."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from connector.accounts import Login


@dataclass(frozen=True, slots=True)
class Wish:
    """An account for an agent, and what speaks for it."""

    access_token: str = field(repr=False)
    account_id: str
    page_id: str | None
    """None for Instagram Login."""
    verify_token: str = field(repr=False)
    retell_agent_id: str
    app_secret: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    """When the token of an account dies, where that is known: then it is a long-lived one."""
    agent_listed: bool | None = None
    """Whether the caller's token lists the agent; None where it lists none."""
    asked_by: str = ""
    """Who asked for a login that led here, for the audit log: the `sub` of their token."""

    @property
    def login(self) -> Login:
        """Return with which login the token was got."""
        return Login.FACEBOOK if self.page_id else Login.INSTAGRAM

    @property
    def fingerprint(self) -> str:
        """Return what tells this wish from any other, and nothing else of it."""
        parts = (self.access_token, self.account_id, self.page_id, self.verify_token, self.retell_agent_id)
        return sha256(json.dumps((*parts, self.app_secret)).encode()).hexdigest()
