"""What can be asked of the routes that read: the parameters of their queries."""

from typing import Annotated

from pydantic import Field, StringConstraints

from connector.chat import MessageStatus, Role
from connector.contract.base import AskedTime, Body, MetaId
from connector.conversation.history import MOST_CHARACTERS, Filters
from connector.ports.reading import Scope

Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, StringConstraints(max_length=100)]


class MessagesQuery(Body):
    """Which messages, and how many at most."""

    limit: Limit = 50
    cursor: Cursor | None = None
    user_id: MetaId | None = None
    role: Role | None = None
    status: MessageStatus | None = None
    since: AskedTime | None = None
    until: AskedTime | None = None
    q: Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)] | None = None

    def filters(self) -> Filters:
        """Return what the messages must be."""
        return Filters(Scope(self.user_id, self.role, self.since, self.until), self.status, self.q)


class ConversationsQuery(Body):
    """Which conversations, and how many at most."""

    limit: Limit = 50
    cursor: Cursor | None = None
    user_id: MetaId | None = None


class ExportQuery(Body):
    """Whose messages, and from where on."""

    cursor: Cursor | None = None
    user_id: MetaId | None = None
