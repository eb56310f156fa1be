"""Finding out what a given access token is, and making the best of it that Meta allows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from connector.accounts import AccessToken, App, Grant, Login
from connector.errors import AuthenticationFailed, NotShown, OutsideError, ReconnectNeeded, Refused
from connector.instagram.assets import Assets
from connector.instagram.graph import Graph
from connector.instagram.permissions import Need, listed, names
from connector.instagram.signatures import proof_of
from connector.instagram.tokens import Inspection, Tokens

_ANOTHER_KIND = (
    "Authentication failed. This is not the access token of the Facebook Page. Generate a Page Access Token for the "
    "Page that is linked to the Instagram account."
)
NOT_SHOWN = (
    "Authentication failed. Meta does not show this account or Page to the access token. Meta has also answered so for "
    "hours during outages: if the token worked before, try again later, before you make a new token. Else check "
    "instagramAccountId, pageId, the token's permissions, and that it is a Business or Creator account."
)
_DEAD = "Authentication failed. The access token is not valid, or has expired. Generate a new one."


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token that can speak for the account, and what its owner allowed."""

    token: AccessToken
    grant: Grant

    def owned_by(self, owner_id: str | None) -> "Credentials":
        """Return the same with its owner, where that is known now."""
        return replace(self, grant=replace(self.grant, owner_id=owner_id)) if owner_id else self


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines the tokens that callers bring, for one login."""

    login: Login
    app: App | None
    """Our app for this login, where the deployment names one."""
    graph_of: Callable[[Login, AccessToken, str], Graph]
    tokens: Tokens
    clock: Callable[[], datetime]

    def examine(
        self, token: str, node_id: str, own_secret: str | None, expires_at: datetime | None = None
    ) -> Credentials:
        """Return what speaks for the Page or account `node_id`, given somebody's token.

        `own_secret` is the secret of an app that is not the deployment's. A person's token becomes the Page's, a
        short-lived one a long-lived one, where Meta gives it; where it does not, what was given is used. `expires_at`
        is of an account's token that is known to live long.

        Raises:
            AuthenticationFailed: the token is dead, or another Page's or person's, or may not see the Page.
            TryLater: Meta does not say now, or does not even show the token who it speaks for.
        """
        if self.login is Login.INSTAGRAM:
            return self._account_token(token, own_secret, expires_at)
        return self._page_token(token, node_id, own_secret)

    def _account_token(self, token: str, own_secret: str | None, expires_at: datetime | None) -> Credentials:
        grant = Grant(issued_at=self.clock(), expires_at=expires_at)
        app = self.app if own_secret is None else None
        if app is not None and expires_at is None:
            try:
                longer = self.tokens.extend_account(token, app)
            except (Refused, ReconnectNeeded):
                return Credentials(AccessToken(token), grant)  # it lives long already; the hourly check tells how long
            return Credentials(AccessToken(longer.value), replace(grant, expires_at=longer.expires_at))
        return Credentials(AccessToken(token), grant)

    def _page_token(self, token: str, page_id: str, own_secret: str | None) -> Credentials:
        found = self._inspected(token) if own_secret is None else None
        if found is not None and not found.is_valid:
            raise AuthenticationFailed(_DEAD)
        if found is not None and found.is_page_token and found.page_id not in (None, page_id):
            raise AuthenticationFailed(_ANOTHER_KIND)
        is_ours = found is not None and self.app is not None and found.app_id == self.app.app_id
        if not (found.is_page_token if found else self._is_bearer(token, page_id)):
            token, found = self._page_token_of_person(token, page_id, extend=is_ours), None
        proven = AccessToken(token, app_id=self.app.app_id) if is_ours and self.app else None
        return Credentials(
            proven or self._proven(token, page_id, own_secret),
            _grant_of(found or (self._inspected(token) if is_ours else None)),
        )

    def _inspected(self, token: str) -> Inspection | None:
        try:
            return self.tokens.inspect(token, self.app) if self.app else None
        except (Refused, ReconnectNeeded):
            return None  # another company's app: what it may do shows when it is used

    def _proven(self, token: str, page_id: str, secret: str | None) -> AccessToken:
        """Return the token with its proof, if Meta takes it: the secret may be of the app whose webhooks come only."""
        if not secret:
            return AccessToken(token)
        proven = AccessToken(token, proof_of(token, secret))
        try:
            Assets(self.graph_of(self.login, proven, page_id)).bearer_id()
        except (Refused, ReconnectNeeded):
            return AccessToken(token)
        return proven

    def _is_bearer(self, token: str, page_id: str) -> bool:
        try:
            bearer = Assets(self.graph_of(self.login, AccessToken(token), page_id)).bearer_id()
        except ReconnectNeeded as error:
            raise AuthenticationFailed(_DEAD) from error
        except Refused:
            return True
        return bearer in (None, page_id)

    def _page_token_of_person(self, token: str, page_id: str, *, extend: bool) -> str:
        try:
            if extend and self.app:
                token = self.tokens.extend_person(token, self.app).value
            app_id = self.app.app_id if extend and self.app else None
            found = self.tokens.page_token(AccessToken(token, app_id=app_id), page_id)
        except NotShown as error:
            raise AuthenticationFailed(NOT_SHOWN) from error
        except (Refused, ReconnectNeeded) as error:
            raise AuthenticationFailed(f"{_ANOTHER_KIND} (Meta says: {error.code}.)") from error
        if found is None:
            raise AuthenticationFailed(_ANOTHER_KIND)
        return found


# Refusals that may come of several mistakes.
_UNTOLD = {"graph_refused", "not_professional"}


def _grant_of(found: Inspection | None) -> Grant:
    if found is None:
        return Grant()
    return Grant(found.app_id, found.owner_id, found.permissions, found.issued_at, found.expires_at)


def describe_failure(error: OutsideError, login: Login) -> str:
    """Return what to tell a caller whose token does not let us see the account."""
    if isinstance(error, Refused) and error.code not in _UNTOLD:
        return f"Authentication failed. {error.message}"
    return (
        "Authentication failed. Verify that the access token is valid and has not expired, that it has the permissions "
        f"{listed(names(login, Need.ALWAYS, Need.CONNECTING))}, and that the Instagram account is a Business "
        f"or Creator account. (Meta says: {error.code}.)"
    )
