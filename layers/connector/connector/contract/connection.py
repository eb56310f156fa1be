"""The bodies and answers of connect, status and disconnect."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from connector.accounts import Connection, ConnectionStatus, Login
from connector.contract.base import AgentId, AppSecret, Asked, Body, MetaId, Secret, Success, Time, Token
from connector.contract.checks import CheckView
from connector.contract.messages import MetaView
from connector.instagram.links import direct_message_url, profile_url, qr_code_data_url
from connector.lifecycle.diagnosis import ENDINGS, diagnose, last_error_row, next_refresh_at
from connector.lifecycle.wish import Wish


class ConnectRequest(Asked):
    """What connect needs.

    With `pageId` the token is a Page's (Facebook Login), without it the account's own (Instagram Login), which begins
    with IG; `login: "instagram"` is for one that does not.
    `retellAgentId` is for an agent whose id at Retell is not the path's agentId, `appSecret` for a connection that has
    a Meta app of its own.
    """

    access_token: Token = Field(repr=False)
    instagram_account_id: MetaId
    login: Login | None = None
    page_id: MetaId | None = Field(default=None, validate_default=True)
    webhook_verification_token: Secret = Field(repr=False)
    retell_agent_id: AgentId | None = None
    app_secret: AppSecret | None = Field(default=None, repr=False)

    @field_validator("page_id")
    @classmethod
    def _fits_login(cls, page_id: str | None, info: ValidationInfo) -> str | None:
        login = info.data.get("login")
        is_instagram = login is Login.INSTAGRAM or (
            login is None and info.data.get("access_token", "").startswith("IG")
        )
        if page_id is None and not is_instagram:
            raise PydanticCustomError(
                "no_page", "must be the id of the Facebook Page; only an access token of Instagram Login needs none"
            )
        if page_id is not None and login is Login.INSTAGRAM:
            raise PydanticCustomError("page", "must be left out: with Instagram Login there is no Page")
        return page_id

    def wish(self, agent_id: str, lists_agent: Callable[[str], bool | None]) -> Wish:
        """Return it as what is wished for the path's agent. `lists_agent` is the caller's (`auth.Caller`)."""
        retell_agent_id = self.retell_agent_id or agent_id
        return Wish(
            access_token=self.access_token,
            account_id=self.instagram_account_id,
            page_id=self.page_id,
            verify_token=self.webhook_verification_token,
            retell_agent_id=retell_agent_id,
            agent_listed=lists_agent(retell_agent_id),
            app_secret=self.app_secret,
        )


class Connected(Body):
    """A connection's address, to show to customers."""

    qr_code_data_url: str
    instagram_url: str
    username: str

    @classmethod
    def of(cls, connection: Connection) -> "Connected":
        """Return it for a connection."""
        url = profile_url(connection.account.username)
        return cls(qr_code_data_url=qr_code_data_url(url), instagram_url=url, username=connection.account.username)


class TookOver(Connected):
    """The same, after another workspace had the account and Meta said that its access token is invalid."""

    took_over: Literal[True]


def connect_answer(connection: Connection) -> Connected:
    """Return what connect answers."""
    connected = Connected.of(connection)
    return TookOver(took_over=True, **connected.model_dump()) if connection.took_over else connected


# In this order: read as the shorter one, the longer answer would lose the rest.
ConnectAnswer = Annotated[Success[TookOver] | Success[Connected], Field(union_mode="left_to_right")]


class LastError(Body):
    """What last went wrong at Meta or at the agent."""

    code: str
    at: Time
    meta: MetaView | None

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> "LastError":
        """Return it as it is stored, without what only we need."""
        meta = MetaView.model_validate(error["meta"]) if error.get("meta") else None
        return cls(code=error["code"], at=error["at"], meta=meta)


class PolicyEnforcementView(Body):
    """What Meta last did about a violation of its policies: `action` is `warning`, `block` or `unblock`."""

    action: str
    reason: str | None
    at: Time


class Status(Body):
    """What is known of a connection."""

    is_connected: bool
    status: ConnectionStatus
    reauthorization_required: bool = False
    username: str | None = None
    instagram_url: str | None = None
    qr_code_data_url: str | None = None
    direct_message_url: str | None = None
    direct_message_qr_code_data_url: str | None = None
    instagram_account_id: str | None = None
    page_id: str | None = None
    login: Login | None = None
    permissions: list[str] | None = None
    connected_at: Time | None = None
    messages_stored_until: Time | None = None
    token_expires_at: Time | None = None
    next_refresh_at: Time | None = None
    last_event_at: Time | None = None
    paused_until: Time | None = None
    last_error: LastError | None = None
    policy_enforcement: PolicyEnforcementView | None = None
    webhook_path: str
    checks: tuple[CheckView, ...] = ()

    @classmethod
    def of(
        cls,
        connection: Connection | None,
        webhook_path: str,
        now: datetime,
        ref: str | None = None,
        *,
        unattended: timedelta | None = None,
    ) -> "Status":
        """Return it for a connection, or for none; with the QR code of the direct-message link where `ref` is given.

        `unattended` says for how long messages are stored for a connection that needs its owner; None for ever.

        Raises:
            InvalidRequest: the link is too long for a QR code.
        """
        if connection is None or not connection.holds_account:
            ended = cls(is_connected=False, status=ConnectionStatus.DISCONNECTED, webhook_path=webhook_path)
            return ended.because(connection, now) if connection else ended
        account, grant = connection.account, connection.grant
        direct_message = direct_message_url(account.username, ref)
        return cls(
            is_connected=connection.is_connected,
            status=connection.status,
            reauthorization_required=connection.status is ConnectionStatus.NEEDS_RECONNECTION,
            **Connected.of(connection).model_dump(),
            direct_message_url=direct_message,
            direct_message_qr_code_data_url=None if ref is None else qr_code_data_url(direct_message),
            instagram_account_id=account.account_id,
            page_id=account.page_id,
            login=account.login,
            permissions=None if grant.permissions is None else list(grant.permissions),
            connected_at=connection.connected_at,
            messages_stored_until=connection.stored_until(unattended),
            token_expires_at=grant.expires_at,
            next_refresh_at=next_refresh_at(connection, now),
            last_event_at=connection.last_event_at,
            paused_until=connection.paused_until if connection.is_paused(now) else None,
            last_error=LastError.of(connection.last_error) if connection.last_error else None,
            policy_enforcement=PolicyEnforcementView.model_validate(connection.policy_enforcement)
            if connection.policy_enforcement
            else None,
            webhook_path=webhook_path,
            checks=tuple(CheckView.of(one, now) for one in diagnose(connection, now)),
        )

    def because(self, connection: Connection, now: datetime) -> "Status":
        """Return it with the reason for which a connection ended, if it did not end by a disconnect."""
        error, row = connection.last_error, last_error_row(connection, now)
        if error is None or row.code not in ENDINGS:
            return self
        return self.model_copy(update={"last_error": LastError.of(error), "checks": (CheckView.of(row, now),)})


class Disconnected(Body):
    """What disconnect answers."""

    is_connected: Literal[False] = False
