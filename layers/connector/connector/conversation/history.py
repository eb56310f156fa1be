"""Reading a connection's messages, newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from connector import search
from connector.chat import Chat, Message, MessageStatus
from connector.conversation.cursors import Cursors
from connector.conversation.sizes import fitting
from connector.errors import Detail, InvalidRequest
from connector.ports.reading import Pages, Scope

MOST_CHARACTERS = 200
"""How long a text to search for may be."""

MOST_LOOKED_AT = 500
"""How many messages one call looks at, where an entry alone does not tell whether its message is to be shown."""

MOST_CHARACTERS_LOOKED_AT = 1_000_000
"""Of their texts together, after which a call looks at no more of them."""

_ROUNDS = 5
_AT_ONCE = MOST_LOOKED_AT // _ROUNDS


@dataclass(frozen=True, slots=True)
class Filters:
    """Which messages to show: by their entries (`scope`), and by what only a look at each message tells."""

    scope: Scope = field(default_factory=Scope)
    status: MessageStatus | None = None
    text: str | None = None
    """Words, or how they begin, that a message must have: all of them, in any order, in capitals or not."""

    def __post_init__(self) -> None:
        """Refuse a time that nothing can lie in.

        Raises:
            InvalidRequest: it ends before it begins.
        """
        since, until = self.scope.since, self.scope.until
        if since is not None and until is not None and since >= until:
            problem = Detail("until", "must be later than since")
            raise InvalidRequest("The request cannot be used. See to: until.", details=[problem])

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words to look for."""
        return search.words(self.text or "")

    @property
    def of_entries(self) -> Scope:
        """Return the scope as far as entries can tell: of the words, the longest one, since it is likely the rarest."""
        beginning = max(map(search.beginning, self.words), key=len, default=None)
        return replace(self.scope, beginning=beginning)

    @property
    def look_at_messages(self) -> bool:
        """Return whether an entry alone does not tell if its message is to be shown."""
        by_entry = self.scope.user_id is None and self.words == (self.of_entries.beginning,)
        return self.status is not None or (self.text is not None and not by_entry)

    def let_through(self, message: Message) -> bool:
        """Return whether a message within the scope is to be shown."""
        is_wanted = self.status is None or message.status is self.status
        return is_wanted and (self.text is None or search.has(message.text or "", self.words))


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, each with its chat, and the cursor to the older ones (None at the end)."""

    messages: Sequence[tuple[Chat, Message]]
    next_cursor: str | None


def read_page(
    pages: Pages, cursors: Cursors, *, limit: int, cursor: str | None = None, filters: Filters | None = None
) -> Page:
    """Return up to `limit` messages older than the cursor, as many as fit into one answer (`sizes.fitting`).

    What only a look at messages tells is looked for among a fixed number of them. So a page may hold fewer than
    `limit`, or none, and still have a cursor: the rest follows there.

    Raises:
        InvalidRequest: the cursor is none that a page has given.
    """
    filters = filters or Filters()
    beyond = cursors.read(cursor) if cursor is not None else None
    if filters.text is not None and not filters.words:
        return Page([], None)  # nothing in it that a message could be found by
    step = _AT_ONCE if filters.look_at_messages else limit + 1  # one more tells whether this is the last page
    found: list[tuple[str, Chat, Message]] = []
    looked_at = 0
    for _ in range(_ROUNDS):
        entries = pages.entries(filters.of_entries, limit=step, beyond=beyond)
        stored = pages.messages(entries)
        found += [
            (entry.position, *stored[entry.key])
            for entry in entries
            if entry.key in stored and filters.let_through(stored[entry.key][1])
        ]
        beyond = entries[-1].position if len(entries) == step else None
        looked_at += sum(len(message.text or "") for _, message in stored.values())
        if beyond is None or len(found) > limit or looked_at > MOST_CHARACTERS_LOOKED_AT:
            break
    shown = fitting(message for _, _, message in found[:limit])
    if len(found) > shown:
        beyond = found[shown - 1][0]
    messages = [(chat, message) for _, chat, message in found[:shown]]
    return Page(messages, cursors.write(beyond) if beyond is not None else None)
