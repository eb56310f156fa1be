"""Attachments as MongoDB holds them, and back. Documents of earlier versions have a kind, a URL and a title only."""

from connector.chat import Attachment, Button, Card, Coordinates
from connector.storage.mongodb import Document


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
    place = document.get("coordinates")
    return Attachment(
        kind=document["kind"],
        url=document["url"],
        title=document["title"],
        media_id=document.get("mediaId"),
        coordinates=Coordinates(place["latitude"], place["longitude"]) if place else None,
        cards=tuple(_read_card(card) for card in document.get("cards", ())),
    )


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
        title=document["title"],
        subtitle=document["subtitle"],
        url=document["url"],
        image_url=document["imageUrl"],
        product_id=document["productId"],
        retailer_id=document["retailerId"],
        buttons=tuple(Button(one["title"], one["url"], one["payload"]) for one in document["buttons"]),
    )
