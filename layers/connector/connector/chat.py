"""The words of a conversation: chats, messages, turns. Everything else speaks them; this imports nothing of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_DEEPEST = 20  # levels of nesting kept; BSON refuses more than 100


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


# The reason of a turn that ended because a person has the conversation.
PAUSED = "paused"

FINAL_STATES = frozenset({TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED})


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something in a message that is not text. Media is never downloaded: the URL is Meta's, and expires."""

    kind: str
    url: str | None
    title: str | None = None


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
    reactions: tuple[Mapping[str, Any], ...] = ()
    error: Mapping[str, Any] | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """All unanswered messages of a chat, answered once."""

    id: str
    fence: int
    """Raised each time a worker takes the turn: writes of an earlier one find nothing to write to."""
    state: TurnState
    lease_until: datetime
    generation: int
    """The connection's generation when the turn was opened: after a reconnect it is stale."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """One session of one user with one agent."""

    id: str
    account_id: str
    user_id: str
    chat_id: str | None
    """The agent's name for the session (Retell's chat_id); None until the agent is first asked."""
    messages: tuple[Message, ...]
    turn: Turn | None
    paused_until: datetime | None
    """Until when the agent is silent here, because a person has taken over."""
    turn_due_at: datetime | None
    """When the customer will have been silent for the quiet time."""
    turn_due_for: str | None
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


def clean(value: Any, depth: int = 0) -> Any:
    """Return JSON as BSON takes it: no lone surrogates, no integers of 64 bits or more, no deep nesting."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode() if not value.isascii() else value
        case bool() | float() | None:
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
        case dict() if depth < _DEEPEST:
            return {clean(str(key).replace("\0", "")): clean(inner, depth + 1) for key, inner in value.items()}
        case list() if depth < _DEEPEST:
            return [clean(inner, depth + 1) for inner in value]
        case _:
            return None
