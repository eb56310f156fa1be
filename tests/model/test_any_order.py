"""Whatever happens in whatever order, to people, workers, the agent and Meta: the invariants hold, and all ends well.

A quick look each day; HYPOTHESIS_PROFILE=long looks for longer.
"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connector.agents.answers import Answer
from connector.contract.remedies import REMEDIES
from connector.tenancy import Tenant
from tests.model import meta
from tests.model.clock import Clock
from tests.model.errands import Errand, Kind
from tests.model.faults import Way
from tests.model.judge import Expected, wrongs_at_any_time, wrongs_at_rest
from tests.model.memory.stores import MemoryStores
from tests.model.system import ACCOUNT, TENANT, System

OTHER = Tenant("sub_1", "agent_2")
CUSTOMERS = st.sampled_from(["1234567890123451", "1234567890123452"])
SECONDS = st.sampled_from([0, 1, 4, 30, 200])
STEPS = st.integers(0, 25)
FAULTS = st.dictionaries(STEPS, st.sampled_from([Way.DIES_BEFORE, Way.DIES_AFTER, Way.FAILS, Way.UNKNOWN]), max_size=2)
OUTSIDE = st.sampled_from(["agent.ask", "messenger.send"])
BAD_DAYS = st.sampled_from([Way.FAILS, Way.UNKNOWN, Way.LOST, Way.LIMITED])


class AnyOrder(RuleBasedStateMachine):
    """Two customers, an account, and two agents that may have it in turns."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.stores = MemoryStores(self.clock, most_messages=4)
        self.system = System(self.stores, self.clock, self.answer, most_messages=4)
        self.system.connect()
        self.system.meta.when_sent = self.note_and_echo
        self.echo_after = 1
        self.told = []
        """Everything that Meta has told, to be told again."""
        self.persons = 0
        self.frozen = 0
        self.is_frozen = False
        self.taken_over = set()
        self.sent_unconnected = []

    def answer(self, number, content):
        to = content.replace("\n", " + ")
        texts = tuple(f"to {to}, at {self.clock():%H:%M:%S}, {part}" for part in "ab"[: 1 + number % 2])
        return Answer(() if "silence" in content else texts, ends_session="bye" in content)

    def note_and_echo(self, sent):
        if self.stores.connections.of_account(ACCOUNT) is None and not self.is_frozen:
            self.sent_unconnected.append(sent.text)
        if self.echo_after is not None:
            self.tell(meta.echo(ACCOUNT, sent.user_id, self.clock(), sent.mid, sent.text), self.echo_after)

    def tell(self, item, seconds):
        self.told.append(item)
        self.system.tell(item, seconds)

    @property
    def expected(self):
        return Expected(any_ending=("answered", *REMEDIES), frozen=self.frozen, takes_over=self.taken_over)

    # ── what people do

    @rule(user=CUSTOMERS, kind=st.sampled_from(["", "", "", "bye", "silence"]), seconds=SECONDS)
    def customer_writes(self, user, kind, seconds):
        mid = self.system.say(user, f"{user} {len(self.system.told) + 1} {kind}".strip(), seconds)
        self.told.append(self.system.errands.waiting[-1].what)
        assert self.told[-1]["message"]["mid"] == mid

    @precondition(lambda self: self.system.told)
    @rule(data=st.data(), what=st.sampled_from(["edit", "unsend"]), seconds=SECONDS)
    def customer_changes_a_message(self, data, what, seconds):
        mid = data.draw(st.sampled_from(sorted(self.system.told)))
        user, texts = self.system.told[mid]
        if what == "edit":
            self.system.edit(mid, f"{texts[0]}, edit {len(texts)}", seconds)
        else:
            self.system.tell(meta.unsend(ACCOUNT, user, self.system.later(seconds), mid), seconds)

    @rule(user=CUSTOMERS, seconds=SECONDS)
    def person_writes_in_the_app(self, user, seconds):
        self.persons += 1
        self.taken_over.add(user)
        item = meta.echo(ACCOUNT, user, self.system.later(seconds), f"person-{self.persons}", f"person {self.persons}")
        self.tell(item, seconds)

    @rule(to=st.sampled_from([TENANT, TENANT, TENANT, OTHER, OTHER, None]), seldom=st.integers(0, 2))
    def account_changes_hands(self, to, seldom):
        if seldom:
            return
        connections = self.stores.connections
        if holder := connections.of_account(ACCOUNT):
            connections.disconnect(holder.tenant)
        if to:
            self.system.connect(to)

    # ── what Meta does

    @precondition(lambda self: self.told)
    @rule(data=st.data(), seconds=SECONDS)
    def meta_tells_again(self, data, seconds):
        self.system.tell(data.draw(st.sampled_from(self.told)), seconds)

    @rule(seconds=st.sampled_from([None, 0, 1, 60, 1200]))
    def meta_echoes_after(self, seconds):
        self.echo_after = seconds

    @rule(name=OUTSIDE, way=BAD_DAYS)
    def agent_or_meta_will_have_a_bad_day(self, name, way):
        self.system.trouble.next_time[name] = way

    # ── what the machines do

    @rule(faults=FAULTS, times=st.integers(1, 4))
    def workers_work(self, faults, times):
        for _ in range(times):
            if errand := self.system.next():
                self.system.work(errand, faults)

    @rule(times=st.integers(1, 30))
    def workers_work_well(self, times):
        for _ in range(times):
            if errand := self.system.next():
                self.system.work(errand)

    @precondition(lambda self: self.system.errands.waiting)
    @rule(data=st.data(), seconds=st.sampled_from([1, 10, 300, 900]))
    def something_is_held_back(self, data, seconds):
        errands = self.system.errands
        errand = data.draw(st.sampled_from(errands.waiting))
        errands.take(errand)
        errands.waiting += (replace(errand, due=errand.due + timedelta(seconds=seconds)),)

    @rule(step=STEPS, seconds=st.sampled_from([20, 150, 800]), disconnects=st.booleans())
    def worker_freezes_and_wakes_up_again(self, step, seconds, disconnects):
        """While it sleeps, the others go on: its lease may run out, and another take its turn over."""
        errand = self.system.next()
        if errand is None:
            return

        def freeze(reached):
            if reached.number == step:
                self.system.trouble.before = lambda _: None
                self.sleep(seconds, disconnects=disconnects)

        self.system.trouble.before = freeze
        self.is_frozen = True
        self.system.work(errand)
        self.is_frozen = False
        self.system.trouble.before = lambda _: None

    def sleep(self, seconds, *, disconnects):
        wakes_at = self.system.later(seconds)
        if disconnects:
            self.stores.connections.disconnect(TENANT)
        for _ in range(40):
            errand = self.system.next()
            if errand is None or errand.due > wakes_at:
                break
            self.system.do(errand)
        self.clock.advance_to(wakes_at)
        self.frozen += 1

    @rule(hours=st.sampled_from([0.01, 0.01, 0.3, 0.3, 2, 25]))
    def time_passes(self, hours):
        self.clock.advance(hours * 3600)

    @rule()
    def sweep_runs(self):
        self.system.work(Errand(self.clock(), 0, Kind.SWEEP, None))

    # ── what must hold

    @invariant()
    def nothing_is_wrong_already(self):
        wrongs = wrongs_at_any_time(self.system, self.expected)
        assert wrongs == [], wrongs
        assert self.sent_unconnected == [], "sent although the account was disconnected"

    def teardown(self):
        self.system.trouble.next_time.clear()
        self.system.run(most=500)
        dead = self.system.errands.dead  # failed eight times: for a person to look at
        wrongs = wrongs_at_rest(self.system, self.expected)
        assert dead or wrongs == [], wrongs
        assert self.sent_unconnected == []


_EACH_DAY = 120
_IS_LONG = settings().max_examples > _EACH_DAY
AnyOrder.TestCase.settings = settings(
    max_examples=settings().max_examples if _IS_LONG else _EACH_DAY, stateful_step_count=50
)
test_whatever_happens_in_whatever_order_nothing_is_lost_asked_twice_or_sent_twice = AnyOrder.TestCase
