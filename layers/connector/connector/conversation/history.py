"""Reading a connection's messages, newest first, a page at a time."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.chat import Chat, Message
from connector.errors import Detail, InvalidRequest
from connector.ports.stores import Pages

_CURSOR = re.compile(r"(\d{1,14})\.([0-9a-f]{24})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, each with its chat, and the cursor to the older ones (None at the end)."""

    messages: Sequence[tuple[Chat, Message]]
    next_cursor: str | None


def read_page(pages: Pages, *, limit: int, cursor: str | None = None, user_id: str | None = None) -> Page:
    """Return up to `limit` messages older than the cursor.

    Raises:
        InvalidRequest: the cursor is none that a page has given.
    """
    before = _parse(cursor) if cursor is not None else None
    found = pages.page(limit=limit + 1, before=before, user_id=user_id)
    page = found[:limit]
    return Page(page, _cursor_after(page[-1][1]) if len(found) > limit else None)


def _cursor_after(message: Message) -> str:
    milliseconds = round(message.created_at.timestamp() * 1000)
    return _written(f"{milliseconds}.{message.id}")


def _written(plain: str) -> str:
    return urlsafe_b64encode(plain.encode("ascii")).decode("ascii").rstrip("=")


def _parse(cursor: str) -> tuple[datetime, str]:
    try:
        plain = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _not_a_cursor() from error
    form = _CURSOR.fullmatch(plain)
    if form is None or _written(plain) != cursor:
        raise _not_a_cursor()
    return datetime.fromtimestamp(int(form[1]) / 1000, UTC), form[2]


def _not_a_cursor() -> InvalidRequest:
    problem = Detail("cursor", "must be a nextCursor that this endpoint has returned")
    return InvalidRequest("The cursor cannot be read. Start again without one.", details=[problem])
