"""The stores in memory do as those in MongoDB do: whatever is done to both, in whatever order, both hold the same.

What is proven on the stores in memory holds for the real ones as far as this does.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from connector.accounts import Account
from connector.chat import OTHER_APP, Attachment, Chat, Message, MessageStatus, Person, Role, TurnState
from connector.echoes import Echo
from connector.errors import AccountInUse
from connector.instagram.events import Other
from connector.ports.stores import Superseded
from connector.tenancy import Tenant
from tests.model.clock import Clock
from tests.model.memory.shelf import Record
from tests.model.memory.stores import MemoryStores
from tests.model.mongodb_stores import MongodbStores

ONE, TWO = Tenant("sub", "one"), Tenant("sub", "two")
BOUND = 4

USERS = st.sampled_from(["ada", "bob"])
IN_MIDS = st.sampled_from(["in-1", "in-2", "in-3", "in-4", "in-5", "in-6"])
OUT_MIDS = st.sampled_from(["out-1", "out-2", "out-3", "out-4"])
TEXTS = st.sampled_from(["a", "b", "image", "heart"])
CONTENTS = {
    **dict.fromkeys(("a", "b"), (None, ())),
    "image": ({"type": "image"}, (Attachment("image", None), Attachment("image", None))),
    "heart": ({"type": "heart"}, (Attachment("like_heart", None),)),
}
SECONDS = st.integers(-3, 3).map(lambda one: timedelta(seconds=one))
LEASES = st.sampled_from([timedelta(0), timedelta(seconds=60)])
STATES = st.sampled_from([TurnState.DONE, TurnState.SKIPPED, TurnState.FAILED])
REASONS = st.sampled_from(["paused", "send_unknown", "window_closed"])


class Both(RuleBasedStateMachine):
    """Does the same to both, and compares what they answer and what they hold."""

    claimed = Bundle("claimed")
    """Chats whose turn was claimed, as each of the two answered; most are out of date, as a slow worker's are."""

    def __init__(self, mongodb: MongodbStores, memory: MemoryStores, clock: Clock) -> None:
        super().__init__()
        self.stores = (mongodb, memory)
        self.clock = clock
        self.turn_ids: dict[str, str] = {}
        """The turns' ids in MongoDB, and those in memory."""
        self.parts = 0

    def both(self, call: Callable[[Any, int], Any]) -> tuple[Any, Any]:
        """Make a call of both; they must answer the same, and hold the same afterwards."""
        answers = [self._answer(call, number) for number in (0, 1)]
        if isinstance(answers[0], Chat) and isinstance(answers[1], Chat) and answers[0].turn and answers[1].turn:
            self.turn_ids.setdefault(answers[0].turn.id, answers[1].turn.id)
        assert self._plain(answers[0]) == self._plain(answers[1]), "they answer differently"
        held = [[self._plain(record) for record in one.records()] for one in self.stores]
        assert held[0] == held[1], "they hold different things"
        return answers[0], answers[1]

    def _answer(self, call: Callable[[Any, int], Any], number: int) -> Any:
        try:
            return call(self.stores[number], number)
        except (Superseded, AccountInUse) as error:
            return type(error)

    def _plain(self, value: Any) -> Any:
        """Return a value without the ids that each of the two makes up."""
        match value:
            case Record():
                keys = {message.key for message in value.chat.messages}
                reacted_at = tuple(sorted(pair for pair in value.reacted_at if pair[0] in keys))
                absent = value.absent & keys
                pauses = frozenset(pair for pair in value.pauses if pair[0] in keys)
                beside = {"reacted_at": reacted_at, "absent": absent, "pauses": pauses}
                return replace(value, chat=self._plain(value.chat), **beside)
            case Chat():
                turn = value.turn and replace(value.turn, id=self.turn_ids.get(value.turn.id, value.turn.id))
                return replace(value, id="", turn=turn, messages=tuple(self._plain(one) for one in value.messages))
            case Message():
                return replace(value, id="", turn_id=self.turn_ids.get(value.turn_id or "", value.turn_id))
            case [Other(), *_]:
                return sorted(value, key=lambda one: (one.at, one.key))  # of two at one time, either may be first
            case list() | tuple():
                return [self._plain(one) for one in value]
        return value

    # ── connections

    @initialize()
    def begin(self) -> None:
        self.connect(tenant=ONE, account="account")

    @rule(tenant=st.sampled_from([ONE, TWO]), account=st.sampled_from(["account", "other"]))
    def connect(self, tenant, account):
        joined = Account(account, "page", "acme", None)
        self.both(lambda one, _: one.connections.connect(tenant, joined, retell_agent_id="agent", token_version=1))
        self.both(lambda one, _: [one.connections.of_account(name) for name in ("account", "other")])

    @rule(tenant=st.sampled_from([ONE, TWO]))
    def disconnect(self, tenant):
        self.both(lambda one, _: one.connections.disconnect(tenant))
        self.both(lambda one, _: one.connections.get(tenant))

    @rule(
        what=st.sampled_from(
            [
                "error",
                "reconnect",
                "clear",
                "clear-old",
                "limit",
                "event",
                "policy",
                "pause",
                "resume",
                "take",
                "take-old",
            ]
        ),
        ahead=SECONDS,
    )
    def record(self, what, ahead):
        moment = self.clock() + ahead

        def recorded(one, _):
            connection = one.connections.get(ONE)
            match what:
                case "error" | "reconnect":
                    one.connections.record_error(
                        connection, "code", needs_reconnection=what == "reconnect", call="sending"
                    )
                case "clear":
                    one.connections.clear_error(connection)
                case "clear-old":
                    old = {"code": "code", "at": moment}
                    one.connections.clear_error(replace(connection, last_error=old))
                case "take" | "take-old":
                    version = connection.token_version - (what == "take-old")
                    return one.connections.take_over(replace(connection, token_version=version)), one.connections.get(
                        ONE
                    )
                case "limit":
                    one.connections.record_limit(connection, moment)
                case "event":
                    one.connections.record_event(connection, moment)
                case "policy":
                    one.connections.record_enforcement(connection, "block", f"at {moment}", moment)
                case _:
                    one.connections.pause(ONE, moment if what == "pause" else None)
            return one.connections.get(ONE)

        self.both(recorded)

    @rule(seconds=st.sampled_from([1, 61]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    # ── what Meta tells

    @rule(user=USERS, mid=IN_MIDS, ahead=SECONDS, due=st.sampled_from([None, timedelta(seconds=5)]))
    def store_words(self, user, mid, ahead, due):
        status = MessageStatus.RECEIVED if due else MessageStatus.UNANSWERED
        error = None if due else {"code": OTHER_APP}
        words = Message(f"mid:{mid}", Role.USER, "hi", status, self.clock() + ahead, mid=mid, error=error)
        self.both(lambda one, _: one.chats(ONE).add(user, "account", words, turn_due_in=due))

    @rule(user=USERS, mid=OUT_MIDS, ahead=SECONDS, pauses=st.sampled_from([None, timedelta(seconds=2)]))
    def store_persons_words(self, user, mid, ahead, pauses):
        at = self.clock() + ahead
        words = Message(f"mid:{mid}", Role.HUMAN, "a", MessageStatus.DELIVERED, at, mid=mid)
        until = at + pauses if pauses else None
        self.both(lambda one, _: one.chats(ONE).add(user, "account", words, paused_until=until))

    @rule(user=USERS, number=st.integers(1, 6), text=TEXTS, ahead=SECONDS)
    def store_letter(self, user, number, text, ahead):
        content, attachments = CONTENTS[text]
        letter = Message(
            f"sent:{number}", Role.HUMAN, text if text in "ab" else None, MessageStatus.PENDING, self.clock()
        )
        letter = replace(letter, content=content, attachments=attachments, created_at=letter.created_at + ahead)
        self.both(lambda one, _: one.chats(ONE).add(user, "account", letter))

    @rule(user=USERS, mid=OUT_MIDS, text=TEXTS, by_our_app=st.sampled_from([None, True, False]))
    def attach_echo(self, user, mid, text, by_our_app):
        echo = Echo(mid, text if text in "ab" else None, CONTENTS[text][1], self.clock(), by_our_app)
        self.both(lambda one, _: one.outbox(ONE).has_sent(echo.mid))
        self.both(lambda one, _: one.outbox(ONE).attach_echo(user, echo))

    @rule(mid=OUT_MIDS)
    def take_back_echo(self, mid):
        self.both(lambda one, _: one.outbox(ONE).take_back_echo(mid))

    @rule(user=USERS, ahead=SECONDS, because=st.sampled_from(["paused", "loop"]))
    def pause(self, user, ahead, because):
        until = self.clock() + ahead
        self.both(lambda one, _: one.chats(ONE).pause(user, until, because))

    @rule(user=USERS)
    def resume(self, user):
        self.both(lambda one, _: one.chats(ONE).resume(user))

    @rule(user=USERS, ahead=SECONDS)
    def refer(self, user, ahead):
        at = self.clock() + ahead
        self.both(lambda one, _: one.chats(ONE).refer(user, {"ref": str(at)}, at))

    @rule(user=USERS, ahead=SECONDS)
    def note_control(self, user, ahead):
        at = self.clock() + ahead
        self.both(lambda one, _: one.chats(ONE).note_control(user, at))

    @rule(user=USERS, mids=st.lists(IN_MIDS, min_size=1, max_size=2))
    def reopen(self, user, mids):
        keys = [f"mid:{mid}" for mid in mids]
        self.both(lambda one, _: one.chats(ONE).reopen(user, keys, turn_due_in=timedelta(seconds=5)))

    @rule(user=USERS)
    def describe(self, user):
        person = Person("ada", "Ada", self.clock())
        self.both(lambda one, _: one.chats(ONE).describe(user, person))

    @rule(user=USERS, mid=IN_MIDS)
    def look(self, user, mid):
        self.both(lambda one, _: [one.chats(tenant).ongoing(user) for tenant in (ONE, TWO)])
        self.both(lambda one, _: [one.chats(tenant).has(f"mid:{mid}") for tenant in (ONE, TWO)])
        self.both(lambda one, _: (one.chats(ONE).find(f"mid:{mid}") or [None])[-1])

    @rule(user=USERS, mid=IN_MIDS | OUT_MIDS, ahead=SECONDS, what=st.sampled_from(["edit", "unsend", "read"]))
    def change(self, user, mid, ahead, what):
        at = self.clock() + ahead

        def changed(one, _):
            changes = one.changes(ONE)
            if what == "edit":
                return changes.edit(mid, f"at {at}", at)
            return changes.unsend(mid, at) if what == "unsend" else changes.mark_read(user, mid, at)

        self.both(changed)

    @rule(user=USERS, mid=IN_MIDS | OUT_MIDS, ahead=SECONDS, emoji=st.sampled_from(["❤", None]))
    def react(self, user, mid, ahead, emoji):
        at = self.clock() + ahead
        self.both(lambda one, _: one.changes(ONE).react(mid, user, emoji, at))

    @rule(mid=IN_MIDS, name=st.sampled_from(["k1", "k2"]), ahead=SECONDS)
    def keep(self, mid, name, ahead):
        event = Other("account", "ada", self.clock() + ahead, name, name, "messaging", mid, {"a": 1})
        self.both(lambda one, _: one.kept(ONE).keep(event))
        self.both(lambda one, _: one.kept(ONE).about(mid))

    @rule(
        user=USERS,
        name=st.sampled_from(["k3", "pass_thread_control"]),
        ahead=SECONDS,
        what=st.sampled_from([{"ref": "a"}, None]),
        mid=IN_MIDS | st.none(),
    )
    def keep_for_a_chat(self, user, name, ahead, what, mid):
        at = self.clock() + ahead
        event = Other("account", user, at, name, name, "messaging", None, {"referral": what})
        self.both(lambda one, _: one.kept(ONE).keep(event))
        self.both(lambda one, _: one.kept(ONE).before(user, mid, at))
        self.both(lambda one, _: one.kept(TWO).before(user, mid, at))

    @rule(mid=IN_MIDS)
    def forget(self, mid):
        def forgotten(one, _):
            for event in sorted(one.kept(ONE).about(mid), key=lambda event: event.key)[:1]:
                one.kept(ONE).forget(event)
            return one.kept(ONE).about(mid)

        self.both(forgotten)

    # ── what a turn does

    def turned(self, call: Callable[[Any, int], Any]) -> Any:
        """Make a call of both stores of turns; what they answer is a claimed chat, or nothing to go on with."""
        answers = self.both(lambda one, number: call(one.turns(ONE), number))
        return answers if all(isinstance(answer, Chat) for answer in answers) else multiple()

    @rule(target=claimed, user=USERS, lease=LEASES, generation=st.integers(0, 2))
    def claim(self, user, lease, generation):
        chats = self.both(lambda one, _: one.chats(ONE).ongoing(user))
        if chats[0] is None:
            return multiple()
        return self.turned(lambda turns, number: turns.claim(chats[number], generation=generation, lease=lease))

    @rule(target=claimed, chats=claimed, lease=LEASES)
    def claim_what_has_changed(self, chats, lease):
        return self.turned(lambda turns, number: turns.claim(chats[number], generation=1, lease=lease))

    @rule(target=claimed, chats=claimed, what=st.sampled_from(["session", "questions", "ask", "give up", "take back"]))
    def go_on(self, chats, what):
        def gone_on(turns, number):
            match what:
                case "session":
                    return turns.set_session(chats[number], "session")
                case "questions":
                    return turns.set_questions(chats[number], 2)
                case "ask":
                    return turns.begin_asking(chats[number])
                case "give up":
                    return turns.give_up_session(chats[number])
            return turns.take_back_asking(chats[number])

        return self.turned(gone_on)

    @rule(target=claimed, chats=claimed, texts=st.lists(TEXTS, max_size=2), ends=st.booleans(), fails=st.booleans())
    def answer(self, chats, texts, ends, fails):
        self.parts += 1
        first, moment = self.parts, self.clock()

        def part(number, index, text):
            key, at = f"turn:{first}:{index}", moment + timedelta(milliseconds=index)
            turn_id = chats[number].turn.id
            return Message(key, Role.AGENT, text, MessageStatus.PENDING, at, turn_id=turn_id)

        return self.turned(
            lambda turns, number: turns.store_answer(
                chats[number],
                [part(number, index, text) for index, text in enumerate(texts)],
                ends_chat=ends,
                reason="agent_unavailable" if fails else None,
            )
        )

    @rule(target=claimed, chats=claimed, keeps=st.booleans())
    def roll_over(self, chats, keeps):
        return self.turned(lambda turns, number: turns.roll_over(chats[number], "session_ended", keeps_session=keeps))

    @rule(chats=claimed, lease=LEASES)
    def renew(self, chats, lease):
        self.turned(lambda turns, number: turns.renew(chats[number], lease))

    @rule(chats=claimed, ahead=SECONDS)
    def put_off(self, chats, ahead):
        until = self.clock() + ahead
        self.turned(lambda turns, number: turns.put_off(chats[number], until, look_after=timedelta(seconds=60)))

    @rule(chats=claimed, state=STATES, reason=REASONS, ends=st.sampled_from([None, "agent_ended"]))
    def finish(self, chats, state, reason, ends):
        why = None if state is TurnState.DONE else reason
        self.turned(lambda turns, number: turns.finish(chats[number], state, why, end_chat_because=ends))

    # ── what is sent

    def outgoing(self, data: st.DataObject) -> Message | None:
        """Choose a message of ours, as it stands."""
        ours = [
            message
            for record in self.stores[1].records()
            for message in record.chat.messages
            if message.key.startswith(("turn:", "sent:"))
        ]
        return data.draw(st.sampled_from(ours)) if ours else None

    @rule(data=st.data())
    def begin_sending(self, data):
        if message := self.outgoing(data):
            self.both(lambda one, _: one.outbox(ONE).begin_sending(message))
            self.both(lambda one, _: [one.outbox(ONE).is_to(user, message.key) for user in ("ada", "bob")])

    @rule(chats=claimed, data=st.data())
    def begin_sending_in_a_turn(self, chats, data):
        if message := self.outgoing(data):
            self.both(lambda one, number: one.outbox(ONE).begin_sending(message, chat=chats[number]))

    @rule(data=st.data(), mid=OUT_MIDS, how=st.sampled_from(["record_sent", "record_found"]))
    def record_sent(self, data, mid, how):
        if message := self.outgoing(data):
            self.both(lambda one, _: getattr(one.outbox(ONE), how)(message, mid))

    @rule(data=st.data(), what=st.sampled_from(["unknown", "pending", "refused", "reopened", "absent", "unprovable"]))
    def record_fate(self, data, what):
        message = self.outgoing(data)
        if message is None:
            return

        def recorded(one, _):
            outbox = one.outbox(ONE)
            match what:
                case "unknown":
                    outbox.record_unsent(message, MessageStatus.UNKNOWN, {"code": "lost"})
                case "pending":
                    outbox.record_unsent(message, MessageStatus.PENDING, None)
                case "refused":
                    outbox.record_refused(message, {"code": "no"})
                case "reopened":
                    outbox.reopen(message)
                case "absent":
                    outbox.record_absent(message)
                case _:
                    outbox.record_unprovable(message)

        self.both(recorded)

    # ── what the sweep does

    @rule(limit=st.sampled_from([1, 9]), data=st.data())
    def sweep(self, limit, data):
        def late(one, _):
            return [message.user_id for message in one.waiting.late(limit).values()]

        waking = [record.wake_at for record in self.stores[1].records() if record.wake_at]
        if len(set(waking)) == len(waking):  # else which of them is first is nobody's business
            self.both(late)
        until = self.clock() + timedelta(minutes=5)
        self.both(lambda one, _: one.waiting.put_off(list(one.waiting.late(9)), until))


@pytest.fixture
def pair(database):
    clock = Clock()
    mongodb = MongodbStores(database, clock, BOUND)
    mongodb.ensure_indexes()

    def made():
        for name in database.list_collection_names():
            database[name].delete_many({})
        clock.__init__()
        return Both(mongodb, MemoryStores(clock, BOUND), clock)

    return made


def test_whatever_is_done_to_the_stores_in_memory_and_in_mongodb_they_hold_the_same(pair):
    run_state_machine_as_test(
        pair,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
