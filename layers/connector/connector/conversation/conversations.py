"""The inbox: one row for each customer, the one last written in first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connector.conversation.cursors import Cursors
from connector.conversation.sizes import fitting
from connector.ports.reading import Conversation, Conversations, Pages, Scope

_LOOKED_AT = 5  # entries; the newest ones may have no message, while it is being stored


@dataclass(frozen=True, slots=True)
class Rows:
    """Some conversations, and the cursor to those before them (None at the end)."""

    conversations: Sequence[Conversation]
    next_cursor: str | None


def read_rows(
    conversations: Conversations,
    pages: Pages,
    cursors: Cursors,
    *,
    limit: int,
    cursor: str | None = None,
    user_id: str | None = None,
) -> Rows:
    """Return up to `limit` conversations from the cursor on, as many as fit into one answer, or the one with a user.

    All pages show the inbox as it stood when the first one was read: whatever is written while somebody turns them, no
    conversation is left out, and none comes twice.

    Raises:
        InvalidRequest: the cursor is none that a page has given.
    """
    before = cursors.read(cursor) if cursor is not None else None
    if user_id is not None:
        row = conversations.row(user_id)
        found = [row] if row and (before is None or row.position < before) else []
    else:
        found = list(conversations.rows(limit=limit + 1, before=before))  # one more tells if this is the last page
    rows = [_with_last(pages, row) for row in found[:limit]]
    rows = rows[: fitting(row.last[1] if row.last else None for row in rows)]
    return Rows(rows, cursors.write(rows[-1].position) if len(found) > len(rows) else None)


def _with_last(pages: Pages, row: Conversation) -> Conversation:
    """Return a row with its newest message, also where the newest chat does not hold it."""
    if row.last is not None:
        return row
    entries = pages.entries(Scope(user_id=row.chat.user_id), limit=_LOOKED_AT)
    stored = pages.messages(entries)
    return replace(row, last=next((stored[entry.key] for entry in entries if entry.key in stored), None))
