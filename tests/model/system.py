"""The whole system in one thread: Meta, the two queues, the workers and the sweep, in the order of a simulated time.

Every port is the workers' only way out, and each call of one a step (`faults.py`). What a worker did not acknowledge
comes again when its visibility ends; what the webhook did not accept, Meta tells again; each minute the sweep looks for
what hangs. So going on until nothing waits shows what becomes of whatever went wrong at a step.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.accounts import Account, Connection
from connector.agents.answers import Answer
from connector.chat import MAX_MESSAGES
from connector.envelopes import InboxMessage
from connector.errors import ConnectorError
from connector.instagram.notifications import Notification
from connector.tenancy import Tenant
from tests.model import meta
from tests.model.agent import SimulatedAgent
from tests.model.clock import START, Clock
from tests.model.errands import Errand, Errands, Kind
from tests.model.faults import Died, Step, Trouble, Way
from tests.model.ledger import Ledger
from tests.model.stores import Stores
from tests.model.workers import Workers

TENANT = Tenant("sub_1", "agent_1")
ACCOUNT = "17841400000000001"

_SWEEPS_EVERY = timedelta(minutes=1)
_NO_FAULTS: Mapping[int, Way] = {}


class System:
    """Everything between a customer and an agent."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        script: Callable[[int, str], Answer],
        *,
        most_messages: int = MAX_MESSAGES,
        fallback: str = "",
    ) -> None:
        self.stores = stores
        self.clock = clock
        self.script = script
        self.most_messages = most_messages
        self.fallback = fallback
        self.errands = Errands(clock)
        self.trouble = Trouble()
        self.ledger = Ledger()
        self.meta = meta.SimulatedMeta(clock)
        self.agents: dict[str, SimulatedAgent] = {}
        self.told: dict[str, tuple[str, tuple[str, ...]]] = {}
        """What customers wrote: who, and what (at first, and edited), by its mid."""
        self.unheard: frozenset[str] = frozenset()
        """What was told when no agent had the account, or days too late: it is for nobody."""
        self.crashes: tuple[str, ...] = ()
        """Errors that nobody foresaw."""
        self.swept_at = START
        self._workers = Workers(self)

    def connect(self, tenant: Tenant = TENANT, account_id: str = ACCOUNT) -> Connection:
        """Connect a tenant's agent to an account, whose Page is named like it."""
        account = Account(account_id, f"page-of-{account_id}", "acme", "Acme")
        connections = self.stores.connections
        return connections.connect(tenant, account, retell_agent_id=tenant.agent_id, token_version=1)

    def go_on_with(self, stores: Stores) -> None:
        """Have other workers go on, over these stores."""
        self.stores = stores
        self._workers = Workers(self)

    def agent(self, name: str = TENANT.agent_id) -> SimulatedAgent:
        """Return the agent of this name."""
        if name not in self.agents:
            self.agents[name] = SimulatedAgent(name, self.clock, self.script)
        return self.agents[name]

    # ── what Meta tells

    def say(self, user_id: str, text: str, seconds: float = 0, account_id: str = ACCOUNT) -> str:
        """Have a customer write after so many seconds, and return the message's mid."""
        mid = f"in-{len(self.told) + 1}"
        self.told[mid] = (user_id, (text,))
        self.tell(meta.words(account_id, user_id, self.later(seconds), mid, text), seconds)
        return mid

    def edit(self, mid: str, text: str, seconds: float = 0, account_id: str = ACCOUNT) -> None:
        """Have a customer change a message after so many seconds."""
        user_id, texts = self.told[mid]
        self.told[mid] = (user_id, (*texts, text))
        self.tell(meta.edit(account_id, user_id, self.later(seconds), mid, text), seconds)

    def later(self, seconds: float) -> datetime:
        """Return the time so many seconds from now."""
        return self.clock() + timedelta(seconds=seconds)

    def tell(self, item: Mapping[str, Any], seconds: float = 0) -> None:
        """Have Meta tell something after so many seconds."""
        self.errands.add(Kind.POST, item, seconds)

    # ── what the workers do

    def next(self) -> Errand | None:
        """Return what is to be done next; None when all is quiet."""
        first = self.errands.first()
        wakes_at = self.stores.wakes_at()
        if wakes_at is None:
            return first
        earliest = max(wakes_at, self.swept_at + timedelta(seconds=1))
        sweeps_at = START - (START - earliest) // _SWEEPS_EVERY * _SWEEPS_EVERY
        return first if first and first.due <= sweeps_at else Errand(sweeps_at, 0, Kind.SWEEP, None)

    def work(self, errand: Errand, faults: Mapping[int, Way] = _NO_FAULTS) -> list[Step]:
        """Have a worker do something, in which some steps go wrong; return all steps."""
        self.trouble.begin(faults)
        self.do(errand)
        return self.trouble.steps

    def do(self, errand: Errand) -> None:
        """Have a worker do something. Within the step of another worker, its steps are counted with the other's."""
        self.errands.take(errand)
        self.clock.advance_to(errand.due)
        try:
            with self.trouble.worker():
                self._do(errand)
        except (Died, ConnectorError) as error:
            if errand.kind is not Kind.SWEEP:  # nobody repeats it: the next one comes in a minute
                self.errands.fail(errand, died=isinstance(error, Died))
        except Exception as error:  # noqa: BLE001 - a bug, which the judge will tell
            self.crashes += (f"{errand.kind}: {error!r}",)

    def do_now(self, *kinds: Kind) -> None:
        """Have workers do what of these kinds is due, within the step of another."""
        while due := [one for one in self.errands.waiting if one.kind in kinds and one.due <= self.clock()]:
            self.do(due[0])

    def run(self, most: int = 200) -> None:
        """Have everything done, until all is quiet."""
        for _ in range(most):
            errand = self.next()
            if errand is None:
                return
            self.work(errand)

    def _do(self, errand: Errand) -> None:
        match errand.kind:
            case Kind.POST:
                item = errand.what
                account_id = item["sender" if "is_echo" in item.get("message", {}) else "recipient"]["id"]
                received_at = int(self.clock().timestamp() * 1000)
                event = InboxMessage(Notification(account_id, "messaging", item), None, received_at)
                self._workers.inbox.send_all([event])
            case Kind.EVENT:
                if self._workers.ingest.take(errand.what) in ("EventOfNoConnection", "EventTooOld"):
                    self.unheard |= {errand.what.notification.item.get("message", {}).get("mid")}
            case Kind.TURN:
                tenant = Tenant(errand.what.subaccount_id, errand.what.agent_id)
                self._workers.taker(tenant).answer(errand.what.user_id, errand.what.message_key)
            case Kind.SWEEP:
                self.swept_at = errand.due
                self._workers.sweep.run(1000)
