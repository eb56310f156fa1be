"""The messages that carry an answer: pieces that Instagram takes, in order."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from connector.chat import Chat, Message, MessageStatus, Role, claimed
from connector.conversation.text import split

# An agent that has lost itself must not flood a customer. What is left out ends in "…".
MOST_PARTS = 10

_FALLBACK = ":fallback"


def parts_of(chat: Chat, texts: Sequence[str], at: datetime, part_bytes: int) -> list[Message]:
    """Return an answer's messages, each of at most `part_bytes` UTF-8 bytes, waiting to be sent."""
    # Stripped as Instagram shows them, so that an echo says the same as what was sent.
    pieces = [piece.strip() for text in texts for piece in split(text, part_bytes) if piece.strip()]
    if len(pieces) > MOST_PARTS:
        last = pieces[MOST_PARTS - 1]
        shortened = split(last, part_bytes - 3)[0].rstrip() if len(last.encode()) > part_bytes - 3 else last
        pieces = [*pieces[: MOST_PARTS - 1], f"{shortened}…"]
    return [
        # A millisecond apart: the order in which they were said.
        _part(chat, str(index), piece, at + timedelta(milliseconds=index))
        for index, piece in enumerate(pieces)
    ]


def fallback_of(chat: Chat, text: str, at: datetime) -> list[Message]:
    """Return what is said in the agent's place; nothing where the customer has just been told so."""
    said = [message for message in chat.messages if message.role is Role.AGENT]
    if not text or (said and said[-1].key.endswith(_FALLBACK)):
        return []
    return [_part(chat, "fallback", text, at)]


def _part(chat: Chat, name: str, text: str, at: datetime) -> Message:
    turn_id = claimed(chat).id
    return Message(
        key=f"turn:{turn_id}:{name}",
        role=Role.AGENT,
        text=text,
        status=MessageStatus.PENDING,
        created_at=at,
        turn_id=turn_id,
    )
