"""The JSON that the Meta simulator's control API gives."""

from typing import Any

from local.simulators.clock import iso
from local.simulators.meta.deliveries import Delivery
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.shapes import Json
from local.simulators.meta.threads import WINDOW_MS, Message, Thread, window_is_open
from local.simulators.meta.world import Account, GraphCall, World


def show_account(world: World, account: Account) -> Json:
    """Show an account with the tokens of both flavours."""
    page = world.page_of(account)
    return {
        "instagramAccountId": account.account_id,
        "pageId": account.page_id,
        "username": account.username,
        "name": account.name,
        "ownerId": world.owner_of(page.page_id).owner_id if page else None,
        "appScopedId": account.app_scoped_id,
        "accessToken": page.access_token if page else account.instagram_token,
        "instagramAccessToken": account.instagram_token,
        "accountType": account.account_type,
        "professional": account.professional,
        "allowsMessages": account.allows_messages,
        "hasRole": account.has_role,
        "subscribedFields": world.subscribed_fields(account),
    }


def show_world(world: World, faults: dict[str, Any]) -> Json:
    """Show everything that `/_simulator/state` tells."""
    linked = {account.page_id for account in world.accounts.values()}
    return {
        "appId": world.app_id,
        "apps": {
            "facebook": {"id": world.app_id, "secret": world.app_secret},
            "instagram": {"id": world.instagram_app_id, "secret": world.instagram_app_secret},
        },
        "accounts": [show_account(world, account) for account in world.accounts.values()],
        "unlinkedPages": [
            {"pageId": page.page_id, "name": page.name, "accessToken": page.access_token}
            for page in world.pages.values()
            if page.page_id not in linked
        ],
        "owners": [
            {"ownerId": owner.owner_id, "name": owner.name, "pageIds": owner.page_ids}
            for owner in world.owners.values()
        ],
        "users": [
            {"userId": user.user_id, "username": user.username, "name": user.name} for user in world.users.values()
        ],
        "callback": {"url": world.callback.url} if world.callback else None,
        "callbacks": {"deauthorizeUrl": world.deauthorize_url, "dataDeletionUrl": world.data_deletion_url},
        "faults": faults,
    }


def show_thread(thread: Thread, faults: MetaFaults, now: int) -> Json:
    """Show a thread as the console draws it; `windowClosesAt` is null while the business may not write."""
    is_open = window_is_open(thread, now) and not faults.close_window
    return {
        "messages": [_show_message(message) for message in thread.messages],
        "senderActions": [{"action": action.name, "at": iso(action.at)} for action in thread.sender_actions],
        "typing": thread.typing_until > now,
        "ownerAppId": thread.owner_app_id,
        "blocked": thread.blocked,
        "seenAt": iso(thread.seen_at) if thread.seen_at else None,
        "windowClosesAt": iso(thread.opened_at + WINDOW_MS) if is_open and thread.opened_at else None,
    }


def show_delivery(delivery: Delivery) -> Json:
    """Show one webhook POST, with the exact body."""
    waits = delivery.status == "waiting"
    return {
        "id": delivery.delivery_id,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "lastHttpStatus": delivery.last_http_status,
        "createdAt": iso(delivery.created_at),
        "nextAttemptAt": iso(delivery.next_attempt_at) if waits else None,
        "body": delivery.body,
    }


def show_call(call: GraphCall) -> Json:
    """Show one Graph call."""
    return {"method": call.method, "path": call.path, "status": call.status, "at": iso(call.at)}


def _show_message(message: Message) -> Json:
    return {
        "mid": message.mid,
        "from": message.sender,
        "via": message.via,
        "text": message.text,
        "attachments": message.attachments,
        "replyTo": message.reply_to,
        "reactions": message.reactions,
        "deleted": message.deleted,
        "at": iso(message.at),
    }
