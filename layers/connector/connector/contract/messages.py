"""Messages, as a frontend shows them."""

from collections.abc import Mapping
from typing import Any

from connector.chat import Message, MessageStatus, Role
from connector.contract.attachments import AttachmentView
from connector.contract.base import Body, Time
from connector.contract.referrals import ReferralView
from connector.contract.remedies import remedy_of
from connector.conversation.history import Page


class StoryView(Body):
    """A story of the account that a customer replied to. The URL is Meta's, and expires.

    `linkStickerUrl` is where the link sticker on the story leads.
    """

    id: str | None
    url: str | None
    link_sticker_url: str | None

    @classmethod
    def of(cls, story: Mapping[str, Any]) -> "StoryView":
        """Return it for what Meta told."""
        return cls(id=_text(story, "id"), url=_text(story, "url"), link_sticker_url=_text(story, "link_sticker_url"))


class ReplyView(Body):
    """What a message answers to: an earlier message, by its mid, or a story."""

    mid: str | None
    story: StoryView | None

    @classmethod
    def of(cls, reply_to: Mapping[str, Any]) -> "ReplyView":
        """Return it for what Meta told, or for what send was asked."""
        story = reply_to.get("story")
        shown = StoryView.of(story) if isinstance(story, Mapping) else None
        return cls(mid=_text(reply_to, "mid"), story=shown)


class PostbackView(Body):
    """What the customer tapped instead of typing: a quick reply, a button, or a question of the start screen."""

    payload: str | None
    title: str | None

    @classmethod
    def of(cls, postback: Mapping[str, Any]) -> "PostbackView":
        """Return it for what is stored."""
        return cls(payload=_text(postback, "payload"), title=_text(postback, "title"))


class ReactionView(Body):
    """Somebody's reaction to a message: the customer's, or (`userId` is the account's) yours."""

    user_id: str
    emoji: str
    at: Time

    @classmethod
    def of(cls, reaction: Mapping[str, Any]) -> "ReactionView":
        """Return it for what is stored."""
        return cls(user_id=reaction["userId"], emoji=reaction["emoji"], at=reaction["at"])


class MetaView(Body):
    """What Meta answered, in its own words and numbers: bounded, and without what looks like a secret."""

    message: str | None
    code: int | None
    subcode: int | None


class ErrorView(Body):
    """Why a message was not sent or not answered, and what to do about it."""

    code: str
    message: str
    remedy: str
    meta: MetaView | None

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> "ErrorView":
        """Return it for a stored error. What was said when it happened says more than what its code means."""
        code = str(error.get("code"))
        message, remedy = remedy_of(code)
        meta = MetaView.model_validate(error["meta"]) if error.get("meta") else None
        return cls(code=code, message=str(error.get("message") or message), remedy=remedy, meta=meta)


class MessageView(Body):
    """A message, as a frontend shows it."""

    id: str
    mid: str | None
    chat_id: str | None
    user_id: str
    role: Role
    text: str | None
    attachments: tuple[AttachmentView, ...]
    content: Mapping[str, Any] | None
    reply_to: ReplyView | None
    postback: PostbackView | None
    referral: ReferralView | None
    reactions: tuple[ReactionView, ...]
    status: MessageStatus
    error: ErrorView | None
    created_at: Time
    edited_at: Time | None
    deleted_at: Time | None
    read_at: Time | None
    recovered: bool
    app_id: str | None

    @classmethod
    def of(cls, message: Message, *, user_id: str, chat_id: str | None) -> "MessageView":
        """Return it for a stored message."""
        return cls(
            id=message.id,
            mid=message.mid,
            chat_id=chat_id,
            user_id=user_id,
            role=message.role,
            text=message.text,
            attachments=tuple(AttachmentView.of(one) for one in message.attachments),
            content=message.content,
            reply_to=ReplyView.of(message.reply_to) if message.reply_to else None,
            postback=PostbackView.of(message.postback) if message.postback else None,
            referral=ReferralView.of(message.referral) if message.referral else None,
            reactions=tuple(ReactionView.of(one) for one in message.reactions),
            status=message.status,
            error=ErrorView.of(message.error) if message.error else None,
            created_at=message.created_at,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            read_at=message.read_at,
            recovered=message.recovered,
            app_id=message.app_id,
        )


class Messages(Body):
    """A page of messages, newest first."""

    messages: tuple[MessageView, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page) -> "Messages":
        """Return it for a page."""
        return cls(
            messages=tuple(
                MessageView.of(message, user_id=chat.user_id, chat_id=chat.chat_id) for chat, message in page.messages
            ),
            next_cursor=page.next_cursor,
        )


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None
