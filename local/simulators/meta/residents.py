"""Adding accounts and people, with generated ids where none are given."""

from local.simulators.control import ControlError
from local.simulators.meta import identifiers
from local.simulators.meta.control_bodies import NewAccount, NewUser
from local.simulators.meta.settling import settle_account, settle_page
from local.simulators.meta.world import Account, Page, User, World


def add_account(world: World, wanted: NewAccount) -> Account:
    """Add an account with a Page of its own, or with the existing unlinked Page that is named."""
    account_id = wanted.instagram_account_id or identifiers.new_account_id()
    if account_id in world.accounts:
        raise ControlError(409, f"Account {account_id} exists.")
    username = wanted.username or f"acme_{account_id[-6:]}"
    name = wanted.name or username
    page = _page_for(world, wanted, name) if wanted.wants_page else None
    own_token = wanted.access_token if page is None else None
    known = world.tokens.get(wanted.access_token or "")
    if known is not None and known.subject_id != wanted.page_id:
        raise ControlError(409, "This access token is somebody else's.")
    account = Account(
        account_id=account_id,
        app_scoped_id=identifiers.new_app_scoped_id(),
        username=username,
        name=name,
        instagram_token=own_token or identifiers.new_instagram_token(),
        page_id=page.page_id if page else None,
    )
    if page is not None:
        world.pages[page.page_id] = page
        settle_page(world, page, wanted.owner_id)
    world.accounts[account_id] = account
    settle_account(world, account)
    return account


def add_user(world: World, wanted: NewUser) -> User:
    """Add a person."""
    user_id = wanted.user_id or identifiers.new_user_id()
    if user_id in world.users:
        raise ControlError(409, f"User {user_id} exists.")
    username = wanted.username or f"user_{user_id[-6:]}"
    nameless = wanted.name is None and "name" in wanted.model_fields_set
    user = User(
        user_id=user_id,
        username=username,
        name=None if nameless else wanted.name or username,
        profile_pic=wanted.profile_pic,
        follower_count=wanted.follower_count,
        is_user_follow_business=wanted.is_user_follow_business,
        is_business_follow_user=wanted.is_business_follow_user,
        is_verified_user=wanted.is_verified_user,
    )
    world.users[user_id] = user
    return user


def _page_for(world: World, wanted: NewAccount, name: str) -> Page:
    page_id = wanted.page_id or identifiers.new_page_id()
    known = world.pages.get(page_id)
    if known is None:
        return Page(page_id, name, wanted.access_token or identifiers.new_page_token())
    if world.account_of(known) is not None:
        raise ControlError(409, f"Page {page_id} is linked to another account.")
    return Page(page_id, known.name, wanted.access_token or known.access_token, known.subscribed_fields)
