"""Making access tokens."""

from collections.abc import Sequence

from local.simulators.clock import now_ms
from local.simulators.meta import identifiers
from local.simulators.meta.tokens import (
    DATA_ACCESS_MS,
    FACEBOOK_SCOPES,
    INSTAGRAM_SCOPES,
    LONG_SECONDS,
    SHORT_SECONDS,
    Token,
    TokenKind,
)
from local.simulators.meta.world import Account, Owner, Page, World


def issue_instagram_token(
    world: World, account: Account, scopes: Sequence[str] = INSTAGRAM_SCOPES, *, short: bool = False, name: str = ""
) -> Token:
    """Make an Instagram user token: of one hour, or of 60 days."""
    now = now_ms()
    token = Token(
        token=name or identifiers.new_instagram_token(),
        kind="instagram",
        subject_id=account.account_id,
        owner_id=account.app_scoped_id,
        app_id=world.instagram_app_id,
        scopes=list(scopes),
        issued_at=now,
        short=short,
        expires_at=now + 1000 * (SHORT_SECONDS if short else LONG_SECONDS),
        data_access_expires_at=now + DATA_ACCESS_MS,
    )
    return _keep(world, token)


def issue_user_token(
    world: World,
    owner: Owner,
    scopes: Sequence[str] = FACEBOOK_SCOPES,
    page_ids: Sequence[str] | None = None,
    *,
    short: bool = False,
    kind: TokenKind = "user",
) -> Token:
    """Make a Facebook user token of one hour or 60 days, or a system user's, which is for ever."""
    now = now_ms()
    for_ever = kind == "system_user"
    token = Token(
        token=identifiers.new_user_token(),
        kind=kind,
        subject_id=owner.owner_id,
        owner_id=owner.owner_id,
        app_id=world.app_id,
        scopes=list(scopes),
        issued_at=now,
        short=short,
        expires_at=None if for_ever else now + 1000 * (SHORT_SECONDS if short else LONG_SECONDS),
        data_access_expires_at=None if for_ever else now + DATA_ACCESS_MS,
        page_ids=None if page_ids is None else list(page_ids),
    )
    return _keep(world, token)


def issue_page_token(world: World, page: Page, *, short: bool = False, name: str = "") -> Token:
    """Make a Page token: of one hour, or for ever."""
    now = now_ms()
    token = Token(
        token=name or identifiers.new_page_token(),
        kind="page",
        subject_id=page.page_id,
        owner_id=world.owner_of(page.page_id).owner_id,
        app_id=world.app_id,
        scopes=list(FACEBOOK_SCOPES),
        issued_at=now,
        short=short,
        expires_at=now + 1000 * SHORT_SECONDS if short else None,
        data_access_expires_at=now + DATA_ACCESS_MS,
    )
    return _keep(world, token)


def page_token_for(world: World, user_token: Token, page: Page) -> Token:
    """Find the Page token that a person's token leads to, or make it.

    It lives for an hour if the person's token does, else for ever, and may do what that one may.
    """
    for known in world.tokens.values():
        if known.parent == user_token.token and known.subject_id == page.page_id:
            return known
    token = issue_page_token(world, page)
    token.parent = user_token.token
    token.owner_id = user_token.owner_id
    token.scopes = list(user_token.scopes)
    token.short = user_token.short
    token.expires_at = user_token.expires_at if user_token.short else None
    token.data_access_expires_at = user_token.data_access_expires_at
    return token


def pages_of(world: World, user_token: Token) -> list[Page]:
    """List the Pages that a person's token shows: those they manage, and chose to show."""
    managed = world.owners[user_token.subject_id].page_ids
    shown = managed if user_token.page_ids is None else [one for one in managed if one in user_token.page_ids]
    return [world.pages[page_id] for page_id in shown]


def _keep(world: World, token: Token) -> Token:
    world.tokens[token.token] = token
    return token
