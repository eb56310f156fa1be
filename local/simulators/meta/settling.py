"""Completing a world that has just been made or read: credentials, owners of Pages, tokens as objects.

A state file of an earlier version knows the tokens only as texts.
"""

import hashlib
import hmac

from local.simulators.meta import identifiers
from local.simulators.meta.defaults import INSTAGRAM_APP_ID
from local.simulators.meta.issuing import issue_instagram_token, issue_page_token
from local.simulators.meta.world import Account, Owner, Page, World


def settle(world: World, app_secret: str, instagram_app_secret: str | None) -> None:
    """Give the app its credentials, every Page an owner, and every known token its object.

    Without `instagram_app_secret` it is derived from the other one, the same at every start.
    """
    world.app_secret = app_secret
    world.instagram_app_id = world.instagram_app_id or INSTAGRAM_APP_ID
    world.instagram_app_secret = instagram_app_secret or _derived(app_secret)
    for page in world.pages.values():
        settle_page(world, page)
    for account in world.accounts.values():
        settle_account(world, account)


def settle_page(world: World, page: Page, owner_id: str | None = None) -> None:
    """Have `page` managed by somebody, and its token known."""
    if not any(page.page_id in owner.page_ids for owner in world.owners.values()):
        owner_id = owner_id or identifiers.new_owner_id()
        owner = world.owners.setdefault(owner_id, Owner(owner_id, f"Owner of {page.name}"))
        owner.page_ids.append(page.page_id)
    if page.access_token not in world.tokens:
        issue_page_token(world, page, name=page.access_token)


def settle_account(world: World, account: Account) -> None:
    """Have the token of `account` known."""
    if account.instagram_token not in world.tokens:
        issue_instagram_token(world, account, name=account.instagram_token)


def _derived(app_secret: str) -> str:
    return hmac.new(app_secret.encode(), b"instagram", hashlib.sha256).hexdigest()[:32]
