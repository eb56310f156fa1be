"""The body of send. Instagram's limits are checked here, so that a refusal names the field and the limit."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from connector.chat import Attachment, Message
from connector.contract.base import Asked, Body, MetaId
from connector.contract.messages import MessageView
from connector.conversation.send import Letter
from connector.conversation.text import split
from connector.instagram import limits

MAX_SPLIT_CHARACTERS = 10_000
_MAX_URL = 2083  # characters; longer ones are cut somewhere on the way
_URL = r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?#][!-~]*)?$"


def _is_unicode(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise PydanticCustomError("not_unicode", "must be Unicode, and holds half of a surrogate pair")
    return text


def _fits(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if text.strip() and size > limits.MAX_TEXT_BYTES:
        problem = "has {size} bytes in UTF-8; Instagram takes at most {most}"
        raise PydanticCustomError("too_long", problem, {"size": size, "most": limits.MAX_TEXT_BYTES})
    return _is_unicode(text)


def _is_address(url: str) -> str:
    if not re.fullmatch(_URL, url):
        raise PydanticCustomError("no_address", "must be an address that begins with http:// or https://, in ASCII")
    return url


# What the validators refuse, in the schema's words. Those count characters, so of `_fits` they tell only half; and what
# `\S` means differs from one language to another, so it is written out.
_VISIBLE = r"[^\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_NOT_BLANK = Field(json_schema_extra={"pattern": _VISIBLE})
_SHORT = Field(json_schema_extra={"pattern": _VISIBLE, "maxLength": limits.MAX_TEXT_BYTES})
_ADDRESS = Field(json_schema_extra={"pattern": _URL})

LongText = Annotated[str, StringConstraints(max_length=MAX_SPLIT_CHARACTERS), AfterValidator(_is_unicode), _NOT_BLANK]
Text = Annotated[str, AfterValidator(_fits), _SHORT]
Title = Annotated[str, StringConstraints(max_length=limits.MAX_BUTTON_TITLE), AfterValidator(_is_unicode), _NOT_BLANK]
Payload = Annotated[str, StringConstraints(max_length=limits.MAX_PAYLOAD), AfterValidator(_is_unicode), _NOT_BLANK]
ElementText = Annotated[
    str, StringConstraints(max_length=limits.MAX_ELEMENT_TEXT), AfterValidator(_is_unicode), _NOT_BLANK
]
ButtonsText = Annotated[
    str, StringConstraints(max_length=limits.MAX_BUTTONS_TEXT), AfterValidator(_is_unicode), _NOT_BLANK
]
# Not pydantic's own: that one normalizes, and an address that is signed must go out as it came.
Url = Annotated[str, StringConstraints(max_length=_MAX_URL), AfterValidator(_is_address), _ADDRESS]
Mid = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[!-~]+$")]


class QuickReply(Asked):
    """An answer that the customer can tap. Its payload comes back with the tap."""

    title: Title
    payload: Payload


class TextContent(Asked):
    """A text, perhaps with answers to tap."""

    type: Literal["text"]
    text: Text
    quick_replies: Annotated[tuple[QuickReply, ...], Field(max_length=limits.MAX_QUICK_REPLIES)] = ()


class ImageContent(Asked):
    """One to ten pictures (PNG or JPEG, up to 8 MB each), which Meta fetches from these URLs."""

    type: Literal["image"]
    # A list: of a tuple, pydantic says that it has too few items whenever it refuses one of them.
    urls: Annotated[list[Url], Field(min_length=1, max_length=limits.MAX_IMAGES)]


class FileContent(Asked):
    """A recording, a video, or a PDF (up to 25 MB), which Meta fetches from this URL."""

    type: Literal["audio", "video", "file"]
    url: Url


class LinkButton(Asked):
    """A button that opens a page."""

    type: Literal["link"]
    title: Title
    url: Url


class PostbackButton(Asked):
    """A button whose payload comes back with the tap."""

    type: Literal["postback"]
    title: Title
    payload: Payload


type Button = Annotated[LinkButton | PostbackButton, Field(discriminator="type")]


def _has(name: str, value: JsonDict) -> JsonDict:
    return {"required": [name], "properties": {name: value}}


_MORE_THAN_A_TITLE: JsonDict = {
    "anyOf": [
        *(_has(name, {"type": "string"}) for name in ("subtitle", "imageUrl", "url")),
        _has("buttons", {"minItems": 1}),
    ]
}


class Element(Asked):
    """One card of a carousel. It needs more than a title."""

    model_config = ConfigDict(json_schema_extra=_MORE_THAN_A_TITLE)

    title: ElementText
    subtitle: ElementText | None = None
    image_url: Url | None = None
    url: Url | None = None
    buttons: Annotated[tuple[Button, ...], Field(max_length=limits.MAX_BUTTONS)] = ()


def _more_than_a_title(element: Element) -> Element:
    if not (element.subtitle or element.image_url or element.url or element.buttons):
        raise PydanticCustomError("title_only", "needs a subtitle, imageUrl, url or button besides its title")
    return element


class CardsContent(Asked):
    """Cards to swipe through (Meta's generic template)."""

    type: Literal["cards"]
    elements: Annotated[
        list[Annotated[Element, AfterValidator(_more_than_a_title)]],
        Field(min_length=1, max_length=limits.MAX_ELEMENTS),
    ]


class ButtonsContent(Asked):
    """A text with buttons under it (Meta's button template)."""

    type: Literal["buttons"]
    text: ButtonsText
    buttons: Annotated[list[Button], Field(min_length=1, max_length=limits.MAX_BUTTONS)]


class PostContent(Asked):
    """A post that the account has published, by its media id."""

    type: Literal["post"]
    media_id: MetaId


class HeartContent(Asked):
    """The heart sticker."""

    type: Literal["heart"]


class Reaction(Asked):
    """A heart on one of the customer's messages, or `null` to take it back."""

    type: Literal["reaction"]
    mid: Mid
    reaction: Literal["love"] | None = "love"


class Typing(Asked):
    """The three dots, for some seconds."""

    type: Literal["typing"]


Content = TextContent | ImageContent | FileContent | CardsContent | ButtonsContent | PostContent | HeartContent


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
            "if": _has("split", {"const": True}),
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
        return _fits(message) if isinstance(message, str) and not info.data.get("split") else message

    def letters(self) -> tuple[Letter, ...]:
        """Return what is to be sent, in order; nothing for a reaction or for typing."""
        match self.message:
            case str() as text:
                return tuple(Letter(part.strip()) for part in split(text, limits.MAX_TEXT_BYTES) if part.strip())
            case Reaction() | Typing():
                return ()
            case content:
                return (Letter(_text(content), content.model_dump(by_alias=True, mode="json"), _attachments(content)),)


def _text(content: Content) -> str | None:
    match content:
        case TextContent():
            return content.text.strip()  # as plain ones are: a lost text is looked for by comparing, without margins
        case ButtonsContent():
            return content.text
        case _:
            return None


def _attachments(content: Content) -> tuple[Attachment, ...]:
    """Return what a frontend shows of it, in the words that Meta's webhooks use for what customers send."""
    match content:
        case ImageContent():
            return tuple(Attachment("image", url) for url in content.urls)
        case FileContent():
            return (Attachment(content.type, content.url),)
        case CardsContent():
            return tuple(Attachment("template", one.image_url, one.title) for one in content.elements)
        case PostContent():
            return (Attachment("ig_post", None),)
        case HeartContent():
            return (Attachment("like_heart", None),)
        case _:
            return ()


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
