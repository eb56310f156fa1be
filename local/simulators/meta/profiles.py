"""Pages, accounts and users as Graph objects (Meta's pages "IG User" and "User Profile API")."""

from local.simulators.meta import errors
from local.simulators.meta.identity import AccountCaller, Caller, PageCaller
from local.simulators.meta.nodes import Node
from local.simulators.meta.world import Account, Page, User, World


def find_profile(world: World, caller: Caller, node_id: str) -> Node:
    """Find what the caller sees under `node_id`: itself, its account, or a user who wrote to its account."""
    if isinstance(caller, PageCaller):
        if node_id in {"me", caller.page.page_id}:
            return _page_node(caller.page, caller.account)
        if caller.account is not None and node_id == caller.account.account_id:
            return _linked_account_node(caller.account)
    elif node_id in {"me", caller.account.account_id, caller.account.app_scoped_id}:
        return _own_account_node(caller)
    user = world.users.get(node_id)
    if user is None or caller.account is None:
        raise errors.unknown_object("get", node_id)
    thread = world.thread_of(caller.account.account_id, node_id)
    if thread is None or thread.opened_at is None:
        raise errors.consent_required()
    return _user_node(user)


def _page_node(page: Page, account: Account | None) -> Node:
    linked = _linked_account_node(account) if account else None
    values = {
        "id": page.page_id,
        "name": page.name,
        "access_token": page.access_token,
        "instagram_business_account": linked,
        "connected_instagram_account": linked,
    }
    return Node("Page", values, ("name", "id"))


def _linked_account_node(account: Account) -> Node:
    return Node("IGUser", _account_values(account) | {"id": account.account_id}, ("id",))


def _own_account_node(caller: AccountCaller) -> Node:
    """Show `id` app-scoped, as to any Instagram user token; only `user_id` is the id that webhooks carry."""
    account = caller.account
    values = _account_values(account) | {
        "id": account.app_scoped_id,
        "user_id": account.account_id,
        "account_type": "BUSINESS",
    }
    return Node("IGUser", values, ("id",))


def _account_values(account: Account) -> dict[str, object]:
    return {
        "username": account.username,
        "name": account.name,
        "profile_picture_url": None,
        "biography": None,
        "website": None,
        "followers_count": 1234,
        "follows_count": 56,
        "media_count": 78,
    }


def _user_node(user: User) -> Node:
    values = {
        "id": user.user_id,
        "name": user.name,
        "username": user.username,
        "profile_pic": None,
        "follower_count": 42,
        "is_user_follow_business": False,
        "is_business_follow_user": False,
        "is_verified_user": False,
    }
    return Node("User", values, ("name", "id"))
