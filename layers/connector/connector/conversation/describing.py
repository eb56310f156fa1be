"""Attachments in words, for an agent that reads only text."""

from collections.abc import Iterator, Sequence
from itertools import count

from connector.chat import Attachment, Button, Card

_UNSUPPORTED = "something that Instagram does not pass on"

_NAMES = {
    "animated_image": "a GIF",
    "audio": "a voice message",
    "ephemeral": "a picture or video that can be seen once",
    "fallback": "a link",
    "file": "a file",
    "gif": "a GIF",
    "ig_post": "a post",
    "ig_reel": "a reel",
    "ig_story": "a story",
    "image": "a picture",
    "like_heart": "a heart",
    "location": "a location",
    "media": "a picture or video",
    "post": "a post",
    "product": "a product",
    "reel": "a reel",
    "share": "a post",
    "sticker": "a sticker",
    "story": "a story",
    "story_mention": "a story that mentions you",
    "template": "a card",
    "unsupported": _UNSUPPORTED,
    "unsupported_type": _UNSUPPORTED,
    "video": "a video",
}


def described(attachments: Sequence[Attachment]) -> Iterator[str]:
    """Yield each attachment in words. Cards are numbered throughout, so that "the second one" names one of them."""
    numbers = count(1)
    is_list = sum(len(attachment.cards) for attachment in attachments) > 1
    for attachment in attachments:
        cards = [f"\n{next(numbers)}. {_card(one)}" if is_list else f" {_card(one)}" for one in attachment.cards]
        yield f"{_name(attachment)}{_title(attachment)}{_facts(_of(attachment))}{':' if cards else ''}{''.join(cards)}"


def _name(attachment: Attachment) -> str:
    number = len(attachment.cards)
    word = "product" if any(card.product_id for card in attachment.cards) else "card"
    if number:
        return f"a {word}" if number == 1 else f"{number} {word}s"
    return _NAMES.get(attachment.kind, f"something of the kind “{attachment.kind}”")


def _title(attachment: Attachment) -> str:
    return f": “{attachment.title}”" if attachment.title else ""


def _of(attachment: Attachment) -> Iterator[str | None]:
    if place := attachment.coordinates:
        yield f"latitude {place.latitude}, longitude {place.longitude}"
    yield attachment.url
    yield attachment.media_id and f"id {attachment.media_id}"


def _card(card: Card) -> str:
    words = " – ".join(filter(None, (card.title and f"“{card.title}”", card.subtitle))) or "without a title"
    facts = _facts(
        (
            card.url,
            card.image_url and f"picture {card.image_url}",
            card.product_id and f"product id {card.product_id}",
            card.retailer_id and f"retailer id {card.retailer_id}",
        )
    )
    buttons = f", buttons: {', '.join(map(_button, card.buttons))}" if card.buttons else ""
    return f"{words}{facts}{buttons}"


def _button(button: Button) -> str:
    title = f"“{button.title}”" if button.title else "without a title"
    return f"{title}{_facts((button.url, button.payload and f'payload {button.payload}'))}"


def _facts(facts: Sequence[str | None] | Iterator[str | None]) -> str:
    known = ", ".join(filter(None, facts))
    return f" ({known})" if known else ""
