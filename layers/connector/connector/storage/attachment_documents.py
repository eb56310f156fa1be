"""Attachments as MongoDB holds them, and back. Documents of earlier versions have a kind, a URL and a title only."""

from math import isfinite

from connector.chat import Attachment, Button, Card, Coordinates
from connector.storage.mongodb import Document
from connector.storage.stored import link, part, parts, text


def write_attachment(attachment: Attachment) -> Document:
    """Return the document of an attachment."""
    place = attachment.coordinates
    return {
        "kind": attachment.kind,
        "url": attachment.url,
        "title": attachment.title,
        "mediaId": attachment.media_id,
        "coordinates": {"latitude": place.latitude, "longitude": place.longitude} if place else None,
        "cards": [_write_card(card) for card in attachment.cards],
    }


def read_attachment(document: Document) -> Attachment:
    """Return the attachment that a document holds."""
    return Attachment(
        kind=text(document, "kind") or "unknown",
        url=link(document, "url"),
        title=text(document, "title"),
        media_id=text(document, "mediaId"),
        coordinates=_read_place(part(document, "coordinates")),
        cards=tuple(_read_card(card) for card in parts(document, "cards")),
    )


def _read_place(document: Document) -> Coordinates | None:
    latitude, longitude = document.get("latitude"), document.get("longitude")
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        return Coordinates(latitude, longitude) if isfinite(latitude) and isfinite(longitude) else None
    return None


def _write_card(card: Card) -> Document:
    return {
        "title": card.title,
        "subtitle": card.subtitle,
        "url": card.url,
        "imageUrl": card.image_url,
        "productId": card.product_id,
        "retailerId": card.retailer_id,
        "buttons": [{"title": one.title, "url": one.url, "payload": one.payload} for one in card.buttons],
    }


def _read_card(document: Document) -> Card:
    return Card(
        title=text(document, "title"),
        subtitle=text(document, "subtitle"),
        url=link(document, "url"),
        image_url=link(document, "imageUrl"),
        product_id=text(document, "productId"),
        retailer_id=text(document, "retailerId"),
        buttons=tuple(
            Button(text(one, "title"), link(one, "url"), text(one, "payload")) for one in parts(document, "buttons")
        ),
    )
