"""The connector's workers, put together over simulated ports: each call they make is a step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Protocol

from connector.accounts import Connection
from connector.conversation.asking import Asker
from connector.conversation.delivery import Delivery
from connector.conversation.ingest import Ingest
from connector.conversation.scheduling import Schedule
from connector.conversation.sweep import Sweep
from connector.conversation.turn import TurnTaker
from connector.tenancy import Tenant
from tests.model.agent import SimulatedAgent
from tests.model.clock import Clock
from tests.model.errands import Errands, Inbox, TurnQueue
from tests.model.faults import Port, Trouble
from tests.model.ledger import Ledger, WatchedAgent, WatchedMessenger
from tests.model.meta import SimulatedMeta
from tests.model.stores import Stores

LEASE = timedelta(seconds=10)
QUIET = timedelta(seconds=5)
PAUSE = timedelta(minutes=60)


class Surroundings(Protocol):
    """What workers are put into."""

    stores: Stores
    clock: Clock
    errands: Errands
    trouble: Trouble
    ledger: Ledger
    meta: SimulatedMeta
    most_messages: int
    fallback: str

    def agent(self, name: str) -> SimulatedAgent:
        """Return the agent of this name."""
        ...


def _not_at_all(_name: str, _work: object) -> AbstractContextManager[None]:
    """Leave out what runs beside a turn: in the model no time passes within a step."""
    return nullcontext()


class _NoTombstones:
    """The marks of deletions, of which the model knows none."""

    def cover(self, user_id: str, account_id: str, at: datetime) -> bool:
        """Return that nothing was deleted."""
        return False


class Workers:
    """One worker of each kind, with ports of their own."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._ports: dict[tuple[str, object], Any] = {}
        self._takers: dict[Tenant, TurnTaker] = {}
        self.inbox: Inbox = self._port("inbox", None, lambda: Inbox(around.errands))
        self._connections: Any = self._port("connections", None, lambda: around.stores.connections)
        self._queue: Any = self._port("queue", None, lambda: TurnQueue(around.errands))
        of_tenant = self._of_tenant
        chats, changes, outbox, kept = (of_tenant(name) for name in ("chats", "changes", "outbox", "kept"))
        self.ingest = Ingest(
            self._connections,
            chats,
            changes,
            outbox,
            kept,
            lambda _: _NoTombstones(),
            Schedule(self._queue, QUIET),
            PAUSE,
            clock=around.clock,
        )
        waiting: Any = self._port("waiting", None, lambda: around.stores.waiting)
        self.sweep = Sweep(waiting, self._queue, around.clock)

    def taker(self, tenant: Tenant) -> TurnTaker:
        """Return what takes a tenant's turns."""
        if tenant not in self._takers:
            chats, turns = self._of_tenant("chats")(tenant), self._of_tenant("turns")(tenant)
            self._takers[tenant] = TurnTaker(
                tenant,
                self._connections,
                chats,
                turns,
                self._queue,
                lambda connection: self._asker(connection, chats, turns),
                self._delivery,
                self._around.clock,
                LEASE,
                1000,
                self._around.fallback,
                self._around.most_messages,
                beside=_not_at_all,
            )
        return self._takers[tenant]

    def _asker(self, connection: Connection, chats: Any, turns: Any) -> Asker:
        agent = self._around.agent(connection.retell_agent_id)
        seen = self._port("agent", agent.name, lambda: agent)
        return Asker(
            WatchedAgent(seen, agent, self._around.ledger),
            self._messenger(),
            chats,
            turns,
            self._around.clock,
            self._messenger(),
            beside=_not_at_all,
        )

    def _delivery(self, connection: Connection) -> Delivery:
        outbox = self._of_tenant("outbox")(connection.tenant)
        return Delivery(connection, self._connections, outbox, self._messenger(), self._around.clock)

    def _messenger(self) -> Any:
        seen = self._port("messenger", None, lambda: self._around.meta)
        return WatchedMessenger(seen, self._around.meta, self._around.ledger)

    def _of_tenant(self, name: str) -> Callable[[Tenant], Any]:
        made = getattr(self._around.stores, name)
        return lambda tenant: self._port(name, tenant, lambda: made(tenant))

    def _port(self, name: str, whose: object, made: Callable[[], Any]) -> Any:
        """Return the same port each time."""
        port = self._ports.get((name, whose))
        if port is None:
            port = self._ports[name, whose] = Port(name, made(), self._around.trouble)
        return port
