"""What invites owners to log in at Meta and takes them in when they come back, with its real parts."""

from connector import audit, settings
from connector.accounts import App, Connection, Login
from connector.instagram.oauth import Given, exchange
from connector.lifecycle.authorization import Authorizing
from connector.lifecycle.login import LoggingIn
from connector.lifecycle.wish import Wish
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import lifecycle, meta, outside, stores


def authorizing() -> Authorizing:
    """Return what invites owners."""
    hosts = settings.login_hosts()
    dialogs = {
        Login.FACEBOOK: f"{hosts[Login.FACEBOOK]}/{settings.graph_version()}/dialog/oauth",
        Login.INSTAGRAM: f"{hosts[Login.INSTAGRAM]}/oauth/authorize",
    }
    return Authorizing(stores.secrets().app_for, dialogs, stores.authorizations(), outside.binding())


def logging_in() -> LoggingIn:
    """Return what takes owners in."""
    return LoggingIn(
        authorizing(),
        stores.authorizations(),
        _exchange,
        meta.graph,
        meta.tokens,
        _connect,
        stores.connections(),
        stores.secrets(),
        now,
    )


def _exchange(login: Login, app: App, code: str, redirect_uri: str) -> Given:
    facebook = f"{settings.graph_hosts()[Login.FACEBOOK]}/{settings.graph_version()}"
    return exchange(facebook if login is Login.FACEBOOK else settings.instagram_api_url(), app, code, redirect_uri)


def _connect(tenant: Tenant, wish: Wish) -> Connection:
    with audit.recording("connect", wish.asked_by, tenant):
        stores.ensure_indexes()
        return lifecycle.connecting().connect(tenant, wish)
