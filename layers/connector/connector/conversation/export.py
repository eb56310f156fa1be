"""Handing out everything that is stored of a customer, or of a connection: oldest first, for who may ask for it."""

from collections.abc import Iterator
from heapq import merge
from itertools import count
from operator import itemgetter

from connector.chat import Chat, Message
from connector.instagram.events import Other
from connector.ports.reading import KeptEvents, Pages, Scope

type Stored = tuple[Chat, Message] | Other
"""A message with its chat, or what Meta told that changed no message."""

_AT_ONCE = 100  # of each


def exported(
    pages: Pages, kept: KeptEvents, *, user_id: str | None, beyond: str | None
) -> Iterator[tuple[str, Stored]]:
    """Yield all that is stored with its positions, oldest first, from beyond a position on.

    It is read as it is asked for, so that whoever has enough can stop.
    """
    return merge(_messages(pages, user_id, beyond), _events(kept, user_id, beyond), key=itemgetter(0))


def _messages(pages: Pages, user_id: str | None, beyond: str | None) -> Iterator[tuple[str, Stored]]:
    for _ in count():
        entries = pages.entries(Scope(user_id=user_id), limit=_AT_ONCE, beyond=beyond, oldest_first=True)
        stored = pages.messages(entries)
        yield from ((entry.position, stored[entry.key]) for entry in entries if entry.key in stored)
        if len(entries) < _AT_ONCE:
            return
        beyond = entries[-1].position


def _events(kept: KeptEvents, user_id: str | None, beyond: str | None) -> Iterator[tuple[str, Stored]]:
    for _ in count():
        events = kept.page(user_id, limit=_AT_ONCE, beyond=beyond)
        yield from events
        if len(events) < _AT_ONCE:
            return
        beyond = events[-1][0]
