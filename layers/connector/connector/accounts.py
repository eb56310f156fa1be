"""The words of a connection: which chat agent is joined to which Instagram account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector.tenancy import Tenant

TAKEN_OVER = "account_taken_over"
"""The last error of a connection that ended because another workspace proved the account."""


class ConnectionStatus(StrEnum):
    """Where a connection stands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NEEDS_RECONNECTION = "needs_reconnection"  # its token has died; messages are stored for some days more


class Login(StrEnum):
    """With which of Meta's two logins the owner let us in; each has its own API, tokens and names of fields."""

    FACEBOOK = "facebook"  # a Page token, graph.facebook.com
    INSTAGRAM = "instagram"  # a token of the account itself, graph.instagram.com; no Page


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What speaks for an account."""

    value: str = field(repr=False)
    proof: str | None = field(default=None, repr=False)
    """Meta's `appsecret_proof` under the secret of a connection's own app, which was given when it connected."""
    app_id: str | None = None
    """The app that the token is for, where Meta tells. If it is ours, each call is proven with its current secret."""


@dataclass(frozen=True, slots=True)
class Account:
    """An Instagram professional account, as Meta describes it."""

    account_id: str
    """What webhooks call it."""
    page_id: str | None
    """The Facebook Page that it is linked to; None with Instagram Login."""
    username: str
    name: str | None

    @property
    def login(self) -> Login:
        """Return with which login its owner let us in."""
        return Login.FACEBOOK if self.page_id else Login.INSTAGRAM

    @property
    def node_id(self) -> str:
        """Return whose edges the Graph API knows for it: the Page's, or with Instagram Login its own."""
        return self.page_id or self.account_id


@dataclass(frozen=True, slots=True)
class App:
    """Our app at Meta, for one of the logins."""

    app_id: str
    secret: str = field(repr=False)
    config_id: str | None = None
    """The configuration of Facebook Login for Business, which names the permissions in place of `scope`."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the account's owner allowed us, as far as Meta tells."""

    app_id: str | None = None
    """Which app at Meta the token is for, where Meta tells."""
    owner_id: str | None = None
    """What Meta's callbacks call who let us in: a person's app-scoped id, or with Instagram Login the account's."""
    permissions: tuple[str, ...] | None = None
    """None where Meta does not tell."""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    """When the token dies; None for never, or for not told."""


class AgentBasis(StrEnum):
    """Why a subaccount may use the Retell agent of a connection."""

    CLAIMS = "claims"  # the token that asked for the connection listed it
    OWN_KEY = "own-key"  # the subaccount has a Retell key of its own, which reaches only its own agents
    FIRST = "first"  # no other subaccount had used it under the shared key
    OPEN = "open"  # the deployment binds no agents


class Outcome(StrEnum):
    """What a check of a connection found."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # Meta did not answer, or not on this
    WARNING = "warning"  # messages come and go, but something else is lost


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right for messages to come and go, and whether it was."""

    name: str
    outcome: Outcome
    code: str | None = None
    """Why not, in snake_case."""
    message: str | None = None
    """Why not."""
    at: datetime | None = None
    """When it was looked at; None for just now."""
    missing: tuple[str, ...] = ()
    """Which optional webhook fields are not subscribed."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request that made a connection, to be known again."""

    key: str
    """Its Idempotency-Key."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One agent joined to one account."""

    tenant: Tenant
    account: Account
    retell_agent_id: str
    status: ConnectionStatus
    generation: int
    token_version: int
    connected_at: datetime
    last_event_at: datetime | None
    last_error: Mapping[str, Any] | None
    limited_until: datetime | None = None
    """Until when Meta takes no more messages of this account's, because it sent too many."""
    paused_until: datetime | None = None
    """Until when the agent is silent in all conversations."""
    grant: Grant = Grant()
    checks: tuple[Check, ...] = ()
    """What was last checked, and found."""
    checked_at: datetime | None = None
    webhook_verified_at: datetime | None = None
    """When somebody last set the connection's own callback URL at Meta."""
    policy_enforcement: Mapping[str, Any] | None = None
    """What Meta last did about a violation of its policies: its `action`, the `reason` it gives, and when (`at`)."""
    forgotten_at: datetime | None = None
    """When something of the tenant's was last deleted for good: what happened until then may be deleted."""
    request: Request | None = None
    secrets_id: str = ""
    """Under which id its secrets are stored; "" where an older version stored them."""
    token_stored_at: datetime | None = None
    """When this version of the token was stored; None where an older version stored it."""
    agent_basis: AgentBasis | None = None
    """Why the subaccount may use the Retell agent; None where an older version stored the connection."""
    echo_app_id: str | None = None
    """How Meta names our app in echoes; None until an echo of ours has told."""
    signers: tuple[str, ...] | None = None
    """The fingerprints of the app secrets that may sign its webhooks, besides the deployment's; None for any."""
    took_over: bool = False
    """Whether another workspace had the account, until Meta refused its token and this one's proved the account."""
    needs_owner_since: datetime | None = None
    """Since when it needs its owner; None where it does not, or an older version recorded it."""

    @property
    def app_id(self) -> str | None:
        """Return the id of our app in echoes; None where it is not known."""
        return self.grant.app_id or self.echo_app_id

    def is_signed_by(self, signer: str | None) -> bool:
        """Return whether a webhook with a valid signature is this connection's, by the fingerprint of its app secret.

        The webhook caches secrets for minutes: one that ended with an account or a connection it may still accept.
        """
        return signer is None or self.signers is None or signer in self.signers

    def is_paused(self, moment: datetime) -> bool:
        """Return whether the agent is silent in all conversations."""
        return self.paused_until is not None and self.paused_until > moment

    def stored_until(self, unattended: timedelta | None) -> datetime | None:
        """Return until when new messages are stored; None for as long as it is connected.

        `unattended` says for how long a connection that needs its owner stores them; None for ever.
        """
        if unattended is None or self.status is not ConnectionStatus.NEEDS_RECONNECTION:
            return None
        since = self.needs_owner_since or (self.last_error or {}).get("at") or self.connected_at
        return since + unattended

    @property
    def holds_account(self) -> bool:
        """Return whether the account is this agent's: a dead token does not give it free."""
        return self.status is not ConnectionStatus.DISCONNECTED

    @property
    def is_connected(self) -> bool:
        """Return whether messages can be answered."""
        return self.status is ConnectionStatus.CONNECTED
