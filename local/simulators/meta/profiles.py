"""Pages, accounts and users as Graph objects (Meta's pages "IG User" and "User Profile API")."""

from local.simulators.meta import errors
from local.simulators.meta.identity import AccountCaller, Caller, OwnerCaller, PageCaller
from local.simulators.meta.issuing import page_token_for, pages_of
from local.simulators.meta.nodes import Edge, Node
from local.simulators.meta.permissions import may, require
from local.simulators.meta.world import Account, Page, User, World


def find_profile(world: World, caller: Caller, node_id: str) -> Node:
    """Find what the caller sees under `node_id`: itself, its Pages and accounts, or a user who wrote to its account.

    Asking an owner's token for the tokens of its Pages makes them, so call this within a change.
    """
    if isinstance(caller, PageCaller):
        if node_id in {"me", caller.page.page_id}:
            return _page_node(world, caller, caller.page)
        if caller.account is not None and node_id == caller.account.account_id:
            return _linked_account_node(caller, caller.account)
    elif isinstance(caller, AccountCaller):
        if node_id in {"me", caller.account.account_id, caller.account.app_scoped_id}:
            return _own_account_node(caller)
    elif (found := _owned_node(world, caller, node_id)) is not None:
        return found
    user = world.users.get(node_id)
    if user is None or caller.account is None:
        raise errors.unknown_object("get", node_id)
    require(caller, "messages")
    thread = world.thread_of(caller.account.account_id, node_id)
    if thread is None or thread.opened_at is None or thread.blocked:
        raise errors.consent_required()
    return _user_node(user)


def list_pages(world: World, caller: OwnerCaller) -> list[Node]:
    """List the Pages of `me/accounts`: none where the person has not allowed to see them."""
    pages = pages_of(world, caller.token) if may(caller, "pages") else []
    return [_page_node(world, caller, page) for page in pages]


def _owned_node(world: World, caller: OwnerCaller, node_id: str) -> Node | None:
    if node_id in {"me", caller.owner.owner_id}:
        values = {"id": caller.owner.owner_id, "name": caller.owner.name, "accounts": Edge(list_pages(world, caller))}
        return Node("User", values, ("name", "id"))
    for page in pages_of(world, caller.token):
        account = world.professional_of(page)
        if node_id == page.page_id:
            return _page_node(world, caller, page)
        if account is not None and node_id == account.account_id:
            return _linked_account_node(caller, account)
    return None


def _page_node(world: World, caller: PageCaller | OwnerCaller, page: Page) -> Node:
    """Show a Page. Without instagram_basic no account seems to be linked."""
    connected = world.account_of(page) if may(caller, "profile") else None
    professional = connected if connected is not None and connected.professional else None
    own_token = caller.token.token
    values = {
        "id": page.page_id,
        "name": page.name,
        "category": "Coffee shop",
        "tasks": ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"],
        "messaging_feature_status": {"hop_v2": False, "msgr_multi_app": True, "ig_multi_app": False},
        "access_token": own_token
        if isinstance(caller, PageCaller)
        else lambda: page_token_for(world, caller.token, page).token,
        "instagram_business_account": _linked_account_node(caller, professional) if professional else None,
        "connected_instagram_account": _linked_account_node(caller, connected) if connected else None,
    }
    return Node("Page", values, ("name", "id"))


def _linked_account_node(caller: Caller, account: Account) -> Node:
    require(caller, "profile")
    values = _account_values(account) | {"id": account.account_id, "ig_id": int(account.account_id[-11:])}
    return Node("IGUser", values, ("id",))


def _own_account_node(caller: AccountCaller) -> Node:
    """Show `id` app-scoped, as to any Instagram user token; only `user_id` is the id that webhooks carry."""
    require(caller, "profile")
    account = caller.account
    values = _account_values(account) | {
        "id": account.app_scoped_id,
        "user_id": account.account_id,
        "account_type": account.account_type,
    }
    return Node("IGUser", values, ("id",))


def _account_values(account: Account) -> dict[str, object]:
    return {
        "username": account.username,
        "name": account.name,
        "profile_picture_url": account.profile_picture_url,
        "has_profile_pic": account.profile_picture_url is not None,
        "is_published": True,
        "biography": account.biography,
        "website": account.website,
        "followers_count": account.followers_count,
        "follows_count": account.follows_count,
        "media_count": account.media_count,
    }


def _user_node(user: User) -> Node:
    values = {
        "id": user.user_id,
        "name": user.name,
        "username": user.username,
        "profile_pic": user.profile_pic,
        "follower_count": user.follower_count,
        "is_user_follow_business": user.is_user_follow_business,
        "is_business_follow_user": user.is_business_follow_user,
        "is_verified_user": user.is_verified_user,
    }
    return Node("InstagramScopedUser", values, ("name", "id"))
