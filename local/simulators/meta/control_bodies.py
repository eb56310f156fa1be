"""The JSON that the Meta simulator's control API takes."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from local.simulators.control import ControlBody
from local.simulators.meta.deliveries import ItemList
from local.simulators.meta.shapes import Json

type NumericId = Annotated[str, Field(pattern=r"^\d{5,25}$")]
type AppId = Annotated[str, Field(pattern=r"^\d{1,20}$")]
type SecondsAgo = Annotated[int, Field(ge=0, le=10**9)]
type Username = Annotated[str, Field(pattern=r"^[a-z0-9._]{1,30}$")]


class NewAppSecret(ControlBody):
    """The new secret of an app: from then on Meta signs with it and accepts no proof under the old one."""

    secret: Annotated[str, Field(min_length=1)]


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
    """A person to add. `name: null` makes one who has none; without it, they are named like their username."""

    user_id: NumericId | None = None
    username: Username | None = None
    name: str | None = None
    profile_pic: str | None = None
    follower_count: Annotated[int, Field(ge=0)] = 42
    is_user_follow_business: bool = False
    is_business_follow_user: bool = False
    is_verified_user: bool = False


class NewCallback(ControlBody):
    """What one types into the dashboard."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    verify_token: str
    fields: list[str] | None = None


class QuickReply(ControlBody):
    """The tapped quick reply; its title is the message's text."""

    payload: str


class CustomerMessage(ControlBody):
    """A direct message to an account. `replyTo` is a mid, or Meta's `reply_to` object for a story.

    `attachments` are Meta's, of any type: cards, products, links (`fallback`), stickers, locations, shares.
    With `referralBeside`, the referral stands beside the webhook's `message` instead of inside.

    `silent`: it is in the thread, and no webhook tells of it. `hintOnly`: its webhook is lost, and Meta sends an edit
    with number 0 and no parties. `secondsAgo`: it was written then.
    """

    account_id: str
    text: str | None = None
    attachments: list[Json] = Field(default_factory=list)
    reply_to: str | Json | None = None
    quick_reply: QuickReply | None = None
    referral: Json | None = None
    referral_beside: bool = False
    silent: bool = False
    hint_only: bool = False
    seconds_ago: SecondsAgo = 0

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and not (self.attachments or self.referral or self.quick_reply or self.reply_to):
            raise ValueError("a message needs a text, attachments, a referral, a quickReply or a replyTo")
        return self


class AppMessage(ControlBody):
    """A message that a person at the business types in the Instagram app; see `CustomerMessage`.

    With `appId` it was sent by an inbox of Meta's or by another app's automation, with `aiGenerated` by Meta's
    assistant: the echo says so.
    """

    to: str
    text: Annotated[str, Field(min_length=1)] | None = None
    attachments: list[Json] = Field(default_factory=list)
    app_id: AppId | None = None
    ai_generated: bool = False
    silent: bool = False
    hint_only: bool = False
    seconds_ago: SecondsAgo = 0

    def said(self) -> Json:
        """Return what the thread keeps of it."""
        return self.model_dump(include={"text", "attachments", "app_id", "ai_generated"})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and not self.attachments:
            raise ValueError("a message needs a text or attachments")
        return self


class ThreadChange(ControlBody):
    """What becomes of a thread: which app has it (null: none in particular), whether the business blocks the user.

    A webhook tells of the new app, unless `silent`. It was given the thread, or has `taken` it.
    """

    owner_app_id: AppId | None = None
    taken: bool = False
    silent: bool = False
    blocked: bool | None = None


class RawEvent(ControlBody):
    """A webhook item as it is; see `wire.completed_event` for what is filled in.

    `silent`: the thread follows it, and no webhook tells of it.
    """

    account_id: str
    user_id: str
    item: Json
    list: ItemList = "messaging"
    silent: bool = False
