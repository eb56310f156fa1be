"""Asking an account's owner in: the address of a login at Meta, good once and for ten minutes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.accounts import App, Login, Outcome
from connector.errors import Detail, InvalidRequest, LoginNotSetUp
from connector.instagram.oauth import dialog_url
from connector.lifecycle import checks
from connector.lifecycle.binding import Binding
from connector.lifecycle.checks import Name
from connector.lifecycle.connect import failure_of
from connector.logins import PendingLogin
from connector.storage.authorizations import Authorizations

CALLBACK_PATH = "/api/instagram/oauth/callback"
"""Where Meta sends browsers back to; registered at Meta, below the API's address."""

_PROBE_SECONDS = 5
_NAMES = {Login.FACEBOOK: "Facebook Login", Login.INSTAGRAM: "Instagram Login"}


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where an account's owner logs in, and until when."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Authorizing:
    """Invites owners to log in."""

    app_for: Callable[[Login], App | None]
    dialogs: Mapping[Login, str]
    """The page of each login's dialog."""
    authorizations: Authorizations
    binding: Binding

    def ask(self, pending: PendingLogin) -> Invitation:
        """Return where the owner logs in, if who asks may connect the agent.

        Raises:
            AgentNotAllowed: the token gives no right to the agent.
            NotReady: Retell has no such agent, or another subaccount has it.
            LoginNotSetUp: the deployment has no app at Meta for this login.
        """
        self.app(pending.login)
        tenant, agent_id = pending.tenant, pending.retell_agent_id
        basis = self.binding.basis(tenant, agent_id, is_listed=pending.agent_listed)
        probes: dict[str, checks.Probe] = {
            Name.AGENT: lambda: self.binding.require_usable(tenant, agent_id, basis),
        }
        (found,) = checks.run(probes, _PROBE_SECONDS)
        if found.outcome is Outcome.FAILED:
            raise failure_of(found)
        return self.invite(pending)

    def invite(self, pending: PendingLogin) -> Invitation:
        """Return where the owner logs in.

        Raises:
            LoginNotSetUp: the deployment has no app at Meta for this login.
        """
        login, app = pending.login, self.app(pending.login)
        state, expires_at = self.authorizations.put(pending)
        url = dialog_url(self.dialogs[login], login, app, redirect_uri=pending.redirect_uri, state=state)
        return Invitation(url, expires_at)

    def app(self, login: Login) -> App:
        """Return our app for a login.

        Raises:
            LoginNotSetUp: the deployment has none.
        """
        app = self.app_for(login)
        if app is None:
            raise LoginNotSetUp(_NAMES[login], f"{login}App")
        return app


def require_known(return_url: str | None, known: Collection[str]) -> None:
    """Require that a browser may be sent there: the deployment's own list has it, to the letter.

    Nothing is parsed and nothing normalized: whoever compares parts of addresses trusts two parsers to agree.

    Raises:
        InvalidRequest: it is not on the list.
    """
    if return_url is not None and return_url not in known:
        problem = "is not one of the deployment's ReturnUrls, to the letter"
        raise InvalidRequest("The returnUrl cannot be used.", details=[Detail("returnUrl", problem)])
