"""Handing out everything that is stored of a customer, or of a connection: oldest first, for who may ask for it."""

from collections.abc import Iterator
from itertools import count

from connector.chat import Chat, Message
from connector.ports.reading import Pages, Scope

_AT_ONCE = 100  # messages


def exported(pages: Pages, *, user_id: str | None, beyond: str | None) -> Iterator[tuple[str, Chat, Message]]:
    """Yield messages with their positions and chats, oldest first, from beyond a position on.

    They are read as they are asked for, so that whoever has enough can stop.
    """
    for _ in count():
        entries = pages.entries(Scope(user_id=user_id), limit=_AT_ONCE, beyond=beyond, oldest_first=True)
        stored = pages.messages(entries)
        for entry in entries:
            if entry.key in stored:
                yield entry.position, *stored[entry.key]
        if len(entries) < _AT_ONCE:
            return
        beyond = entries[-1].position
