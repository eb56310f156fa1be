"""What comes of a login at Meta: the account is found, and connected when the person confirms it.

The address of a login may come from a stranger. So Meta's redirect only asks; a POST with the page's ticket connects.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from connector import sealing
from connector.accounts import AccessToken, App, Connection, Login
from connector.errors import ConnectorError, LoginFailed
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.linked_pages import LinkedPage, linked_pages
from connector.instagram.oauth import Given
from connector.instagram.permissions import Need, names
from connector.instagram.tokens import Tokens
from connector.lifecycle.authorization import Authorizing
from connector.lifecycle.wish import Wish
from connector.logins import FoundAccount, PendingLogin, StoredLogin
from connector.logs import identify
from connector.storage.authorizations import Authorizations
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_ACCOUNTS: TypeAdapter[Sequence[FoundAccount]] = TypeAdapter(Sequence[FoundAccount])
_START_AGAIN = "Go back to where you came from, and start again."


_EXCHANGE_TAKES = timedelta(seconds=40)
"""Longer than the function may run: a claim that is older belongs to a request that died."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the person is asked: whether to connect an account, or one of several, to whose agent."""

    pending: PendingLogin
    accounts: tuple[tuple[str, str], ...]
    """Id and username of each."""
    state: str = field(repr=False)
    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a request of the browser came to: a connection, an error, a question, or (with none of them) waiting."""

    return_url: str | None
    connection: Connection | None = None
    error: ConnectorError | None = None
    offer: Offer | None = None


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
    clock: Callable[[], datetime]

    def offer(self, answer: Mapping[str, str]) -> Ended:
        """Return the question whether to connect what the person who comes back with Meta's answer has.

        Nothing is connected. Loading the same address again asks the same question again.

        Raises:
            LoginFailed: this login was never asked for, or is over.
            Unavailable, Misconfigured: it cannot be looked up.
        """
        state = answer.get("state", "")
        login = self._stored(state)
        if "code" not in answer:
            return Ended(login.pending.return_url, error=_refused(answer))
        code = answer["code"].removesuffix("#_")  # Instagram appends it; browsers keep it to themselves
        ticket = sealing.ticket(state, code)
        if login.sealed is not None:
            return self._ask(login.pending, _opened(login.sealed, state, ticket), state, ticket)
        if not self.authorizations.claim(state):
            if login.claimed_at is not None and login.claimed_at < self.clock() - _EXCHANGE_TAKES:
                raise _over()
            return Ended(login.pending.return_url)
        try:
            found = self._found(login.pending, code)
        except ConnectorError as error:
            self.authorizations.end(state)
            return Ended(login.pending.return_url, error=error)
        self.authorizations.keep(state, sealing.seal(_ACCOUNTS.dump_json(found).decode(), state=state, ticket=ticket))
        return self._ask(login.pending, found, state, ticket)

    def decide(self, form: Mapping[str, str]) -> Ended:
        """Connect the account that the person has chosen, or none, and end the login.

        Raises:
            LoginFailed: the ticket is not the one of this login, or the login is over.
            Unavailable, Misconfigured: it cannot be looked up.
        """
        state, account_id = form.get("state", ""), form.get("account", "")
        login = self._stored(state)
        if login.sealed is None:
            raise _over()
        found = {one.account_id: one for one in _opened(login.sealed, state, form.get("ticket", ""))}
        if account_id and account_id not in found:
            raise _over()
        if not self.authorizations.take(state, login.sealed):
            raise _over()
        pending = login.pending
        if not account_id:
            return Ended(pending.return_url, error=_refused({"error": "access_denied"}))
        try:
            return Ended(pending.return_url, self.connect(pending.tenant, self._wish(pending, found[account_id])))
        except ConnectorError as error:
            return Ended(pending.return_url, error=error)

    def _stored(self, state: str) -> StoredLogin:
        stored = self.authorizations.find(state)
        identify(stored.pending.tenant if stored else None)
        if stored is None:
            raise _over()
        return stored

    def _ask(self, pending: PendingLogin, found: Sequence[FoundAccount], state: str, ticket: str) -> Ended:
        accounts = tuple((one.account_id, one.username) for one in found)
        return Ended(pending.return_url, offer=Offer(pending, accounts, state, ticket))

    def _found(self, pending: PendingLogin, code: str) -> Sequence[FoundAccount]:
        """Return the accounts that can be connected; at least one."""
        app = self.authorizing.app(pending.login)
        given = self.exchange(pending.login, app, code, pending.redirect_uri)
        find = self._of_pages if pending.login is Login.FACEBOOK else self._of_account
        return find(pending, app, given)

    def _of_account(self, pending: PendingLogin, app: App, given: Given) -> Sequence[FoundAccount]:
        _require_allowed(Login.INSTAGRAM, given.permissions)
        longer = self.tokens_of(Login.INSTAGRAM).extend_account(given.token, app)
        graph = self.graph_of(Login.INSTAGRAM, AccessToken(longer.value), "me")
        profile = Assets(graph).own_account()
        if pending.account_id not in (None, profile.account_id):
            raise LoginFailed(
                "other_account",
                f"You have logged in as {profile.username}, and another account was asked for. Log in with that one.",
            )
        return [FoundAccount(profile.account_id, None, profile.username, longer.value, longer.expires_at)]

    def _of_pages(self, pending: PendingLogin, app: App, given: Given) -> Sequence[FoundAccount]:
        tokens = self.tokens_of(Login.FACEBOOK)
        _require_allowed(Login.FACEBOOK, tokens.inspect(given.token, app).permissions)
        longer = tokens.extend_person(given.token, app).value
        token = AccessToken(longer, app_id=app.app_id)
        pages = linked_pages(self.graph_of(Login.FACEBOOK, token, "me"))
        wanted = [page for page in pages if pending.account_id in (None, page.account_id)]
        usable = [page for page in wanted if page.allows_messages]
        if not usable:
            raise _nothing_usable(pages, wanted)
        return [FoundAccount(page.account_id, page.page_id, page.username, page.token) for page in usable]

    def _wish(self, pending: PendingLogin, account: FoundAccount) -> Wish:
        # Who has set up a webhook of this connection's own need not do it again.
        before = self.connections.get(pending.tenant)
        stored = self.secrets.of_connection(before) if before is not None and before.holds_account else None
        return Wish(
            access_token=account.token,
            account_id=account.account_id,
            page_id=account.page_id,
            verify_token=(stored.verify_token if stored else "") or secrets.token_urlsafe(),
            retell_agent_id=pending.retell_agent_id,
            expires_at=account.expires_at,
            agent_listed=pending.agent_listed,
            asked_by=pending.asked_by,
        )


def _opened(sealed: bytes, state: str, ticket: str) -> Sequence[FoundAccount]:
    text = sealing.unseal(sealed, state=state, ticket=ticket)
    if text is None:
        raise _over()
    return _ACCOUNTS.validate_json(text)


def _over() -> LoginFailed:
    return LoginFailed(
        "login_over",
        "This login was finished already, or began more than ten minutes ago, or was never asked for. If you "
        f"have just logged in, the account may be connected by now. {_START_AGAIN}",
    )


def _refused(answer: Mapping[str, str]) -> LoginFailed:
    # What Meta says besides stands in the query, where anybody can write: it is not repeated.
    denied = answer.get("error") == "access_denied"
    return LoginFailed(
        "login_denied" if denied else "login_refused",
        f"{'You have not allowed access' if denied else 'Meta has not finished the login'}. {_START_AGAIN}",
    )


def _require_allowed(login: Login, permissions: Collection[str] | None) -> None:
    """Require what connecting needs, where Meta tells what was allowed: the person can take single things out."""
    missing = [
        name
        for name in names(login, Need.ALWAYS, Need.CONNECTING, Need.LOGIN)
        if permissions is not None and name not in permissions
    ]
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
