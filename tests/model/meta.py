"""Meta, as far as the connector knows it: threads of what was sent, and an echo of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from connector.chat import Message, Person
from connector.echoes import Echo
from connector.errors import Refused
from tests.model.clock import Clock

_SENDS_SECONDS = 0.2
_READABLE = 20


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that reached a customer's thread."""

    user_id: str
    mid: str
    text: str
    at: datetime
    """To the second, as Meta tells it."""
    visible_from: datetime
    """From when on it is in the thread, for who reads it."""


class SimulatedMeta:
    """Sends what it is told, once for each time it is told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[Sent] = []
        self.when_sent: Callable[[Sent], None] = lambda _: None
        self.lets_read = True
        self.lag_seconds = 0
        self._lock = Lock()

    def send(self, user_id: str, message: Message) -> str:
        """Send a message."""
        self.clock.advance(_SENDS_SECONDS)
        with self._lock:
            moment = self.clock()
            visible_from = moment + timedelta(seconds=self.lag_seconds)
            mid = f"out-{len(self.sent) + 1}"
            sent = Sent(user_id, mid, message.text or "", moment.replace(microsecond=0), visible_from)
            self.sent.append(sent)
        self.when_sent(sent)
        return mid

    def sent_since(self, account_id: str, user_id: str, since: datetime) -> Sequence[Echo]:
        """Return the newest texts of a thread."""
        if not self.lets_read:
            raise Refused("graph_refused", "not yours to read")
        thread = self.visible(user_id)
        return [Echo(one.mid, one.text, (), one.at) for one in thread[-_READABLE:] if one.at >= since]

    def visible(self, user_id: str) -> list[Sent]:
        """Return what is in a customer's thread."""
        return [one for one in self.sent if one.user_id == user_id and one.visible_from <= self.clock()]

    def person(self, user_id: str) -> Person:
        """Return who a customer is."""
        return Person(user_id, user_id.title())


def words(account_id: str, user_id: str, at: datetime, mid: str, text: str) -> dict[str, Any]:
    """Return the item in which a customer writes."""
    return _item(user_id, account_id, at) | {"message": {"mid": mid, "text": text}}


def echo(account_id: str, user_id: str, at: datetime, mid: str, text: str) -> dict[str, Any]:
    """Return the item that echoes what the business wrote."""
    return _item(account_id, user_id, at) | {"message": {"mid": mid, "text": text, "is_echo": True}}


def edit(account_id: str, user_id: str, at: datetime, mid: str, text: str) -> dict[str, Any]:
    """Return the item in which a customer changes a message."""
    return _item(user_id, account_id, at) | {"message_edit": {"mid": mid, "text": text, "num_edit": 1}}


def unsend(account_id: str, user_id: str, at: datetime, mid: str) -> dict[str, Any]:
    """Return the item in which a customer takes a message back."""
    return _item(user_id, account_id, at) | {"message": {"mid": mid, "is_deleted": True}}


def _item(sender: str, recipient: str, at: datetime) -> dict[str, Any]:
    milliseconds = int(at.timestamp() * 1000)
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": milliseconds}
