"""The words of a conversation: chats, messages, turns. Everything else speaks them; this imports nothing of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_MESSAGES = 500
"""How many messages a chat holds before the conversation goes on in the next one."""

LATE = timedelta(seconds=15)
"""How long after its time a turn is not yet lost: from then on, the sweep schedules it again."""


class Role(StrEnum):
    """Who wrote a message."""

    USER = "user"
    AGENT = "agent"
    HUMAN = "human"


class MessageStatus(StrEnum):
    """Where a message stands."""

    RECEIVED = "received"  # from a customer, not answered yet
    ANSWERED = "answered"  # from a customer, its turn is done
    UNANSWERED = "unanswered"  # from a customer, its turn ended without an answer: see the message's error
    PENDING = "pending"  # ours, to be sent
    SENDING = "sending"  # ours, the request has left or is about to
    SENT = "sent"  # ours, Meta has given it a mid
    DELIVERED = "delivered"  # ours, Meta has echoed it
    READ = "read"  # ours, the customer has seen it
    FAILED = "failed"  # ours, certainly not sent
    UNKNOWN = "unknown"  # ours, the answer to the send was lost; an echo may still settle it


class TurnState(StrEnum):
    """Where a turn stands. `DONE`, `SKIPPED` and `FAILED` are final."""

    OPEN = "open"
    ASKING = "asking"
    ANSWERED = "answered"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


# Why a conversation is paused, and so the reason of a turn that ended because of it.
PAUSED = "paused"  # a person has the conversation
LOOPING = "loop"  # what answers the agent seems to be a machine

# Why a message is not answered, or not sent: another app has the thread (Meta, "Conversation Routing").
OTHER_APP = "other_app_in_control"

# The reason of a turn whose answer may have reached the customer, and nobody could find out.
SEND_UNKNOWN = "send_unknown"

# Why a message has no turn of its own: when it was recovered, it was too old to be answered by itself.
RECOVERED_LATE = "recovered_late"

FALLBACK = ":fallback"
"""How the key of a message ends that is said in the agent's place. It answers nothing."""

FINAL_STATES = frozenset({TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED})


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a card: it opens a link, or sends its payload back."""

    title: str | None
    url: str | None = None
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card or a product of a template. A text with buttons under it is a card whose title is the text."""

    title: str | None = None
    subtitle: str | None = None
    url: str | None = None
    image_url: str | None = None
    product_id: str | None = None
    retailer_id: str | None = None
    """The shop's own number for the product."""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A place on Earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something in a message that is not text. Media is never downloaded: the URL is Meta's, and expires."""

    kind: str
    url: str | None
    title: str | None = None
    media_id: str | None = None
    """Instagram's id of the post, reel or story that was shared."""
    coordinates: Coordinates | None = None
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a chat."""

    key: str
    """Unique within the tenant: from the mid for what Meta told us first, our own for what we send."""
    role: Role
    text: str | None
    status: MessageStatus
    created_at: datetime
    id: str = ""
    """Given when it is stored."""
    mid: str | None = None
    turn_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reply_to: Mapping[str, Any] | None = None
    postback: Mapping[str, Any] | None = None
    referral: Mapping[str, Any] | None = None
    """The link, ad or product by which the customer came to write this."""
    reactions: tuple[Mapping[str, Any], ...] = ()
    error: Mapping[str, Any] | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    read_at: datetime | None = None
    sending_at: datetime | None = None
    """Ours: when it was last handed to Meta."""
    content: Mapping[str, Any] | None = None
    """Ours, where it is more than a text: what was asked to be sent (`contract/content.py`)."""
    by_person_only: bool = False
    """Ours: allowed only because a person wrote it (Meta's tag HUMAN_AGENT)."""
    app_id: str | None = None
    """Not ours: the app that wrote it by itself, such as a greeting or another vendor's; None for a person."""
    recovered: bool = False
    """No webhook told of it: it was found in what Meta keeps (`conversation/recovery.py`)."""

    @property
    def is_with_customer(self) -> bool:
        """Return whether Meta certainly has it."""
        return self.status in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)


@dataclass(frozen=True, slots=True)
class Turn:
    """All unanswered messages of a chat, answered once."""

    id: str
    fence: int
    """Raised each time a worker takes the turn: writes of an earlier one find nothing to write to."""
    state: TurnState
    lease_until: datetime
    """Until when nobody else may take the turn: a worker is at it, or it waits for its next try."""
    generation: int
    """The connection's generation when the turn was opened: after a reconnect it is stale."""
    opened_at: datetime
    tries: int = 1
    """How often it was taken since a worker last gave it back in order: all but the last of them died at it."""
    asked_at: datetime | None = None
    asked_after: int | None = None
    """How many questions the agent's session held when this one was about to be asked; None when nobody knows."""
    lost_session: bool = False
    """The session in which the agent was asked has vanished, so it is asked once more in a new one."""
    ends_chat: bool = False
    """The agent has closed the conversation with its answer."""
    reason: str | None = None
    """Why it ended, or (while it is `ANSWERED`) why it will end as `FAILED` once the fallback sentence is sent."""

    def is_held(self, moment: datetime) -> bool:
        """Return whether a worker has the turn now. One that was put off waits, and no worker has it."""
        return self.state not in FINAL_STATES and self.tries > 0 and self.lease_until > moment


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as Instagram describes them. It is for the agent's manners only: nothing depends on it."""

    username: str | None = None
    name: str | None = None
    seen_at: datetime | None = None
    """When Instagram was last asked."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One session of one user with one agent."""

    id: str
    account_id: str
    user_id: str
    chat_id: str | None = None
    """The agent's name for the session (Retell's chat_id); None until the agent is first asked."""
    questions: int | None = None
    """How many questions that session is known to hold; None when nobody knows."""
    messages: tuple[Message, ...] = ()
    turn: Turn | None = None
    paused_until: datetime | None = None
    """Until when the agent is silent here, because a person has taken over."""
    paused_because: str | None = None
    """`PAUSED` or `LOOPING`."""
    control_at: datetime | None = None
    """When Meta last gave our app control of the thread."""
    window_opened_at: datetime | None = None
    """When the customer last did what opens Instagram's window for replies."""
    person: Person = Person()
    opted_out_at: datetime | None = None
    """Since when the customer wants nothing more written to them; None while they do not mind."""
    referral: Mapping[str, Any] | None = None
    """How the customer last came here, as Meta says it: a link, an ad."""
    turn_due_at: datetime | None = None
    """When the customer will have been silent for the quiet time."""
    turn_due_for: str | None = None
    """The key of the newest message of the customer's; its own turn message will be there when the time has come."""

    def of_turn(self, turn_id: str, *roles: Role) -> tuple[Message, ...]:
        """Return the messages of one turn written by any of `roles`, in order."""
        return tuple(message for message in self.messages if message.turn_id == turn_id and message.role in roles)

    def is_due(self, message_key: str | None, moment: datetime) -> bool:
        """Return whether a turn message sent for `message_key` may be worked on, or a later one is on the way.

        The key decides before the clock does: clocks of two machines differ, and nobody comes after the last one.
        """
        return message_key == self.turn_due_for or self.turn_due_at is None or self.turn_due_at <= moment

    def is_paused(self, moment: datetime) -> bool:
        """Return whether a person has the conversation."""
        return self.paused_until is not None and self.paused_until > moment

    @property
    def has_hanging_turn(self) -> bool:
        """Return whether a turn has begun and not ended: a worker is at it, or died at it."""
        return self.turn is not None and self.turn.state not in FINAL_STATES

    @property
    def has_unanswered(self) -> bool:
        """Return whether the customer wrote something that no turn has taken up."""
        return any(
            message.role is Role.USER and message.turn_id is None and message.status is MessageStatus.RECEIVED
            for message in self.messages
        )


def claimed(chat: Chat) -> Turn:
    """Return the turn of a chat that was claimed."""
    if chat.turn is None:
        raise ValueError("the chat has no turn: claim it first")
    return chat.turn
