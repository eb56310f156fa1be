"""Who calls the Graph API, by the access token."""

from dataclasses import dataclass

from flask import g, request

from local.simulators.clock import now_ms
from local.simulators.meta import errors, token_errors
from local.simulators.meta.errors import GraphError
from local.simulators.meta.tokens import Token
from local.simulators.meta.world import Account, Owner, Page, World


@dataclass(frozen=True)
class PageCaller:
    """A Page access token: the Facebook Login flavour. `account` is None where no professional one is linked."""

    token: Token
    page: Page
    account: Account | None


@dataclass(frozen=True)
class AccountCaller:
    """An Instagram user access token: the Instagram Login flavour, no Page needed."""

    token: Token
    account: Account


@dataclass(frozen=True)
class OwnerCaller:
    """A Facebook user's access token: it finds Pages and their tokens, and sends nothing itself."""

    token: Token
    owner: Owner
    account: None = None


type Caller = PageCaller | AccountCaller | OwnerCaller


def request_token() -> str | None:
    """Read the token of the request now being served: `Authorization: Bearer`, or `access_token` anywhere."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    body = request.get_json(silent=True)
    in_body = body.get("access_token") if isinstance(body, dict) else None
    return request.values.get("access_token") or in_body


def speaks_instagram(token: str | None) -> bool:
    """Tell whether the request is one for graph.instagram.com, whose errors look different."""
    return bool(g.get("speaks_instagram") or (token and token.startswith("IG")))


def identify(world: World, token: str | None, *, expired: bool) -> Caller:
    """Find the owner of `token`; `expired` is that every token has expired."""
    known = checked_token(world, token, expired=expired)
    if known.kind == "instagram":
        account = world.accounts[known.subject_id]
        if not (account.professional and account.has_role):
            raise errors.unsupported_method("get")  # whatever the verb: Meta says this of an app without access
        return AccountCaller(known, account)
    if known.kind == "page":
        page = world.pages[known.subject_id]
        return PageCaller(known, page, world.professional_of(page))
    return OwnerCaller(known, world.owners[known.subject_id])


def checked_token(world: World, token: str | None, *, expired: bool) -> Token:
    """Find `token`, good for now."""
    if not token:
        raise token_errors.no_token()
    known = world.tokens.get(token)
    if known is None:
        raise token_errors.invalid_token(instagram_login=speaks_instagram(token))
    refusal = refusal_of(known, expired=expired)
    if refusal is not None:
        raise refusal
    return known


def refusal_of(token: Token, *, expired: bool) -> GraphError | None:
    """Tell how a call with `token` is refused, if it is."""
    if token.revoked is not None:
        return token_errors.revoked_token(token.revoked, token.app_id, instagram_login=token.login == "instagram")
    if expired or token.is_over(now_ms()):
        return token_errors.expired_token()
    return None


def acting_account(caller: Caller, node_id: str, method: str) -> Account:
    """Find the account that `node_id` stands for, as the sender of messages and owner of threads.

    With a Page token that is the Page's id, with an Instagram user token the account's; `me` is either.
    """
    if isinstance(caller, OwnerCaller):
        raise token_errors.page_token_required()
    if node_id != "me" and node_id not in _own_ids(caller):
        raise errors.unknown_object(method, node_id)
    if caller.account is None:
        raise errors.page_not_linked()
    return caller.account


def subscriber(caller: Caller, node_id: str, method: str) -> Page | Account:
    """Find the object whose `subscribed_apps` edge is meant."""
    if isinstance(caller, OwnerCaller):
        raise token_errors.page_token_required()
    if node_id != "me" and node_id not in _own_ids(caller):
        raise errors.unknown_object(method, node_id)
    return caller.page if isinstance(caller, PageCaller) else caller.account


def business_id(caller: Caller) -> str:
    """Name the Page, account or person whose calls are counted."""
    match caller:
        case PageCaller():
            return caller.page.page_id
        case AccountCaller():
            return caller.account.account_id
        case OwnerCaller():
            return caller.owner.owner_id


def _own_ids(caller: PageCaller | AccountCaller) -> set[str]:
    if isinstance(caller, PageCaller):
        return {caller.page.page_id}
    return {caller.account.account_id, caller.account.app_scoped_id}
