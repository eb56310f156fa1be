"""The body of send and its answers. Instagram's limits are checked here, so that a refusal names field and limit."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, StrictBool, Tag, ValidationInfo, field_validator

from connector.chat import Message
from connector.contract.base import Asked, Body, MetaId
from connector.contract.content import (
    ButtonsContent,
    CardsContent,
    FileContent,
    HeartContent,
    ImageContent,
    PostContent,
    Reaction,
    TextContent,
    Typing,
    attachments_of,
    having,
    text_of,
)
from connector.contract.messages import MessageView
from connector.contract.texts import LongText, Mid, fits
from connector.conversation.send import Letter
from connector.conversation.text import split
from connector.instagram import limits


def _kind(message: Any) -> str:
    """Return which member of the union a message is, so that a refusal speaks of that one only."""
    kind = message.get("type") if isinstance(message, dict) else getattr(message, "type", "words")
    return "file" if kind in ("audio", "video") else str(kind)


class SendRequest(Asked):
    """What to send, and to whom.

    `message` is a text, or one of the other kinds. `split` lets a text that is too long go out in parts, instead of
    being refused. `replyTo` quotes a message of the conversation. A person who writes takes the conversation over: the
    agent falls silent in it, unless `pauseAgent` is false.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": having("split", {"const": True}),
            "else": {"properties": {"message": {"maxLength": limits.MAX_TEXT_BYTES}}},  # where it is a string
        }
    )

    to: MetaId
    split: StrictBool = False
    message: Annotated[
        Annotated[LongText, Tag("words")]
        | Annotated[TextContent, Tag("text")]
        | Annotated[ImageContent, Tag("image")]
        | Annotated[FileContent, Tag("file")]
        | Annotated[CardsContent, Tag("cards")]
        | Annotated[ButtonsContent, Tag("buttons")]
        | Annotated[PostContent, Tag("post")]
        | Annotated[HeartContent, Tag("heart")]
        | Annotated[Reaction, Tag("reaction")]
        | Annotated[Typing, Tag("typing")],
        Discriminator(
            _kind,
            custom_error_type="unknown_kind",
            custom_error_message="must be a text, or have one of the types text, image, audio, video, file, cards, "
            "buttons, post, heart, reaction, typing",
        ),
    ]
    reply_to: Mid | None = None
    pause_agent: StrictBool = True

    @field_validator("message", mode="after")
    @classmethod
    def _fits_or_is_split(cls, message: object, info: ValidationInfo) -> object:
        return fits(message) if isinstance(message, str) and not info.data.get("split") else message

    def letters(self) -> tuple[Letter, ...]:
        """Return what is to be sent, in order; nothing for a reaction or for typing."""
        match self.message:
            case str() as text:
                return tuple(Letter(part.strip()) for part in split(text, limits.MAX_TEXT_BYTES) if part.strip())
            case Reaction() | Typing():
                return ()
            case content:
                told = content.model_dump(by_alias=True, mode="json")
                return (Letter(text_of(content), told, attachments_of(content)),)


class SentView(MessageView):
    """The message that was sent: the last one, where a text was split."""

    parts: tuple[MessageView, ...]
    """All of them, in order."""

    @classmethod
    def of_all(cls, sent: Sequence[Message], *, user_id: str, chat_id: str | None) -> "SentView":
        """Return it for the messages that one request has sent."""
        views = [MessageView.of(one, user_id=user_id, chat_id=chat_id) for one in sent]
        return cls(**views[-1].model_dump(), parts=tuple(views))


class Acted(Body):
    """What was done that is no message."""

    done: Literal["reaction", "typing"]
