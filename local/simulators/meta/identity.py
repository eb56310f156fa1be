"""Who calls the Graph API, by the access token."""

from dataclasses import dataclass

from flask import request

from local.simulators.meta import errors
from local.simulators.meta.world import Account, Page, World


@dataclass(frozen=True)
class PageCaller:
    """A Page access token: the Facebook Login flavour."""

    page: Page
    account: Account | None


@dataclass(frozen=True)
class AccountCaller:
    """An Instagram user access token: the Instagram Login flavour, no Page needed."""

    account: Account


type Caller = PageCaller | AccountCaller


def request_token() -> str | None:
    """Read the token of the request now being served: `Authorization: Bearer`, or `access_token` anywhere."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    body = request.get_json(silent=True)
    in_body = body.get("access_token") if isinstance(body, dict) else None
    return request.values.get("access_token") or in_body


def speaks_instagram(token: str | None) -> bool:
    """Tell whether the token is one of graph.instagram.com, whose errors look different."""
    return bool(token and token.startswith("IG"))


def identify(world: World, token: str | None, *, expired: bool) -> Caller:
    """Find the owner of `token`."""
    if not token:
        raise errors.no_token()
    caller = _owner(world, token)
    if caller is None:
        raise errors.invalid_token()
    if expired:
        raise errors.expired_token()
    return caller


def acting_account(caller: Caller, node_id: str, method: str) -> Account:
    """Find the account that `node_id` stands for, as the sender of messages and owner of threads.

    With a Page token that is the Page's id, with an Instagram user token the account's; `me` is either.
    """
    if node_id != "me" and node_id not in _own_ids(caller):
        raise errors.unknown_object(method, node_id)
    if caller.account is None:
        raise errors.page_not_linked()
    return caller.account


def subscriber(caller: Caller, node_id: str, method: str) -> Page | Account:
    """Find the object whose `subscribed_apps` edge is meant."""
    if node_id != "me" and node_id not in _own_ids(caller):
        raise errors.unknown_object(method, node_id)
    return caller.page if isinstance(caller, PageCaller) else caller.account


def business_id(caller: Caller) -> str:
    """Name the Page or account whose calls are counted."""
    return caller.page.page_id if isinstance(caller, PageCaller) else caller.account.account_id


def _owner(world: World, token: str) -> Caller | None:
    for page in world.pages.values():
        if page.access_token == token:
            return PageCaller(page, world.account_of(page))
    for account in world.accounts.values():
        if account.instagram_token == token:
            return AccountCaller(account)
    return None


def _own_ids(caller: Caller) -> set[str]:
    if isinstance(caller, PageCaller):
        return {caller.page.page_id}
    return {caller.account.account_id, caller.account.app_scoped_id}
