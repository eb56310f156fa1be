"""The JSON that the Meta simulator's control API takes and gives."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from local.simulators.clock import iso
from local.simulators.control import ControlBody
from local.simulators.meta.deliveries import Delivery, ItemList
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.threads import WINDOW_MS, window_is_open
from local.simulators.meta.world import Account, GraphCall, Json, Message, Thread, World

type NumericId = Annotated[str, Field(pattern=r"^\d{5,25}$")]
type SecondsAgo = Annotated[int, Field(ge=0, le=10**9)]
type Username = Annotated[str, Field(pattern=r"^[a-z0-9._]{1,30}$")]


class NewAccount(ControlBody):
    """An account to add. `pageId: null` makes one without a Page, for Instagram Login only.

    `ownerId` names the Facebook person who manages a new Page; without it, somebody new does.
    """

    instagram_account_id: NumericId | None = None
    page_id: NumericId | None = None
    owner_id: NumericId | None = None
    username: Username | None = None
    name: str | None = None
    access_token: Annotated[str, Field(min_length=1)] | None = None

    @property
    def wants_page(self) -> bool:
        """False only where `pageId` is null on purpose."""
        return self.page_id is not None or "page_id" not in self.model_fields_set


class NewUser(ControlBody):
    """A person to add."""

    user_id: NumericId | None = None
    username: Username | None = None
    name: str | None = None


class NewCallback(ControlBody):
    """What one types into the dashboard."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    verify_token: str


class QuickReply(ControlBody):
    """The tapped quick reply; its title is the message's text."""

    payload: str


class CustomerMessage(ControlBody):
    """A direct message to an account. `replyTo` is a mid, or Meta's `reply_to` object for a story.

    `silent`: it is in the thread, and no webhook tells of it. `secondsAgo`: it was written then.
    """

    account_id: str
    text: str | None = None
    attachments: list[Json] = Field(default_factory=list)
    reply_to: str | Json | None = None
    quick_reply: QuickReply | None = None
    referral: Json | None = None
    silent: bool = False
    seconds_ago: SecondsAgo = 0

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and not self.attachments:
            raise ValueError("a message needs a text or attachments")
        return self


class AppMessage(ControlBody):
    """A message that a person at the business types in the Instagram app; see `CustomerMessage`."""

    to: str
    text: Annotated[str, Field(min_length=1)]
    silent: bool = False
    seconds_ago: SecondsAgo = 0


class RawEvent(ControlBody):
    """A webhook item as it is; see `wire.completed_event` for what is filled in.

    `silent`: the thread follows it, and no webhook tells of it.
    """

    account_id: str
    user_id: str
    item: Json
    list: ItemList = "messaging"
    silent: bool = False


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
