"""What can be sent: a model for each kind, with Instagram's limits on its parts."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from connector.chat import Attachment, Card
from connector.chat import Button as CardButton
from connector.contract.base import Asked, MetaId
from connector.contract.texts import ButtonsText, ElementText, Mid, Payload, Text, Title, Url
from connector.instagram import limits


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


def having(name: str, value: JsonDict) -> JsonDict:
    """Return the JSON schema of an object that has a field of this kind."""
    return {"required": [name], "properties": {name: value}}


_MORE_THAN_A_TITLE: JsonDict = {
    "anyOf": [
        *(having(name, {"type": "string"}) for name in ("subtitle", "imageUrl", "url")),
        having("buttons", {"minItems": 1}),
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


def text_of(content: Content) -> str | None:
    """Return what a content says in words."""
    match content:
        case TextContent():
            return content.text.strip()  # as plain ones are: a lost text is looked for by comparing, without margins
        case ButtonsContent():
            return content.text
        case _:
            return None


def attachments_of(content: Content) -> tuple[Attachment, ...]:
    """Return what a frontend shows of it, in the words that Meta's webhooks use for what customers send."""
    match content:
        case ImageContent():
            return tuple(Attachment("image", url) for url in content.urls)
        case FileContent():
            return (Attachment(content.type, content.url),)
        case CardsContent():
            return (Attachment("template", None, cards=tuple(_card(one) for one in content.elements)),)
        case ButtonsContent():
            return (Attachment("template", None, cards=(Card(content.text, buttons=_buttons(content.buttons)),)),)
        case PostContent():
            return (Attachment("ig_post", None, media_id=content.media_id),)
        case HeartContent():
            return (Attachment("like_heart", None),)
        case _:
            return ()


def _card(element: Element) -> Card:
    return Card(
        element.title,
        element.subtitle,
        element.url,
        element.image_url,
        buttons=_buttons(element.buttons),
    )


def _buttons(buttons: Iterable[Button]) -> tuple[CardButton, ...]:
    return tuple(
        CardButton(one.title, url=one.url)
        if isinstance(one, LinkButton)
        else CardButton(one.title, payload=one.payload)
        for one in buttons
    )
