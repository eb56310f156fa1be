"""The doctor: asks Meta and Retell now about everything that a connection needs, and records what they say."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from connector.accounts import AccessToken, App, Check, Connection, ConnectionStatus, Grant, Login, Outcome
from connector.errors import Misconfigured, ReconnectNeeded, Refused, TryLater, Unavailable
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.tokens import Tokens
from connector.lifecycle import checks
from connector.lifecycle.checks import Name, Probe
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

WITHIN = timedelta(seconds=8)

# What only the account's owner can mend, by letting us in again.
_OWNER_NEEDED = {ReconnectNeeded.code, "permission_missing"}


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines connections. It mends nothing but what is known of them."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens_of: Callable[[Login], Tokens]
    require_agent: Callable[[Tenant, str], None]
    """Requires that a tenant's agent exists at Retell, by its id there; raises an OutsideError."""
    connections: Connections
    secrets: Secrets
    within: timedelta = WITHIN

    def examine(self, connection: Connection) -> Connection:
        """Ask everything at the same time, for so long at most, and return the connection with what was found.

        Raises:
            Unavailable, Misconfigured: its token, or our app, cannot be read.
        """
        token = self.secrets.access_token(
            connection.tenant, version=connection.token_version, generation=connection.generation
        )
        app = self.secrets.app_for(connection.account.login)
        found = checks.run(self._probes(connection, token, app), self.within.total_seconds())
        self.connections.record_checks(connection, found)
        self._judge(connection, found)
        return self.connections.get(connection.tenant) or connection

    def _probes(self, connection: Connection, token: AccessToken | None, app: App | None) -> dict[str, Probe]:
        account, grant = connection.account, connection.grant

        def assets() -> Assets:
            """Each probe has a connection of its own: they run at the same time."""
            if token is None:
                raise ReconnectNeeded("The access token is gone. Connect the account again.")
            return Assets(self.graph_of(account.login, token, account.node_id))

        probes: dict[str, Probe] = {
            Name.TOKEN: lambda: _require_life(assets()),
            Name.ACCOUNT: lambda: checks.require_account(assets(), account),
            Name.MESSAGE_ACCESS: checks.only_telling(lambda: assets().require_messages()),
            Name.SUBSCRIPTION: checks.only_telling(lambda: checks.require_subscription(assets(), grant.app_id)),
            Name.AGENT: lambda: self._require_agent(connection),
        }
        if account.page_id:
            probes[Name.PAGE_LINK] = checks.only_telling(lambda: checks.require_page_link(assets(), account))
        if token is not None and app is not None and app.app_id == grant.app_id:
            probes[Name.PERMISSIONS] = lambda: self._require_permissions(connection, token, app)
        return probes

    def _require_permissions(self, connection: Connection, token: AccessToken, app: App) -> None:
        """Require the permissions that Meta tells our app of, and remember them, and when the token dies."""
        login = connection.account.login
        try:
            told = self.tokens_of(login).inspect(token.value, app)
        except (Refused, ReconnectNeeded) as error:  # it is our app that Meta does not believe
            raise TryLater("Meta does not tell our app about the token.") from error
        if not told.is_valid:
            raise ReconnectNeeded("Meta no longer accepts the access token.")
        grant = Grant(told.app_id, told.owner_id, told.permissions, told.issued_at, told.expires_at)
        if grant != connection.grant:
            self.connections.record_grant(connection, grant)
        checks.require_permissions(login, told.permissions)

    def _require_agent(self, connection: Connection) -> None:
        try:
            self.require_agent(connection.tenant, connection.retell_agent_id)
        except Misconfigured as error:
            raise Refused("agent_key_missing", "There is no API key for Retell.") from error
        except Unavailable as error:
            raise TryLater(error.message) from error

    def _judge(self, connection: Connection, found: tuple[Check, ...]) -> None:
        """Say what the connection is now: in need of its owner, or well again."""
        lost = _OWNER_NEEDED & {str(one.code) for one in found if one.outcome is Outcome.FAILED}
        if lost and connection.is_connected:
            self.connections.record_error(connection, max(lost), needs_reconnection=True)
        is_certain = all(one.outcome is not Outcome.UNKNOWN for one in found if one.name != Name.AGENT)
        if is_certain and not lost and connection.status is ConnectionStatus.NEEDS_RECONNECTION:
            self.connections.restore(connection)


def _require_life(assets: Assets) -> None:
    """Require that the token lives: Meta refuses nothing else in the name of a dead one."""
    with suppress(Refused):
        assets.bearer_id()
