"""Joining a chat agent to an Instagram account."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import AccessToken, Account, AgentBasis, Check, Connection, Login, Outcome, Request
from connector.errors import (
    AuthenticationFailed,
    ConnectorError,
    Detail,
    KeyReused,
    NotReady,
    NotShown,
    OutsideError,
    PageNotLinked,
    ReconnectNeeded,
    Refused,
    TryLater,
)
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.permissions import MISSING, TO_READ_ACCOUNT, TO_SUBSCRIBE, Need, naming, require
from connector.instagram.subscriptions import subscribe
from connector.lifecycle import checks
from connector.lifecycle.binding import Binding
from connector.lifecycle.checks import Name
from connector.lifecycle.credentials import NOT_SHOWN, Credentials, Examiner, describe_failure
from connector.lifecycle.joining import Joining
from connector.lifecycle.takeover import Takeover
from connector.lifecycle.wish import Wish
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_PROBE_SECONDS = 12
_KEY_LIVES = timedelta(hours=24)
_NO_ACCESS = "app_access_missing"
_OUTAGE_SECONDS = 300
_OUTAGE = (
    "Meta does not show the account to the access token. Meta has answered so for hours during outages: try again in a "
    "few minutes, and several times, before you make a new token."
)


@dataclass(frozen=True, slots=True)
class Connecting:
    """Joins agents to accounts."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    examiner_of: Callable[[Login], Examiner]
    binding: Binding
    connections: Connections
    secrets: Secrets
    secret_sets: SecretSets
    key_id: str
    clock: Callable[[], datetime]

    def connect(self, tenant: Tenant, wish: Wish, *, key: str | None = None) -> Connection:
        """Check everything, subscribe, store the secrets, and only then the connection.

        If another agent has the account and its token has died, its connection ends just before the last step.

        Until the last step the connection that stood before goes on as it was. Repeating it does no harm; with the
        same Idempotency-Key within 24 hours it is answered from what is stored.

        Raises:
            AuthenticationFailed: Meta does not accept the token, or it may not see the account.
            PageNotLinked: the Page belongs to no account, or to another.
            TryLater: Meta does not answer, or does not show what the token is known to see.
            AgentNotAllowed: the caller has no right to the agent.
            NotReady: something else that would keep messages from coming or going; `details` says what.
            AccountInUse: another agent has the account, and Meta does not say that its token is invalid.
            KeyReused: the Idempotency-Key has been used for another wish.
            Refused, ReconnectNeeded, TryLater, OutcomeUnknown: Meta did not subscribe the app.
        """
        basis = self.binding.basis(tenant, wish.retell_agent_id, is_listed=wish.agent_listed)
        before = self.connections.get(tenant)
        if before is not None and key is not None and self._has_been_done(before, wish, key):
            return before
        login, node_id = wish.login, wish.page_id or wish.account_id
        credentials = self.examiner_of(login).examine(wish.access_token, node_id, wish.app_secret, wish.expires_at)
        graph = self.graph_of(login, credentials.token, node_id)
        account, credentials = self._account(graph, wish, credentials, before)
        found = self._checked(tenant, wish, basis, account, credentials)
        takeover = Takeover(self.graph_of, self.connections, self.secrets, self.secret_sets, self.clock)
        holder = takeover.holder_to_replace(account.account_id, tenant)
        found += (self._subscribe(graph, login, credentials.grant.app_id),)
        self._take_agent(tenant, wish, basis)
        joining = Joining(self.connections, self.secrets, self.secret_sets, self.key_id, self.clock)
        request = Request(key, wish.fingerprint) if key else None
        connection = joining.join(tenant, wish, account, credentials, basis, request=request, holder=holder)
        if holder is not None:
            takeover.clear(holder)
        self.connections.record_checks(connection, found)
        if before is not None:
            self._leave(before, account)
        return connection

    def _has_been_done(self, before: Connection, wish: Wish, key: str) -> bool:
        request = before.request
        if request is None or request.key != key or not before.is_connected:
            return False
        if before.connected_at + _KEY_LIVES < self.clock():
            return False
        if request.fingerprint != wish.fingerprint:
            raise KeyReused
        return True

    def _account(
        self, graph: Graph, wish: Wish, credentials: Credentials, before: Connection | None
    ) -> tuple[Account, Credentials]:
        """Return the account that the token sees, under the id that webhooks carry."""
        assets = Assets(graph)
        try:
            with naming(TO_READ_ACCOUNT[wish.login]):
                profile = assets.account(wish.account_id) if wish.page_id else assets.own_account()
        except NotShown as error:
            # A token that is shown not even its own account has met an outage, and so may one that knew the account.
            if wish.page_id is None or (before is not None and before.account.account_id == wish.account_id):
                raise TryLater(_OUTAGE, after_seconds=_OUTAGE_SECONDS).quoting(error.quote) from error
            raise AuthenticationFailed(NOT_SHOWN) from error
        except (ReconnectNeeded, Refused) as error:
            if error.code == _NO_ACCESS:
                raise NotReady(error.message, details=[Detail(Name.ACCOUNT, _NO_ACCESS)]) from error
            raise AuthenticationFailed(describe_failure(error, wish.login)) from error
        if profile.account_id != wish.account_id:
            raise AuthenticationFailed(
                f"Authentication failed. The access token is for the Instagram account {profile.account_id}. Use that "
                "as instagramAccountId, or generate a token for the other account. (Instagram's user_id is meant, not "
                "its id.)"
            )
        return (
            Account(profile.account_id, wish.page_id, profile.username, profile.name),
            credentials.owned_by(profile.app_scoped_id),
        )

    def _checked(
        self, tenant: Tenant, wish: Wish, basis: AgentBasis, account: Account, credentials: Credentials
    ) -> tuple[Check, ...]:
        """Return what was found right, or not found out.

        Each probe has a connection of its own: they run at the same time.
        """
        login, node_id, grant = wish.login, account.node_id, credentials.grant

        def assets() -> Assets:
            return Assets(self.graph_of(login, credentials.token, node_id))

        probes: dict[str, checks.Probe] = {
            Name.PERMISSIONS: lambda: require(login, grant.permissions, Need.ALWAYS, Need.CONNECTING),
            Name.MESSAGE_ACCESS: checks.only_telling(lambda: checks.require_messages(assets(), login)),
            Name.AGENT: lambda: self.binding.require_usable(tenant, wish.retell_agent_id, basis),
        }
        if wish.page_id:
            probes[Name.PAGE_LINK] = lambda: checks.require_page_link(assets(), account)
        found = checks.run(probes, _PROBE_SECONDS)
        for one in found:
            if one.outcome is Outcome.FAILED:
                raise failure_of(one)
            if one.outcome is Outcome.UNKNOWN and one.name == Name.PAGE_LINK:
                raise TryLater(one.message or "Meta does not answer.")
        seen = (Check(Name.TOKEN, Outcome.PASSED), Check(Name.ACCOUNT, Outcome.PASSED))  # else we were not here
        return seen + found

    def _subscribe(self, graph: Graph, login: Login, app_id: str | None) -> Check:
        """Subscribe, and read the subscription back."""
        assets = Assets(graph)
        try:
            with naming(TO_SUBSCRIBE[login]):
                subscribe(assets, login)
        except Refused as error:
            if error.code == _NO_ACCESS:
                raise NotReady(error.message, details=[Detail(Name.SUBSCRIPTION, _NO_ACCESS)]) from error
            if error.code == MISSING:
                raise AuthenticationFailed(describe_failure(error, login)) from error
            raise
        found = checks.check(
            Name.SUBSCRIPTION, checks.only_telling(lambda: checks.require_subscription(assets, login, app_id))
        )
        if found.outcome is Outcome.FAILED:
            raise failure_of(found)
        return found

    def _take_agent(self, tenant: Tenant, wish: Wish, basis: AgentBasis) -> None:
        taken = checks.check(Name.AGENT, lambda: self.binding.take(tenant, wish.retell_agent_id, basis))
        if taken.outcome is Outcome.FAILED:  # another subaccount was faster
            raise failure_of(taken)

    def _leave(self, before: Connection, account: Account) -> None:
        """Unsubscribe the account that was connected before, if it is another, and delete its secrets."""
        if before.account.node_id != account.node_id and before.holds_account:
            self._unsubscribe(before)
        with suppress(ConnectorError):  # they are listed: the next run of erase deletes them
            self.secret_sets.clear(before.tenant)

    def _unsubscribe(self, before: Connection) -> None:
        try:
            token = self.secrets.access_token(before)
            Assets(self.graph_of(before.account.login, token, before.account.node_id)).unsubscribe()
        except OutsideError as error:
            count("UnsubscribeFailed")
            logger.warning("Meta did not unsubscribe the account of before", extra={"code": error.code})


def failure_of(found: Check) -> ConnectorError:
    """Return the refusal of a request because of what a check found."""
    message = found.message or ""
    match found.name, found.code:
        case Name.PAGE_LINK, "page_not_linked":
            return PageNotLinked(message)
        case (Name.PAGE_LINK, _) | (_, "reconnect_needed" | "permission_missing"):
            return AuthenticationFailed(f"Authentication failed. {message}")
    return NotReady(message, details=[Detail(found.name, found.code or "unknown")])
