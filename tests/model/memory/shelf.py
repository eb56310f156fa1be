"""What the stores in memory stand on: chats as values that are replaced whole, so that a copy of all costs nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from connector.accounts import Connection
from connector.chat import Chat, Message
from connector.instagram.events import Other
from connector.tenancy import Tenant


class _Fields(dict[type, tuple[dict[str, int], Callable[[Any], tuple[Any, ...]]]]):
    """The fields of a dataclass: the place of each, and what reads all of them."""

    def __missing__(self, kind: Any) -> tuple[dict[str, int], Callable[[Any], tuple[Any, ...]]]:
        names = [one.name for one in fields(kind)]
        found = self[kind] = ({name: place for place, name in enumerate(names)}, attrgetter(*names))
        return found


_FIELDS = _Fields()


def having[Value: object](value: Value, **changes: Any) -> Value:
    """Return what `dataclasses.replace` does, four times as fast: millions of runs are made of little else."""
    kind: Any = type(value)
    places, read = _FIELDS[kind]
    values = list(read(value))
    for name, new in changes.items():
        values[places[name]] = new
    changed: Value = kind(*values)
    return changed


@dataclass(frozen=True, slots=True)
class Record:
    """One document of `chats`: the chat, and what stands beside it that the business never sees."""

    tenant: Tenant
    chat: Chat
    created_at: datetime
    is_ongoing: bool = True
    ended_because: str | None = None
    wake_at: datetime | None = None
    last_message_at: datetime | None = None
    last_user_message_at: datetime | None = None
    reacted_at: tuple[tuple[str, datetime], ...] = ()
    """When the reaction to a message was last changed, by the message's key."""
    absent: frozenset[str] = frozenset()
    """The keys of messages that were proven not to be sent, once."""
    pauses: frozenset[tuple[str, datetime]] = frozenset()
    """The keys of the echoes that silence the agent, and until when."""
    pause_requested_until: datetime | None = None

    def message(self, found: Callable[[Message], bool]) -> Message | None:
        """Return the first message of which `found` is true."""
        for one in self.chat.messages:
            if found(one):
                return one
        return None

    def saying(self, **fields: Any) -> "Record":
        """Return the record with other fields of its chat."""
        return having(self, chat=having(self.chat, **fields))

    def changing(self, found: Callable[[Message], bool], **fields: Any) -> "Record":
        """Return the record with other fields in every message of which `found` is true."""
        return self.saying(messages=tuple(having(one, **fields) if found(one) else one for one in self.chat.messages))


@dataclass(slots=True)
class Shelf:
    """Everything that is stored. Records are never changed, only put in the place of others."""

    records: dict[str, Record] = field(default_factory=dict)
    """By the chat's id, in the order in which they were made."""
    connections: dict[Tenant, Connection] = field(default_factory=dict)
    kept: dict[tuple[Tenant, str], Other] = field(default_factory=dict)
    entered: dict[tuple[Tenant, str], datetime] = field(default_factory=dict)
    """The times of messages that are stored, or were about to be, by key."""
    spent: dict[tuple[Tenant, str], tuple[datetime, int]] = field(default_factory=dict)
    """How many calls of a kind were made in a second."""
    made: dict[str, int] = field(default_factory=dict)

    def new_id(self, kind: str) -> str:
        """Return an id that nothing of this kind has yet."""
        self.made[kind] = self.made.get(kind, 0) + 1
        return f"{kind}-{self.made[kind]}"

    def enter(self, tenant: Tenant, message: Message) -> Message:
        """Return a message that is about to be stored, with an id, and with the time it had when it was first tried."""
        at = self.entered.setdefault((tenant, message.key), message.created_at)
        return having(message, id=self.new_id("message"), created_at=at)

    def put(self, record: Record) -> Record:
        """Put a record in the place of the one with its chat's id, or beside the others."""
        self.records[record.chat.id] = record
        return record

    def of(self, tenant: Tenant) -> Iterator[Record]:
        """Return a tenant's records."""
        return (record for record in self.records.values() if record.tenant == tenant)

    def ongoing(self, tenant: Tenant, user_id: str) -> Record | None:
        """Return the user's ongoing chat."""
        for record in self.records.values():
            if record.is_ongoing and record.chat.user_id == user_id and record.tenant == tenant:
                return record
        return None

    def holding(self, tenant: Tenant, found: Callable[[Message], bool], user_id: str | None = None) -> Record | None:
        """Return the first record of a tenant (and of one user) with a message of which `found` is true."""
        for record in self.of(tenant):
            if user_id in (None, record.chat.user_id) and record.message(found):
                return record
        return None
