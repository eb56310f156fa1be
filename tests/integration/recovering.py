"""A tenant whose account is at the simulated Meta, where messages are written of which no webhook tells."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from connector.accounts import AccessToken, Account, Connection
from connector.chat import Message, Role
from connector.conversation.recovery import Findings, Recovery
from connector.envelopes import InboxMessage, read, write
from connector.instagram.graph import Graph
from connector.instagram.inbox import Inbox
from connector.ports.reading import Scope
from connector.storage.comparisons import Comparisons
from connector.storage.connections import COLLECTION
from local.simulators.meta.app import create_app
from local.simulators.server import serve
from tests.integration.owners import Meta
from tests.integration.world import World
from tests.unit.payloads import ACCOUNT, PAGE, USER

TOKEN = "EAAsimulatedPageToken0001"
ANSWERED_WITHIN = timedelta(minutes=60)


class ListedInbox:
    """The inbox queue, whose messages are taken off by the test."""

    def __init__(self) -> None:
        self.waiting: list[tuple[InboxMessage, int]] = []

    def send_all(self, messages: Iterable[InboxMessage], *, delay_seconds: int = 0) -> int:
        """Keep the messages, as SQS does: in their written form."""
        self.waiting += [(InboxMessage.of(read(write(one))), delay_seconds) for one in messages]
        return 0


class Noted:
    """An inbox that notes when it was called, and lets something happen then."""

    def __init__(self, inbox: Inbox, scene: "Scene") -> None:
        self._inbox = inbox
        self._scene = scene

    def threads(self, **which: Any) -> Any:
        """List threads."""
        self._scene.note("threads")
        return self._inbox.threads(**which)

    def messages(self, thread_id: str) -> Any:
        """Read a thread."""
        self._scene.note("messages")
        return self._inbox.messages(thread_id)

    def message(self, mid: str, hinted_at: datetime) -> Any:
        """Read a message."""
        self._scene.note("message")
        return self._inbox.message(mid, hinted_at)


@dataclass
class Scene:
    """A world, and Meta."""

    world: World
    database: Database[dict[str, Any]]
    meta: Meta
    queue: ListedInbox = field(default_factory=ListedInbox)
    token: str = TOKEN
    before: Callable[[str], object] = lambda _: None
    calls: list[tuple[str, datetime]] = field(default_factory=list)
    answered_within: timedelta = ANSWERED_WITHIN

    def note(self, what: str) -> None:
        """Note a call of Meta's."""
        self.calls.append((what, self.world.clock()))
        self.before(what)

    # ── at Meta

    def write(self, text: str | None, ago: timedelta = timedelta(minutes=5), *, by: str = USER, **more: Any) -> str:
        """Have a customer write something of which no webhook tells, some time ago; return its mid."""
        told = {"accountId": ACCOUNT, "silent": True, "secondsAgo": int(ago.total_seconds())} | more
        told |= {"text": text} if text is not None else {}
        return str(self.meta.control("POST", f"users/{by}/messages", **told)["mid"])

    def type_in_app(self, text: str, ago: timedelta = timedelta(minutes=5), *, to: str = USER) -> str:
        """Have a person write in the Instagram app, without a webhook."""
        told = {"to": to, "text": text, "silent": True, "secondsAgo": int(ago.total_seconds())}
        return str(self.meta.control("POST", f"accounts/{ACCOUNT}/messages", **told)["mid"])

    def new_customer(self) -> str:
        """Return somebody who has not written yet."""
        return str(self.meta.control("POST", "users")["userId"])

    # ── here

    @property
    def connection(self) -> Connection:
        """The connection as it stands."""
        found = self.world.connections.get(self.world.tenant)
        assert found is not None
        return found

    @property
    def comparisons(self) -> Comparisons:
        """How far it was compared."""
        return Comparisons(self.database[COLLECTION])

    def recovery(self) -> Recovery:
        """Return what finds what is missing. Whoever waits for a call lets the clock go on."""
        return Recovery(
            self.world.connections,
            self.comparisons,
            lambda _: self.world.outbox,
            self._inbox,
            self.queue,
            self.world.clock,
            self._sleep,
        )

    def _inbox(self, connection: Connection) -> Any:
        graph = Graph(f"{self.meta.url}/v26.0", AccessToken(self.token), connection.account.node_id)
        return Noted(Inbox(graph, connection.account), self)

    def _sleep(self, seconds: float) -> None:
        self.world.clock.ahead += timedelta(seconds=seconds)

    def compare(self, *, within: timedelta = timedelta(minutes=10), user_id: str | None = None) -> Findings:
        """Compare, as the schedule does."""
        self.calls.clear()
        return self.recovery().compare(self.connection, until=self.world.clock() + within, user_id=user_id)

    def take_in(self, *, reverse: bool = False) -> list[str]:
        """Have ingest take in what is on the inbox queue, and return what became of it."""
        waiting, self.queue.waiting = self.queue.waiting, []
        ingest = replace(self.world.ingest(), answer_recovered=self.answered_within)
        return [ingest.take(message) for message, _ in (reversed(waiting) if reverse else waiting)]

    def recover(self) -> Findings:
        """Compare, and have what is missing taken in."""
        findings = self.compare()
        self.take_in()
        return findings

    def stored(self, *, by: str = USER, role: Role | None = None) -> Sequence[Message]:
        """Return a customer's messages as readers get them, the oldest first."""
        entries = self.world.pages.entries(Scope(by, role), limit=100)
        found = self.world.pages.messages(entries)
        return [found[entry.key][1] for entry in reversed(entries) if entry.key in found]

    def told(self) -> list[tuple[str, str | None, str, bool]]:
        """Return what is stored of the customer, shortly: who, what, how it stands, whether it was recovered."""
        return [(one.role.value, one.text, one.status.value, one.recovered) for one in self.stored()]


@contextmanager
def scene(database: Database[dict[str, Any]]) -> Iterator[Scene]:
    """Run Meta, and connect its first account two days ago."""
    running = serve(create_app(app_secret="test_app_secret"))
    world = World.of(database)
    account = Account(ACCOUNT, PAGE, "acme_coffee", "Acme Coffee")
    world.connections.connect(world.tenant, account, retell_agent_id="agent_1", token_version=1)
    since = world.clock() - timedelta(days=2)
    database[COLLECTION].update_one({}, {"$set": {"connectedAt": since}})
    try:
        yield Scene(world, database, Meta(running.url))
    finally:
        running.stop()
