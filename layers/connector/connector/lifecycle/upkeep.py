"""Looking after a connection, so that nothing about it rots quietly: its token, its rights, its subscription.

Meta unsubscribes an app whose webhook failed for an hour (Meta, "Messenger Platform: webhooks"), an owner takes a
permission back, a password is changed: nobody tells us, so we ask.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from connector.accounts import AccessToken, App, Check, Connection, Grant, Login, Outcome
from connector.errors import OutsideError, RateLimited, ReconnectNeeded, Refused, TryLater, Unavailable
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.tokens import Tokens
from connector.lifecycle import checks
from connector.lifecycle.checks import Name, Probe
from connector.lifecycle.refresh import Refreshing
from connector.logs import logger
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets

HOURLY = timedelta(hours=1)
SOON = timedelta(minutes=15)

WAS_UNSUBSCRIBED = "was_unsubscribed"
_GAP = "Meta had unsubscribed the account, and it is subscribed again. Messages of the time between may be missing."
_GONE = "The access token is gone. Connect the account again."
_DEAD = "The access token is no longer valid. Connect the account again."


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of looking after a connection."""

    counted: Counter[str]
    """By CloudWatch metric."""
    rest: timedelta
    """Until it is looked after again."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Looks after connections."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens_of: Callable[[Login], Tokens]
    app_for: Callable[[Login], App | None]
    refreshing: Refreshing
    connections: Connections
    secrets: Secrets

    def look_after(self, connection: Connection) -> Visit:
        """Renew the token where it is due, ask Meta about everything, mend what can be mended, record what was found.

        Raises:
            Unavailable: a store failed. The connection is as it was.
            Misconfigured: this function may not read or write a secret.
        """
        counted = Counter(ConnectionsChecked=1)
        token = self.secrets.access_token(
            connection.tenant, version=connection.token_version, generation=connection.generation
        )
        if token is None:
            found = [checks.check(Name.TOKEN, _said(ReconnectNeeded(_GONE)))]
        else:
            current = self._refreshed(connection, token, counted)
            if current is None:
                return Visit(counted, HOURLY)
            connection, token = current
            found = list(self._found(connection, token))
        self.connections.record_checks(connection, found)
        self._judge(connection, found, counted)
        return Visit(counted, SOON if any(map(_may_mend, found)) else HOURLY)

    def _refreshed(
        self, connection: Connection, token: AccessToken, counted: Counter[str]
    ) -> tuple[Connection, AccessToken] | None:
        """Return the connection and its token, renewed if that was due and possible; None where it has moved on."""
        if not self.refreshing.is_due(connection):
            return connection, token
        try:
            current = self.refreshing.refresh(connection, token)
        except (OutsideError, Unavailable) as error:
            # There are days left, and a round each hour. Whether the token has died, the checks tell.
            logger.warning("token not refreshed", extra={"code": error.code})
            counted["TokenRefreshFailed"] += 1
            if isinstance(error, Refused):
                self.connections.record_error(connection, "token_refresh_refused")
            return connection, token
        if current is not None and current[0] is not connection:
            counted["TokensRefreshed"] += 1
        return current

    def _found(self, connection: Connection, token: AccessToken) -> Iterator[Check]:
        """Ask one thing after another, over one connection to Meta."""
        account = connection.account
        assets = Assets(self.graph_of(account.login, token, account.node_id))
        try:
            checks.require_account(assets, account)
        except Refused as error:
            yield Check(Name.TOKEN, Outcome.PASSED)
            yield checks.check(Name.ACCOUNT, _said(error))
        except OutsideError as error:
            yield checks.check(Name.TOKEN, _said(error))
            return  # every other question would be answered so
        else:
            yield Check(Name.TOKEN, Outcome.PASSED)
            yield Check(Name.ACCOUNT, Outcome.PASSED)
        if account.page_id:
            yield checks.check(Name.PAGE_LINK, lambda: checks.require_page_link(assets, account))
        yield checks.check(Name.MESSAGE_ACCESS, checks.only_telling(assets.require_messages))
        yield self._subscription(connection, assets)
        if probe := self._permissions(connection, token):
            yield checks.check(Name.PERMISSIONS, probe)

    def _subscription(self, connection: Connection, assets: Assets) -> Check:
        """Check the subscription, and subscribe again where it is gone."""
        account = connection.account
        probe = checks.only_telling(lambda: checks.require_subscription(assets, connection.grant.app_id))
        found = checks.check(Name.SUBSCRIPTION, probe)
        if found.code != "not_subscribed":
            return found
        found = checks.check(Name.SUBSCRIPTION, assets.subscribe)
        holder = self.connections.of_account(account.account_id)
        if holder is None or holder.account.node_id != account.node_id:
            with suppress(OutsideError):  # it was disconnected meanwhile, and must not stay subscribed
                assets.unsubscribe()
            return found
        if found.outcome is Outcome.PASSED:
            found = checks.check(Name.SUBSCRIPTION, probe)
        return replace(found, code=WAS_UNSUBSCRIBED, message=_GAP) if found.outcome is Outcome.PASSED else found

    def _permissions(self, connection: Connection, token: AccessToken) -> Probe | None:
        """Return what asks which permissions there are still; None where Meta tells only another company's app."""
        login, app_id = connection.account.login, connection.grant.app_id
        app = self.app_for(login) if app_id else None
        if app is None or app.app_id != app_id:
            return None

        def require() -> None:
            try:
                told = self.tokens_of(login).inspect(token.value, app)
            except (Refused, ReconnectNeeded) as error:  # it is our app that Meta does not believe
                raise TryLater("Meta does not tell our app about the token. Check the app's id and secret.") from error
            if not told.is_valid:
                raise ReconnectNeeded(_DEAD)
            grant = Grant(told.app_id, told.owner_id, told.permissions, told.issued_at, told.expires_at)
            if grant != connection.grant:
                self.connections.record_grant(connection, grant)
            checks.require_permissions(login, told.permissions)

        return require

    def _judge(self, connection: Connection, found: Sequence[Check], counted: Counter[str]) -> None:
        """Say what the connection is now: in need of its owner, or well again; and what it has been through."""
        lost = next(filter(_needs_owner, found), None)
        if lost is not None:
            if connection.is_connected:
                code = lost.code or ReconnectNeeded.code
                self.connections.record_error(connection, code, needs_reconnection=True)
                logger.warning("the owner must let us in again", extra={"code": code})
                counted["ReauthorizationRequired"] += 1
        elif not connection.is_connected and all(one.outcome is not Outcome.UNKNOWN for one in found):
            counted["ConnectionsRestored"] += self.connections.restore(connection)
        if any(one.code == WAS_UNSUBSCRIBED for one in found):
            self.connections.record_error(connection, WAS_UNSUBSCRIBED)
            logger.warning("Meta had unsubscribed an account; it is subscribed again")
            counted["Resubscribed"] += 1


def _said(error: OutsideError) -> Probe:
    """Return the probe that was answered so already."""

    def tell() -> None:
        raise error

    return tell


def _needs_owner(found: Check) -> bool:
    """Return whether only the account's owner can mend this, by letting us in again."""
    about_token = found.name in (Name.TOKEN, Name.PERMISSIONS) or found.code == "permission_missing"
    return found.outcome is Outcome.FAILED and about_token


def _may_mend(found: Check) -> bool:
    """Return whether it is worth asking again soon: not where Meta said that we ask too often."""
    return found.outcome is Outcome.UNKNOWN and found.code != RateLimited.code
