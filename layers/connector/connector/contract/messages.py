"""Messages, as a frontend shows them."""

from collections.abc import Mapping
from typing import Any

from connector.chat import Message
from connector.contract.base import Body, Time
from connector.conversation.history import Page


class AttachmentView(Body):
    """Something in a message that is not text. The URL is Meta's, and expires."""

    kind: str
    url: str | None
    title: str | None


class MessageView(Body):
    """A message, as a frontend shows it."""

    id: str
    mid: str | None
    chat_id: str | None
    user_id: str
    role: str
    text: str | None
    attachments: tuple[AttachmentView, ...]
    status: str
    error: Mapping[str, Any] | None
    created_at: Time
    edited_at: Time | None
    deleted_at: Time | None
    read_at: Time | None

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
            attachments=tuple(
                AttachmentView(kind=one.kind, url=one.url, title=one.title) for one in message.attachments
            ),
            status=message.status,
            error=message.error,
            created_at=message.created_at,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            read_at=message.read_at,
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
