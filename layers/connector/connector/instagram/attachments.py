"""The attachments of a message, of kinds known or not (Meta, "Webhooks: notification examples").

Each kind has its own place for its content: `ig_story` has `story_media_url`, `fallback` a link beside its payload,
`template` a list of elements within `generic` or `product`, `location` has coordinates, `ephemeral` has nothing.
"""

from collections.abc import Iterator
from itertools import islice
from math import isfinite

from connector.chat import Attachment, Button, Card, Coordinates
from connector.instagram.bounds import (
    LONGEST_KIND,
    LONGEST_TITLE,
    MOST_ATTACHED_CHARACTERS,
    MOST_ATTACHMENTS,
    MOST_BUTTONS,
    MOST_CARDS,
)
from connector.instagram.fields import Allowance, Json, object_of, objects_of, text_of
from connector.instagram.twins import POSTS, without_twins

_LINKS = ("url", "story_media_url", "link", "media_url", "video_url", "image_url")
_MEDIA_IDS = ("ig_post_media_id", "reel_video_id", "story_media_id", "ig_media_id", "media_id", "post_id", "video_id")


def attachments_of(message: Json) -> tuple[Attachment, ...]:
    """Return the attachments of a webhook's message, each shared post once."""
    allowance = Allowance(MOST_ATTACHED_CHARACTERS)
    listed = objects_of(message.get("attachments"), MOST_ATTACHMENTS)
    found = [_attachment(one, message, allowance) for one in listed]
    if not found and "sticker_id" in message:
        return (Attachment("sticker", None),)
    if not found and message.get("is_unsupported") is True:
        return (Attachment("unsupported", None),)
    return without_twins(found)


def _attachment(attachment: Json, message: Json, allowance: Allowance) -> Attachment:
    payload = object_of(attachment.get("payload"))
    kind = text_of(attachment, "type", most=LONGEST_KIND) or "unknown"
    if kind == "image" and ("sticker_id" in payload or "sticker_id" in message):
        kind = "sticker"
    return Attachment(
        kind,
        allowance.link(payload, *_LINKS) or allowance.link(attachment, *_LINKS),
        allowance.text(payload, "title", most=LONGEST_TITLE) or allowance.text(attachment, "title", most=LONGEST_TITLE),
        allowance.id(payload, *_MEDIA_IDS, *(["id"] if kind in POSTS else [])),
        _coordinates(attachment, payload),
        _cards(kind, attachment, payload, allowance),
    )


def _coordinates(attachment: Json, payload: Json) -> Coordinates | None:
    for place in (object_of(payload.get("coordinates")), object_of(attachment.get("coordinates")), payload):
        latitude = _degrees(place, 90, "lat", "latitude")
        longitude = _degrees(place, 180, "long", "lng", "lon", "longitude")
        if latitude is not None and longitude is not None:
            return Coordinates(latitude, longitude)
    return None


def _degrees(place: Json, most: int, *names: str) -> float | None:
    value = next((place[name] for name in names if name in place), None)
    try:
        degrees = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return degrees if degrees is not None and isfinite(degrees) and abs(degrees) <= most else None


def _cards(kind: str, attachment: Json, payload: Json, allowance: Allowance) -> tuple[Card, ...]:
    """Return the elements, wherever they are listed; else what the template itself says and offers."""
    inner = [object_of(value) for value in islice(payload.values(), MOST_CARDS)]
    for holder in (payload, *inner, attachment):
        if elements := objects_of(holder.get("elements"), MOST_CARDS):
            return tuple(_some(_card(element, allowance) for element in elements))
    if kind not in ("template", "product"):
        return ()
    says_more = kind == "product" or any(name in payload for name in ("buttons", "call_to_actions", "text", "subtitle"))
    for holder in (payload, *inner) if says_more else inner:
        if (card := _card(holder, allowance)) != Card():
            return (card,)
    return ()


def _card(element: Json, allowance: Allowance) -> Card:
    action = object_of(element.get("default_action"))
    listed = next((element[name] for name in ("buttons", "call_to_actions", "cta") if element.get(name)), None)
    return Card(
        title=allowance.text(element, "title", "text", "name", most=LONGEST_TITLE),
        subtitle=allowance.text(element, "subtitle", "description", most=LONGEST_TITLE),
        url=allowance.link(action, "url") or allowance.link(element, "url", "item_url", "link"),
        image_url=allowance.link(element, "image_url", "media_url", "picture"),
        product_id=allowance.id(element, "product_id", "id"),
        retailer_id=allowance.id(element, "retailer_id"),
        buttons=tuple(_some(_button(one, allowance) for one in objects_of(listed, MOST_BUTTONS))),
    )


def _button(button: Json, allowance: Allowance) -> Button:
    return Button(
        title=allowance.text(button, "title", "text", most=LONGEST_TITLE),
        url=allowance.link(button, "url"),
        payload=allowance.text(button, "payload", most=LONGEST_TITLE),
    )


def _some[Part: (Card, Button)](parts: Iterator[Part]) -> Iterator[Part]:
    """Leave out the parts of which nothing is known."""
    return (part for part in parts if part not in (Card(), Button(None)))
