"""The doctor: asks Meta and Retell now about everything that a connection needs, and records what they say."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from connector.accounts import AccessToken, App, Connection, Login
from connector.errors import Misconfigured, OutsideError, Refused, TryLater, Unavailable
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.tokens import Tokens
from connector.lifecycle import checks
from connector.lifecycle.binding import Binding
from connector.lifecycle.checks import Name, Probe
from connector.lifecycle.judgement import judge, require_granted
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets

WITHIN = timedelta(seconds=8)


@dataclass(frozen=True, slots=True)
class Doctor:
    """Examines connections. It mends nothing but what is known of them."""

    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens_of: Callable[[Login], Tokens]
    binding: Binding
    connections: Connections
    secrets: Secrets
    within: timedelta = WITHIN

    def examine(self, connection: Connection) -> Connection:
        """Ask everything at the same time, for so long at most, and return the connection with what was found.

        Raises:
            Unavailable, Misconfigured: its token, or our app, cannot be read.
        """
        try:
            token: AccessToken | OutsideError = self.secrets.access_token(connection)
        except OutsideError as error:
            token = error
        app = self.secrets.app_for(connection.account.login)
        found = checks.run(self._probes(connection, token, app), self.within.total_seconds())
        self.connections.record_checks(connection, found)
        judge(self.connections, connection, found)
        return self.connections.get(connection.tenant) or connection

    def _probes(self, connection: Connection, token: AccessToken | OutsideError, app: App | None) -> dict[str, Probe]:
        account, grant = connection.account, connection.grant

        def assets() -> Assets:
            """Each probe has a connection of its own: they run at the same time."""
            if isinstance(token, OutsideError):
                raise token
            return Assets(self.graph_of(account.login, token, account.node_id))

        probes: dict[str, Probe] = {
            Name.TOKEN: lambda: _require_life(assets()),
            Name.ACCOUNT: lambda: checks.require_account(assets(), account),
            Name.MESSAGE_ACCESS: checks.only_telling(lambda: checks.require_messages(assets(), account.login)),
            Name.SUBSCRIPTION: checks.only_telling(
                lambda: checks.require_subscription(assets(), account.login, grant.app_id)
            ),
            Name.AGENT: lambda: self._require_agent(connection),
        }
        if account.page_id:
            probes[Name.PAGE_LINK] = checks.only_telling(lambda: checks.require_page_link(assets(), account))
        if isinstance(token, AccessToken) and app is not None and app.app_id == grant.app_id:
            tokens = self.tokens_of(account.login)
            probes[Name.PERMISSIONS] = lambda: require_granted(
                self.connections, connection, lambda: tokens.inspect(token.value, app)
            )
        return probes

    def _require_agent(self, connection: Connection) -> None:
        try:
            self.binding.require(connection)
            self.binding.exists(connection.tenant, connection.retell_agent_id)
        except Misconfigured as error:
            raise Refused("agent_key_missing", "There is no API key for Retell.") from error
        except Unavailable as error:
            raise TryLater(error.message) from error


def _require_life(assets: Assets) -> None:
    """Require that the token lives: Meta refuses nothing else in the name of a dead one."""
    with suppress(Refused):
        assets.bearer_id()
