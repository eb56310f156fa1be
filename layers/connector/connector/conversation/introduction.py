"""What the agent is told about a customer when a session opens: variables for its prompt, and metadata for reports."""

from collections.abc import Mapping
from typing import Any

from connector.chat import Chat
from connector.conversation.marking import one_line

# Where Meta puts what brought the customer here (Meta, "Referrals": ig.me links, ads, shops), and our names for it.
_REFERRAL = (
    ("ref", ("ref",)),
    ("source", ("source",)),
    ("ad_id", ("ad_id",)),
    ("ad_title", ("ads_context_data", "ad_title")),
    ("post_id", ("ads_context_data", "post_id")),
    ("product_id", ("product", "id")),
    ("product_id", ("ads_context_data", "product_id")),
)
_LONGEST = 500  # characters of one variable


def variables(chat: Chat) -> dict[str, str]:
    """Return what fills the `{{…}}` of the agent's prompt: always text, and only what is known."""
    known: dict[str, Any] = {
        "channel": "instagram",
        "instagram_username": chat.person.username,
        "instagram_name": chat.person.name,
    }
    known |= {f"referral_{name}": value for name, value in referred(chat.referral or {}).items()}
    return {name: one_line(str(value))[:_LONGEST] for name, value in known.items() if value not in (None, "")}


def referred(referral: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known of what brought a customer here."""
    known: dict[str, str] = {}
    for name, path in _REFERRAL:
        if (value := _at(referral, path)) is not None:
            known.setdefault(name, str(value))
    return known


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
