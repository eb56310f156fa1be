"""Joining a chat agent to an Instagram account."""

from collections.abc import Callable
from dataclasses import dataclass, field

from connector.accounts import Account, Connection
from connector.errors import AccountInUse, AuthenticationFailed, PageNotLinked, ReconnectNeeded, Refused
from connector.instagram.graph import Graph
from connector.storage.connections import Connections
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_AUTHENTICATION_FAILED = (
    "Authentication failed. Verify that the access token is valid and has not expired, that it has the permissions "
    "instagram_basic, pages_messaging and instagram_manage_messages, and that the Instagram account is a Business or "
    "Creator account."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks to be joined."""

    access_token: str = field(repr=False)
    account_id: str
    page_id: str
    verify_token: str = field(repr=False)
    retell_agent_id: str
    app_secret: str | None = field(default=None, repr=False)


def connect(
    tenant: Tenant,
    wish: Wish,
    *,
    graph_of: Callable[[str], Graph],
    connections: Connections,
    secrets: Secrets,
    key_id: str,
) -> Connection:
    """Check everything with Meta, subscribe, store the secrets, and only then the connection.

    Until the last step the connection that stood before goes on as it was. Repeating it does no harm.

    Raises:
        AuthenticationFailed: Meta does not accept the token, or it may not see the account.
        PageNotLinked: the Page belongs to no account, or to another.
        AccountInUse: another agent has the account.
        Refused, ReconnectNeeded, TryLater, OutcomeUnknown: Meta did not subscribe the app.
    """
    graph = graph_of(wish.access_token)
    account = _checked_account(graph, wish)
    holder = connections.of_account(wish.account_id)
    if holder is not None and holder.tenant != tenant:
        raise AccountInUse
    graph.subscribe(wish.page_id)
    token_version = secrets.put_connection(
        tenant,
        access_token=wish.access_token,
        verify_token=wish.verify_token,
        app_secret=wish.app_secret,
        key_id=key_id,
    )
    return connections.connect(tenant, account, retell_agent_id=wish.retell_agent_id, token_version=token_version)


def _checked_account(graph: Graph, wish: Wish) -> Account:
    try:
        profile = graph.account(wish.account_id)
        linked = graph.linked_account_id(wish.page_id)
    except (ReconnectNeeded, Refused) as error:
        raise AuthenticationFailed(f"{_AUTHENTICATION_FAILED} (Meta says: {error.code}.)") from error
    if linked != wish.account_id:
        raise PageNotLinked(
            "The Facebook Page is not linked to this Instagram account. Link them in the Page's settings, or check "
            "pageId and instagramAccountId."
        )
    return Account(profile.account_id, wish.page_id, profile.username, profile.name)
