"""The webhook fields that we understand, and what is lost without each.

Meta's dashboard sets the fields of the Instagram object; Instagram Login's subscriptions have the same names. A Page's
subscription has the Page's own names for some of them, and Meta refuses Instagram's there (code 100).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from connector.accounts import Login
from connector.errors import Refused
from connector.instagram.assets import Assets

REQUIRED_FIELDS = ("messages", "messaging_postbacks")


@dataclass(frozen=True, slots=True)
class OptionalField:
    """A field that adds something to messages and postbacks."""

    name: str
    """Of the Instagram object in the dashboard, and with Instagram Login."""
    page_name: str
    lost: str
    """What is lost without it, as a sentence."""

    @property
    def names(self) -> tuple[str, str]:
        """Return both of its names."""
        return self.name, self.page_name

    def of(self, login: Login) -> str:
        """Return its name in the subscription of an account (Instagram Login) or of a Page (Facebook Login)."""
        return self.name if login is Login.INSTAGRAM else self.page_name


OPTIONAL_FIELDS = (
    OptionalField("message_reactions", "message_reactions", "Customers' reactions are not shown."),
    OptionalField("message_edit", "message_edits", "Messages that customers edit keep their first text."),
    OptionalField("messaging_seen", "message_reads", "Sent messages are never shown as read."),
    OptionalField(
        "messaging_referral",
        "messaging_referrals",
        "The agent is not told which link or ad brings a customer back to a conversation.",
    ),
    OptionalField(
        "messaging_handover",
        "messaging_handovers",
        "The agent does not know when another app takes a conversation or passes it on.",
    ),
    OptionalField("standby", "standby", "Messages are not stored while another app has the conversation."),
)


def fields_of(login: Login) -> tuple[str, ...]:
    """Return every field that we understand, by its names in the subscription of an account or of a Page."""
    return (*REQUIRED_FIELDS, *(field.of(login) for field in OPTIONAL_FIELDS))


# Meta names the field that it does not know or permit ("Param subscribed_fields[2] must be one of {…}", "To subscribe
# to the message_reactions field, one of these permissions is needed"). The required fields are not among them: leaving
# out the others would not help.
_OF_FIELDS = re.compile(
    rf"\b(?:subscribed_fields?\b|{'|'.join(sorted({name for field in OPTIONAL_FIELDS for name in field.names}))})"
)


def subscribe(assets: Assets, login: Login) -> None:
    """Have Meta send everything that we understand; only the required fields where Meta refuses one of the rest.

    Raises:
        ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `Assets.subscribe`.
    """
    try:
        assets.subscribe(fields_of(login))
    except Refused as refusal:  # an app, a version or a login without one of them
        if not _is_of_fields(refusal):
            raise
        assets.subscribe(REQUIRED_FIELDS)


def _is_of_fields(refusal: Refused) -> bool:
    """Return whether Meta refuses a field, and not the app, the account or the token."""
    quote = refusal.quote
    if quote is None:
        return False
    is_unlisted = quote.code == 100 and refusal.code == "graph_refused"
    return is_unlisted or _OF_FIELDS.search(quote.message or "") is not None


def missing_fields(subscribed: Collection[str], login: Login) -> tuple[str, ...]:
    """Return the optional fields that are not subscribed, by their names of the Instagram object."""
    return tuple(field.name for field in OPTIONAL_FIELDS if field.of(login) not in subscribed)
