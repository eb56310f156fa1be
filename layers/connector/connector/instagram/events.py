"""What Meta tells us, in our words (Meta, "Webhooks: notification examples")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.chat import Attachment
from connector.instagram.notifications import Channel

INBOXES = frozenset({"263902037430900", "1217981644879628"})
"""The ids of the Page's and of Instagram's inbox, in which people write (Meta, "Conversation Routing")."""

HANDOVERS = frozenset({"pass_thread_control", "take_thread_control", "messaging_handover", "messaging_handovers"})
"""The names of events that tell of a change of thread control: as items, and as fields of changes."""

NO_APP = "0"
"""How Meta names the sender of its own automatic messages."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who an event is between, and when it happened."""

    account_id: str
    user_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A customer wrote, tapped a quick reply, replied to a story, or shared something."""

    parties: Parties
    mid: str
    text: str | None
    attachments: tuple[Attachment, ...]
    reply_to: Mapping[str, Any] | None
    quick_reply: str | None
    referral: Mapping[str, Any] | None
    standby: bool
    """Another app has the thread: to be stored, not to be answered."""


@dataclass(frozen=True, slots=True)
class MessageEchoed:
    """The business wrote: through the API, in the Instagram app, or with another tool."""

    parties: Parties
    mid: str
    text: str | None
    attachments: tuple[Attachment, ...]
    app_id: str | None = None
    """The app that sent it, as far as Meta says: ours, an inbox of Meta's, another one; `NO_APP` for none of them."""
    by_person: bool = True
    """Whether a person wrote it, unless our app sent it."""


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A customer changed a message."""

    parties: Parties
    """`user_id` is "" if the notification names no user."""
    mid: str
    text: str


@dataclass(frozen=True, slots=True)
class MessageHinted:
    """A message mentioned without its content (`message_edit` with `num_edit` 0), at times instead of its webhook."""

    parties: Parties
    """`user_id` is "" if the notification names no user."""
    mid: str


@dataclass(frozen=True, slots=True)
class MessageUnsent:
    """A customer, or the business, took a message back."""

    parties: Parties
    mid: str


@dataclass(frozen=True, slots=True)
class Reacted:
    """A customer reacted to a message (`emoji` set) or took the reaction back (`emoji` None)."""

    parties: Parties
    mid: str
    emoji: str | None


@dataclass(frozen=True, slots=True)
class MessageRead:
    """A customer has seen everything up to a message."""

    parties: Parties
    mid: str


@dataclass(frozen=True, slots=True)
class PostbackTapped:
    """A customer tapped an ice breaker, a menu entry or a template's button."""

    parties: Parties
    mid: str | None
    title: str | None
    payload: str | None
    referral: Mapping[str, Any] | None
    standby: bool


@dataclass(frozen=True, slots=True)
class Referred:
    """A customer opened an existing thread through an ig.me link or an ad."""

    parties: Parties
    referral: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyEnforced:
    """Meta warned the account, blocked it from messaging, or lifted the block."""

    parties: Parties
    """The account, and no customer."""
    action: str
    """`warning`, `block` or `unblock`."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class ControlPassed:
    """Control of a thread went to another app, or to none (`to_app_id` None): then every app may write."""

    parties: Parties
    to_app_id: str | None
    is_taken: bool
    """The app took it; else it was given."""


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else, named by its key and kept as it came."""

    account_id: str
    user_id: str
    at: datetime
    name: str
    key: str
    channel: Channel
    mid: str | None
    """The message it is about, where it says so."""
    item: Mapping[str, Any]
    people: tuple[str, ...] = ()
    """Every id in it that can be a person's, the customer's too."""


type Event = (
    MessageReceived
    | MessageEchoed
    | MessageEdited
    | MessageHinted
    | MessageUnsent
    | Reacted
    | MessageRead
    | PostbackTapped
    | Referred
    | PolicyEnforced
    | ControlPassed
    | Other
)
