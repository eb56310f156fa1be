"""Attachments, as a frontend shows them."""

from connector.chat import Attachment, Card
from connector.contract.base import Body


class ButtonView(Body):
    """A button of a card. It opens a link (`url`), or its `payload` comes back with the tap."""

    title: str | None
    url: str | None
    payload: str | None


class CardView(Body):
    """A card, or a product. `productId` is Meta's id of a product, `retailerId` the shop's own."""

    title: str | None
    subtitle: str | None
    url: str | None
    image_url: str | None
    product_id: str | None
    retailer_id: str | None
    buttons: tuple[ButtonView, ...]

    @classmethod
    def of(cls, card: Card) -> "CardView":
        """Return it for a stored card."""
        return cls(
            title=card.title,
            subtitle=card.subtitle,
            url=card.url,
            image_url=card.image_url,
            product_id=card.product_id,
            retailer_id=card.retailer_id,
            buttons=tuple(ButtonView(title=one.title, url=one.url, payload=one.payload) for one in card.buttons),
        )


class CoordinatesView(Body):
    """A place, in degrees."""

    latitude: float
    longitude: float


class AttachmentView(Body):
    """Something in a message that is not text. The URL is Meta's, and expires."""

    kind: str
    url: str | None
    title: str | None
    media_id: str | None
    coordinates: CoordinatesView | None
    cards: tuple[CardView, ...]

    @classmethod
    def of(cls, attachment: Attachment) -> "AttachmentView":
        """Return it for a stored attachment."""
        place = attachment.coordinates
        return cls(
            kind=attachment.kind,
            url=attachment.url,
            title=attachment.title,
            media_id=attachment.media_id,
            coordinates=CoordinatesView(latitude=place.latitude, longitude=place.longitude) if place else None,
            cards=tuple(CardView.of(card) for card in attachment.cards),
        )
