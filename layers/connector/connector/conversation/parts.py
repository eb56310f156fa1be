"""The messages that carry an answer: pieces that Instagram takes, in order."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from connector.chat import FALLBACK, Chat, Message, MessageStatus, Role, claimed
from connector.conversation.text import split

# An agent that has lost itself must not flood a customer. What is left out ends in "…".
MOST_PARTS = 10


def parts_of(chat: Chat, texts: Sequence[str], at: datetime, part_bytes: int) -> list[Message]:
    """Return an answer's messages, each of at most `part_bytes` UTF-8 bytes, waiting to be sent."""
    pieces = _pieces(texts, part_bytes)
    if len(pieces) > MOST_PARTS:
        shortened = split(pieces[MOST_PARTS - 1], part_bytes - len("…".encode()))[0].rstrip()
        pieces = [*pieces[: MOST_PARTS - 1], f"{shortened}…"]
    return _messages(chat, pieces, at)


def fallback_of(chat: Chat, text: str, at: datetime, part_bytes: int) -> list[Message]:
    """Return what is said in the agent's place; nothing where the customer has just been told so."""
    said = [message for message in chat.messages if message.role is Role.AGENT]
    if said and said[-1].key.endswith(FALLBACK):
        return []
    return _messages(chat, _pieces([text], part_bytes), at, FALLBACK)


def _pieces(texts: Sequence[str], part_bytes: int) -> list[str]:
    # Stripped as Instagram shows them, so that an echo says the same as what was sent.
    return [piece.strip() for text in texts for piece in split(text, part_bytes) if piece.strip()]


def _messages(chat: Chat, pieces: Sequence[str], at: datetime, suffix: str = "") -> list[Message]:
    turn_id = claimed(chat).id
    return [
        Message(
            key=f"turn:{turn_id}:{index}{suffix}",
            role=Role.AGENT,
            text=piece,
            status=MessageStatus.PENDING,
            created_at=at + timedelta(milliseconds=index),  # the order in which they were said
            turn_id=turn_id,
        )
        for index, piece in enumerate(pieces)
    ]
