"""What a message refers to: the story or message that it replies to, and the link, ad or product it was written from.

Both keep Meta's names, and only what somebody reads, each text within bounds.
"""

from typing import Any

from connector.instagram.bounds import LONGEST_REFERENCE
from connector.instagram.fields import Json, id_of, link_of, mid_of, object_of, text_of

_REFERRAL = ("ref", "source", "type", "ad_id")
_AD = ("ad_title", "post_id", "product_id", "flow_id")


def reply_of(message: Json) -> dict[str, Any] | None:
    """Return what a message replies to: `{"mid": …}` or `{"story": {"id", "url", "link_sticker_url"}}`."""
    reply_to = object_of(message.get("reply_to"))
    mid = mid_of(reply_to)
    told: dict[str, Any] = {"mid": mid} if mid else {}
    if isinstance(reply_to.get("is_self_reply"), bool):
        told["is_self_reply"] = reply_to["is_self_reply"]
    if isinstance(reply_to.get("story"), dict):
        told["story"] = _told(reply_to["story"], "id") | _links(reply_to["story"], "url", "link_sticker_url")
    return told or None


def referral_of(item: Json, inner: Json) -> dict[str, Any] | None:
    """Return how the customer came. Where it stands both beside a message and in it, the outer one counts."""
    referral = object_of(item.get("referral")) or object_of(inner.get("referral"))
    ad, product = object_of(referral.get("ads_context_data")), object_of(referral.get("product"))
    told: dict[str, Any] = _told(referral, *_REFERRAL) | _links(referral, "referer_uri")
    parts = {
        "ads_context_data": _told(ad, *_AD) | _links(ad, "photo_url", "video_url"),
        "product": _told(product or object_of(inner.get("product")), "id"),
    }
    return told | {name: part for name, part in parts.items() if part} or None


def _told(fields: Json, *names: str) -> dict[str, str]:
    found = {name: text_of(fields, name, most=LONGEST_REFERENCE) or id_of(fields, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _links(fields: Json, *names: str) -> dict[str, str]:
    found = {name: link_of(fields, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}
