"""The words of a login at Meta: who is to be connected by it, and where the person goes afterwards."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.accounts import Login
from connector.tenancy import Tenant

LIVES = timedelta(minutes=10)
"""How long a person has for the login, and then to confirm it."""


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that somebody has asked for, and nobody has come back from."""

    tenant: Tenant
    login: Login
    redirect_uri: str
    """Where Meta sends the browser. When the code is exchanged it must be the same to the letter."""
    retell_agent_id: str
    return_url: str | None = None
    """Where we send the browser then; None for a page of ours."""
    account_id: str | None = None
    """The one account that is wanted; None for whichever the person has."""
    agent_listed: bool | None = None
    """Whether the token that asked for the login lists the agent; None where it lists none."""
    asked_by: str = ""
    """Who asked for the login: the `sub` of the token, for the audit log."""


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account that the person who logged in can connect."""

    account_id: str
    page_id: str | None
    username: str
    token: str = field(repr=False)
    expires_at: datetime | None = None
    """When the token expires, where that is known."""


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login as it is stored between the browser's requests."""

    pending: PendingLogin
    claimed_at: datetime | None
    """When a request began to exchange Meta's code; None before that."""
    sealed: bytes | None
    """The accounts that were found, encrypted (`sealing.py`); None before that."""
