"""Looking after a connection, so that nothing about it rots quietly: its token, its rights, its subscription.

Meta unsubscribes an app whose webhook failed for an hour (Meta, "Messenger Platform: webhooks"), an owner takes a
permission back, a password is changed: nobody tells us, so we ask.

The sums, for 10,000 connections. A run begins every ten minutes and takes connections for 450 s, five a second at most:
13,500 an hour, so that each has its turn about once an hour. Each visit reads one secret (SSM allows an account 40
reads a second, for everything) and makes three calls of the Graph API (five for a Page), a second's work: twelve
workers do at least five such visits a second. Tokens are written one a second at most (SSM allows three); of 10,000,
each once in 50 days, eight are due in an hour, and if all are due at once they are done in four hours, of the ten days
that are left. Where Meta is slow the round takes longer; whoever has waited longest comes first.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from connector.accounts import AccessToken, App, Check, Connection, ConnectionStatus, Login, Outcome
from connector.conversation import faults
from connector.conversation.faults import Call
from connector.errors import NotShown, OutsideError, RateLimited, Refused, Unavailable
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.permissions import TO_SUBSCRIBE, naming
from connector.instagram.subscriptions import subscribe
from connector.instagram.tokens import Tokens
from connector.lifecycle import checks
from connector.lifecycle.checks import Name, Probe
from connector.lifecycle.judgement import judge, require_granted
from connector.lifecycle.patrol import SOON, Visit
from connector.lifecycle.refresh import Refreshing
from connector.logs import logger
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets

RUN_SECONDS = 450
VISIT_SECONDS = 1 / 5
WRITE_SECONDS = 1
HOURLY = timedelta(hours=1)

WAS_UNSUBSCRIBED = "was_unsubscribed"
_REFRESH_REFUSED = "token_refresh_refused"
_APPS = {"app_access_missing"}
"""Why a token is not renewed that no new token would cure."""
_GAP = "Meta had unsubscribed the account, and it is subscribed again. Messages of the time between may be missing."


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Looks after connections."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens_of: Callable[[Login], Tokens]
    app_for: Callable[[Login], App | None]
    refreshing: Refreshing
    connections: Connections
    secrets: Secrets
    look_for_missed: Callable[[Connection], None] = lambda _: None
    """Has the messages looked for that nobody told us of meanwhile."""

    def look_after(self, connection: Connection) -> Visit:
        """Renew the token where it is due, ask Meta about everything, mend what can be mended, record what was found.

        Raises:
            Unavailable: a store failed. The connection is as it was.
            Misconfigured: this function may not read or write a secret.
        """
        counted = Counter(ConnectionsChecked=1)
        try:
            token = self.secrets.access_token(connection)
        except OutsideError as error:
            found = [checks.check(Name.TOKEN, _said(error))]
        else:
            current = self._refreshed(connection, token, counted)
            if current is None:
                return Visit(counted, HOURLY)
            connection, token = current
            found = list(self._found(connection, token))
        self.connections.record_checks(connection, found)
        self._conclude(connection, found, counted)
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
                code = error.code if error.code in _APPS else _REFRESH_REFUSED
                self.connections.record_error(connection, code, call=Call.REFRESHING)
            return connection, token
        if current is not None and current[0] is not connection:
            counted["TokensRefreshed"] += 1
            faults.disprove(self.connections, connection, [Call.REFRESHING])
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
        except NotShown as error:
            yield checks.check(Name.ACCOUNT, _said(error))
        except OutsideError as error:
            yield checks.check(Name.TOKEN, _said(error))
            return  # every other question would be answered so
        else:
            yield Check(Name.TOKEN, Outcome.PASSED)
            yield Check(Name.ACCOUNT, Outcome.PASSED)
        if account.page_id:
            linked = checks.only_telling(lambda: checks.require_page_link(assets, account))
            yield checks.check(Name.PAGE_LINK, linked)
        yield checks.check(
            Name.MESSAGE_ACCESS, checks.only_telling(lambda: checks.require_messages(assets, account.login))
        )
        yield self._subscription(connection, assets)
        app = self.app_for(account.login) if connection.grant.app_id else None
        if app is not None and app.app_id == connection.grant.app_id:  # Meta tells no app of another's tokens
            yield checks.check(Name.PERMISSIONS, lambda: self._require_granted(connection, token, app))

    def _require_granted(self, connection: Connection, token: AccessToken, app: App) -> None:
        tokens = self.tokens_of(connection.account.login)
        require_granted(self.connections, connection, lambda: tokens.inspect(token.value, app))

    def _subscription(self, connection: Connection, assets: Assets) -> Check:
        """Check the subscription, and subscribe again where it is gone."""
        account = connection.account
        login, app_id = account.login, connection.grant.app_id
        probe = checks.only_telling(lambda: checks.require_subscription(assets, login, app_id))
        found = checks.check(Name.SUBSCRIPTION, probe)
        if found.code not in ("not_subscribed", "app_not_installed"):
            return found
        found = checks.check(Name.SUBSCRIPTION, lambda: _subscribe(assets, login))
        holder = self.connections.of_account(account.account_id)
        if holder is None or holder.account.node_id != account.node_id:
            with suppress(OutsideError):  # it was disconnected meanwhile, and must not stay subscribed
                assets.unsubscribe()
            return found
        if found.outcome is Outcome.PASSED:
            found = checks.check(Name.SUBSCRIPTION, probe)
        return replace(found, code=WAS_UNSUBSCRIBED, message=_GAP) if found.outcome is Outcome.PASSED else found

    def _conclude(self, connection: Connection, found: list[Check], counted: Counter[str]) -> None:
        """Record where the connection stands now, and what it has been through."""
        status = judge(self.connections, connection, found)
        if status is not connection.status:
            logger.warning("a connection stands otherwise now", extra={"status": status})
            is_lost = status is ConnectionStatus.NEEDS_RECONNECTION
            counted["ReauthorizationRequired" if is_lost else "ConnectionsRestored"] += 1
        if any(one.code == WAS_UNSUBSCRIBED for one in found):
            self.connections.record_error(connection, WAS_UNSUBSCRIBED)
            logger.warning("Meta had unsubscribed an account; it is subscribed again")
            counted["Resubscribed"] += 1
            self.look_for_missed(connection)


def _subscribe(assets: Assets, login: Login) -> None:
    with naming(TO_SUBSCRIBE[login]):
        subscribe(assets, login)


def _said(error: OutsideError) -> Probe:
    """Return the probe that was answered so already."""

    def tell() -> None:
        raise error

    return tell


def _may_mend(found: Check) -> bool:
    """Return whether it is worth asking again soon: not where Meta said that we ask too often."""
    return found.outcome is Outcome.UNKNOWN and found.code != RateLimited.code
