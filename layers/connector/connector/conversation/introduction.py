"""What the agent is told about a customer when a session opens: variables for its prompt, and metadata for reports."""

from collections.abc import Mapping
from typing import Any

from connector.chat import Chat

# Where Meta puts what brought the customer here (Meta, "Referrals": ig.me links, ads, shops), and our names for it.
_REFERRAL = {
    "referral_ref": ("ref",),
    "referral_source": ("source",),
    "referral_ad_id": ("ad_id",),
    "referral_ad_title": ("ads_context_data", "ad_title"),
    "referral_product_id": ("product", "id"),
}
_LONGEST = 500  # characters of one variable


def variables(chat: Chat) -> dict[str, str]:
    """Return what fills the `{{…}}` of the agent's prompt: always text, and only what is known."""
    known: dict[str, Any] = {
        "channel": "instagram",
        "instagram_username": chat.person.username,
        "instagram_name": chat.person.name,
    }
    for name, path in _REFERRAL.items():
        known[name] = _at(chat.referral or {}, path)
    return {name: str(value)[:_LONGEST] for name, value in known.items() if value not in (None, "")}


def metadata(chat: Chat, previous: str | None) -> dict[str, str]:
    """Return what the agent's side keeps with the session, to find the conversation, and its `previous` one, again."""
    earlier = {"previousChatId": previous} if previous else {}
    return {
        "channel": "instagram",
        "userId": chat.user_id,
        "accountId": chat.account_id,
        **earlier,
        **{name: value for name, value in variables(chat).items() if name != "channel"},
    }


def _at(fields: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: object = fields
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | float) else None
