"""What comes of a login at Meta: the account is found, and connected as if its owner had brought the token."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.accounts import AccessToken, App, Connection, Login
from connector.errors import ConnectorError, LoginFailed
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.linked_pages import LinkedPage, linked_pages
from connector.instagram.oauth import Given
from connector.instagram.signatures import proof_of
from connector.instagram.tokens import Tokens
from connector.lifecycle.authorization import Authorizing
from connector.lifecycle.checks import PERMISSIONS
from connector.lifecycle.wish import Wish
from connector.logins import PendingLogin
from connector.storage.authorizations import Authorizations
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_NEEDED = {
    Login.FACEBOOK: (*PERMISSIONS[Login.FACEBOOK], "pages_show_list", "pages_manage_metadata"),
    Login.INSTAGRAM: PERMISSIONS[Login.INSTAGRAM],
}
_START_AGAIN = "Go back to where you came from, and start again."


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several accounts, and where the person goes to choose it."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a login ended: with a connection, with an error, or with a choice that the person has to make."""

    return_url: str | None
    connection: Connection | None = None
    error: ConnectorError | None = None
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggingIn:
    """Takes persons in who come back from Meta."""

    authorizing: Authorizing
    authorizations: Authorizations
    exchange: Callable[[Login, App, str, str], Given]
    """Exchanges a code, given the app and the redirect URI."""
    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens_of: Callable[[Login], Tokens]
    connect: Callable[[Tenant, Wish], Connection]
    connections: Connections
    secrets: Secrets

    def finish(self, answer: Mapping[str, str]) -> Ended:
        """Connect the account of whoever comes back with Meta's answer, for the tenant that has asked for it.

        The state is worth nothing afterwards, whatever comes of it.

        Raises:
            LoginFailed: nobody has asked for this login, or it is over.
            Unavailable, Misconfigured: it cannot be looked up.
        """
        pending = self.authorizations.take(answer.get("state", ""))
        if pending is None:
            raise LoginFailed(
                "login_over",
                "This login was finished already, or began more than ten minutes ago, or was never asked for. If you "
                f"have just logged in, the account may be connected by now. {_START_AGAIN}",
            )
        try:
            wishes = self._wishes(pending, answer)
            if len(wishes) == 1:
                return Ended(pending.return_url, self.connect(pending.tenant, wishes[0][1]))
            return Ended(pending.return_url, choices=tuple(self._choice(pending, *one) for one in wishes))
        except ConnectorError as error:
            return Ended(pending.return_url, error=error)

    def _wishes(self, pending: PendingLogin, answer: Mapping[str, str]) -> Sequence[tuple[str, Wish]]:
        """Return what can be connected, each under a name that the person knows; at least one."""
        if "code" not in answer:
            # What Meta says besides stands in the query, where anybody can write: it is not repeated.
            denied = answer.get("error") == "access_denied"
            raise LoginFailed(
                "login_denied" if denied else "login_refused",
                f"{'You have not allowed access' if denied else 'Meta has not finished the login'}. {_START_AGAIN}",
            )
        app = self.authorizing.app(pending.login)
        given = self.exchange(pending.login, app, answer["code"], pending.redirect_uri)
        find = self._of_pages if pending.login is Login.FACEBOOK else self._of_account
        return find(pending, app, given)

    def _of_account(self, pending: PendingLogin, app: App, given: Given) -> Sequence[tuple[str, Wish]]:
        _require_allowed(Login.INSTAGRAM, given.permissions)
        longer = self.tokens_of(Login.INSTAGRAM).extend_account(given.token, app)
        graph = self.graph_of(Login.INSTAGRAM, AccessToken(longer.value), "me")
        profile = Assets(graph).own_account()
        if pending.account_id not in (None, profile.account_id):
            raise LoginFailed(
                "other_account",
                f"You have logged in as {profile.username}, and another account was asked for. Log in with that one.",
            )
        wish = replace(self._wish(pending, longer.value, profile.account_id, None), expires_at=longer.expires_at)
        return [(profile.username, wish)]

    def _of_pages(self, pending: PendingLogin, app: App, given: Given) -> Sequence[tuple[str, Wish]]:
        tokens = self.tokens_of(Login.FACEBOOK)
        _require_allowed(Login.FACEBOOK, tokens.inspect(given.token, app).permissions)
        longer = tokens.extend_person(given.token, app).value
        proven = AccessToken(longer, proof_of(longer, app.secret))
        pages = linked_pages(self.graph_of(Login.FACEBOOK, proven, "me"))
        wanted = [page for page in pages if pending.account_id in (None, page.account_id)]
        usable = [page for page in wanted if page.allows_messages]
        if not usable:
            raise _nothing_usable(pages, wanted)
        return [(page.username, self._wish(pending, page.token, page.account_id, page.page_id)) for page in usable]

    def _wish(self, pending: PendingLogin, token: str, account_id: str, page_id: str | None) -> Wish:
        # Who has set up a webhook of this connection's own need not do it again.
        before = self.connections.get(pending.tenant)
        stored = self.secrets.of_connection(before) if before is not None and before.holds_account else None
        return Wish(
            access_token=token,
            account_id=account_id,
            page_id=page_id,
            verify_token=(stored.verify_token if stored else "") or secrets.token_urlsafe(),
            retell_agent_id=pending.retell_agent_id,
            agent_listed=pending.agent_listed,
            asked_by=pending.asked_by,
        )

    def _choice(self, pending: PendingLogin, name: str, wish: Wish) -> Choice:
        """Return the way to one of the accounts: through the dialog again, which knows the person by now.

        So no token has to be kept while somebody thinks.
        """
        return Choice(name, self.authorizing.invite(replace(pending, account_id=wish.account_id)).url)


def _require_allowed(login: Login, permissions: Collection[str] | None) -> None:
    """Require what connecting needs, where Meta tells what was allowed: the person can take single things out."""
    missing = [name for name in _NEEDED[login] if permissions is not None and name not in permissions]
    if missing:
        raise LoginFailed(
            "permission_missing",
            f"You have not allowed everything that messages need: {', '.join(missing)}. Start again, and leave "
            "everything switched on.",
        )


def _nothing_usable(pages: Sequence[LinkedPage], wanted: Sequence[LinkedPage]) -> LoginFailed:
    if wanted:
        return LoginFailed(
            "page_task_missing",
            "You may not write messages for the account's Facebook Page. Have the Page's owner give you access to its "
            "messages, or log in as somebody who has it.",
        )
    if pages:
        return LoginFailed(
            "other_account",
            "None of the Pages that you have chosen is linked to the Instagram account that was asked for. Start "
            "again, and choose its Page.",
        )
    return LoginFailed(
        "no_account",
        "None of the Facebook Pages that you have chosen is linked to an Instagram Business or Creator account. Link "
        "the account in the Page's settings, start again, and choose that Page.",
    )
