"""The conversation with real stores, an agent and a messenger that follow a script, and a queue that keeps a list."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from connector.accounts import Account, Connection
from connector.agents.answers import Answer, Transcript
from connector.chat import Chat, Message, MessageStatus, Person, Role, TurnState
from connector.conversation.asking import Asker
from connector.conversation.delivery import Delivery
from connector.conversation.ingest import Ingest
from connector.conversation.opting import OptingWords
from connector.conversation.scheduling import Schedule
from connector.conversation.send import Letter, Sender
from connector.conversation.sweep import Sweep
from connector.conversation.turn import Outcome, TurnTaker
from connector.echoes import Echo
from connector.envelopes import FetchMessage, InboxMessage, Route, Task, TurnMessage
from connector.errors import OutcomeUnknown, SessionEnded
from connector.instagram.notifications import Notification
from connector.storage.changes import Changes
from connector.storage.chats import Chats
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.mongodb import translated
from connector.storage.outbox import Outbox
from connector.storage.pages import Pages
from connector.storage.tombstones import COLLECTION as TOMBSTONES
from connector.storage.tombstones import Tombstones
from connector.storage.turns import Turns
from connector.storage.waiting import Waiting
from connector.tenancy import Tenant
from tests.unit.payloads import ACCOUNT, PAGE, USER

LEASE = timedelta(seconds=60)
NO_LEASE = timedelta(0)
QUIET = timedelta(seconds=5)
MEDIA_QUIET = timedelta(seconds=8)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Died(BaseException):
    """Raised where a worker is killed: nothing in the code may catch it."""


TENANT = Tenant("sub_1", "agent_1")


class ScriptedAgent:
    """An agent that answers from a list: texts, an Answer, or something to raise. Without a list it says one thing.

    What is raised as `OutcomeUnknown` is lost on the way back: the agent has heard the question, and answers `lost`.
    """

    def __init__(self, *script: Sequence[str] | Answer | BaseException) -> None:
        self.script: list[Sequence[str] | Answer | BaseException] = list(script)
        self.opened: list[str] = []
        self.discarded: list[str] = []
        self.open_errors: list[Exception] = []
        self.variables: list[Mapping[str, str]] = []
        self.metadata: list[Mapping[str, str]] = []
        self.asked: list[tuple[str, str]] = []
        self.heard: list[tuple[str, str]] = []
        """What was asked in a session that had not ended."""
        self.ended: set[str] = set()
        self.before: Callable[[], None] = lambda: None
        self.lost: Answer | None = Answer(("We open at nine.",))
        self.answers: dict[str, Answer | None] = {}
        """What was last said in each session."""
        self.tells = True
        """Whether it lets its transcripts be read."""
        self.read_errors: list[Exception] = []

    @property
    def questions(self) -> list[str]:
        """Return what was asked, without where."""
        return [content for _, content in self.asked]

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a session, if no error is in the script."""
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.opened.append(f"chat_{len(self.opened) + 1}")
        self.variables.append(variables)
        self.metadata.append(metadata)
        return self.opened[-1]

    def discard(self, chat_id: str) -> None:
        """Delete a session in which nothing was said."""
        self.discarded.append(chat_id)

    def ask(self, chat_id: str, content: str) -> Answer:
        """Answer as the script says."""
        self.asked.append((chat_id, content))
        self.before()
        if chat_id in self.ended:
            raise SessionEnded("It ended earlier.")
        said = self.script.pop(0) if self.script else ["We open at nine."]
        if isinstance(said, SessionEnded):
            self.ended.add(chat_id)
            raise said
        if isinstance(said, BaseException) and not isinstance(said, OutcomeUnknown | Died):
            raise said
        self.heard.append((chat_id, content))
        if isinstance(said, BaseException):
            self.answers[chat_id] = self.lost
            raise said
        answer = said if isinstance(said, Answer) else Answer(tuple(said))
        self.answers[chat_id] = answer
        return answer

    def transcript(self, chat_id: str) -> Transcript:
        """Tell what was heard in a session."""
        if self.read_errors:
            raise self.read_errors.pop(0)
        if not self.tells:
            return Transcript(None, None, is_over=False)
        heard = sum(one == chat_id for one, _ in self.heard)
        return Transcript(heard, self.answers.get(chat_id) if heard else None, is_over=chat_id in self.ended)


class ScriptedMessenger:
    """A messenger that sends, but for the sends that the script has something to raise for.

    What is raised as `OutcomeUnknown` is sent nevertheless where `delivers_lost` says so.
    """

    def __init__(self, *script: BaseException | None) -> None:
        self.script: list[BaseException | None] = list(script)
        self.sent: list[str] = []
        """What Meta has, whatever the caller was told."""
        self.thread: list[Echo] = []
        self.tries: list[tuple[str, str]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[str, str], None] = lambda mid, text: None
        self.delivers_lost = True
        self.messages: list[Message] = []
        """What was tried to be sent."""
        self.acts: list[str] = []
        self.reads = 0
        self.read_errors: list[Exception] = []
        self.who: Person | Exception = Person("ada", "Ada")

    def send(self, user_id: str, message: Message) -> str:
        """Send as the script says, whatever kind it is."""
        text = message.text or str(message.content)
        self.messages.append(message)
        self.tries.append((user_id, text))
        self.before()
        error = self.script.pop(0) if self.script else None
        if error and not (isinstance(error, OutcomeUnknown) and self.delivers_lost):
            raise error
        self.sent.append(text)
        mid = f"out-{len(self.sent)}-{uuid4().hex}"
        self.thread.append(Echo(mid, message.text, message.attachments, now().replace(microsecond=0)))
        if error:
            raise error
        self.after(mid, text)
        return mid

    def react(self, user_id: str, mid: str, reaction: str | None) -> None:
        """Note it."""
        self.acts.append(f"{reaction} on {mid}")

    def act(self, user_id: str, action: str) -> None:
        """Note it."""
        self.acts.append(action)

    def sent_since(self, account_id: str, user_id: str, since: datetime) -> Sequence[Echo]:
        """Return what Meta has."""
        self.reads += 1
        if self.read_errors:
            raise self.read_errors.pop(0)
        return list(self.thread)

    def person(self, user_id: str) -> Person:
        """Return who the customer is."""
        if isinstance(self.who, Exception):
            raise self.who
        return self.who


class ListedQueue:
    """A queue whose messages are taken off by the test."""

    def __init__(self) -> None:
        self.messages: list[tuple[TurnMessage, int]] = []
        self.fetches: list[tuple[FetchMessage, int]] = []

    def send(self, message: Task, *, delay_seconds: int = 0) -> None:
        """Keep the message."""
        assert 0 <= delay_seconds <= 900
        if isinstance(message, FetchMessage):
            self.fetches.append((message, delay_seconds))
        else:
            self.messages.append((message, delay_seconds))

    def send_all(self, messages: Iterable[Task], *, delay_seconds: int = 0) -> int:
        """Keep the messages."""
        for message in messages:
            self.send(message, delay_seconds=delay_seconds)
        return 0


class Clock:
    """The real time, moved."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


@dataclass(slots=True)
class World:
    """One tenant that is connected, one customer, and everything between them."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    changes: Changes
    pages: Pages
    turns: Turns
    outbox: Outbox
    kept: KeptEvents
    waiting: Waiting
    queue: ListedQueue
    agent: ScriptedAgent
    messenger: ScriptedMessenger
    clock: Clock
    user_id: str = USER
    quiet: timedelta = QUIET
    media_quiet: timedelta = MEDIA_QUIET
    pause: timedelta = timedelta(minutes=60)
    fallback: str = ""
    background: ScriptedMessenger = field(default_factory=ScriptedMessenger)
    """What shows the customer that somebody types."""
    taken_at: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    """The time of ingest. Sample payloads are old, and are told of at their own time."""

    @classmethod
    def of(cls, database: Database[dict[str, Any]], tenant: Tenant | None = None, **fakes: Any) -> "World":
        """Return the world of a tenant that is connected."""
        tenant = tenant or TENANT
        chats, clock = database["chats"], Clock()
        made = cls(
            tenant,
            Connections(database[COLLECTION], clock),
            Chats(chats, tenant, clock),
            Changes(chats, tenant, clock),
            Pages(chats, tenant),
            Turns(chats, tenant, clock),
            Outbox(chats, tenant, clock),
            KeptEvents(database[KEPT_EVENTS], tenant),
            Waiting(chats, clock),
            fakes.get("queue", ListedQueue()),
            fakes.get("agent", ScriptedAgent()),
            fakes.get("messenger", ScriptedMessenger()),
            clock,
        )
        ensure_indexes(database)
        made.connect()
        return made

    def connect(self, account_id: str = ACCOUNT, page_id: str | None = PAGE) -> Connection:
        """Connect the tenant (again)."""
        account = Account(account_id, page_id, "acme", "Acme")
        return self.connections.connect(self.tenant, account, retell_agent_id="agent_1", token_version=1)

    # ── what Meta tells

    def ingest(self) -> Ingest:
        """Return the ingest worker."""
        return Ingest(
            self.connections,
            lambda _: self.chats,
            lambda _: self.changes,
            lambda _: self.outbox,
            lambda _: self.kept,
            lambda _: self.tombstones,
            Schedule(self.queue, self.quiet, self.media_quiet),
            self.pause,
            OptingWords.of("stop", "start"),
            clock=lambda: self.taken_at,
        )

    def take(self, item: Mapping[str, Any], *, account_id: str = ACCOUNT, route: bool = True) -> str:
        """Have one item taken in, as it comes off the inbox queue."""
        notification = Notification(account_id, "messaging", dict(item))
        by = Route(self.tenant.subaccount_id, self.tenant.agent_id) if route else None
        happened_at = item.get("timestamp")
        # Meta is quick: what the sample payloads say happened long ago was told long ago.
        received_at = happened_at + 1000 if isinstance(happened_at, int) and happened_at > 10**12 else self._ms()
        return self.ingest().take(InboxMessage(notification, by, min(received_at, self._ms())))

    def say(self, text: str, *, mid: str | None = None, at: datetime | None = None) -> str:
        """Have the customer write, and return the mid."""
        mid = mid or f"in-{uuid4().hex}"
        moment = at or self.clock()
        self.take(
            {
                "sender": {"id": self.user_id},
                "recipient": {"id": ACCOUNT},
                "timestamp": int(moment.timestamp() * 1000),
                "message": {"mid": mid, "text": text},
            }
        )
        return mid

    def about(self, mid: str, **fields: Any) -> dict[str, Any]:
        """Return a message item of the customer's with these fields."""
        return {
            "sender": {"id": self.user_id},
            "recipient": {"id": ACCOUNT},
            "timestamp": self._ms(),
            "message": {"mid": mid, **fields},
        }

    def echo(self, mid: str, text: str | None) -> str:
        """Have Meta echo something that the business wrote."""
        return self.take(
            {
                "sender": {"id": ACCOUNT},
                "recipient": {"id": self.user_id},
                "timestamp": self._ms(),
                "message": {"mid": mid, "text": text, "is_echo": True},
            }
        )

    def _ms(self) -> int:
        return int(self.clock().timestamp() * 1000)

    # ── what the reply worker does

    def worker(self, *, lease: timedelta = LEASE, part_bytes: int = 1000) -> TurnTaker:
        """Return a reply worker."""
        return TurnTaker(
            self.tenant,
            self.connections,
            self.chats,
            self.turns,
            self.queue,
            lambda connection: Asker(self.agent, self.messenger, self.chats, self.turns, self.clock, self.background),
            lambda connection: Delivery(connection, self.connections, self.outbox, self.messenger, self.clock),
            self.clock,
            lease,
            part_bytes,
            self.fallback,
        )

    def sweep(self) -> int:
        """Take up what hangs."""
        return Sweep(self.waiting, self.queue, self.clock).run(100)

    def work_next(self, **worker: Any) -> Outcome | None:
        """Take the next turn message off the queue, when it is due, and work on it."""
        message, delay = self.queue.messages.pop(0)
        self.clock.ahead += timedelta(seconds=delay)
        try:
            return self.worker(**worker).answer(message.user_id, message.message_key)
        except BaseException:
            # It was not acknowledged, so it comes again.
            self.queue.messages.insert(0, (message, 0))
            raise

    def answer_next(self, **worker: Any) -> TurnState | None:
        """Work on the next turn message, and return how the turn ended; None where it has not."""
        outcome = self.work_next(**worker)
        return outcome.state if outcome and outcome.again_in_seconds is None else None

    def answer_all(self, **worker: Any) -> list[TurnState | None]:
        """Work on turn messages until there are none, and return how the turns ended."""
        states = []
        while self.queue.messages:
            states.append(self.answer_next(**worker))
            assert len(states) < 50, "turn messages go on for ever"
        return states

    def settle(self, **worker: Any) -> list[TurnState]:
        """Work until nothing waits, taking up with the sweep what nobody schedules; return how the turns ended."""
        states: list[TurnState | None] = []
        for _ in range(50):
            states += self.answer_all(**worker)
            if not self.wait_and_sweep():
                return [state for state in states if state]
        raise AssertionError("something waits for ever")

    def wait_and_sweep(self) -> int:
        """Let the time come at which the sweep finds something, and run it; return what it has scheduled."""
        with translated():
            waiting = self.chats._collection.find({"wakeAt": {"$ne": None}}).sort("wakeAt", 1).to_list(1)
        if not waiting:
            return 0
        self.clock.ahead += max(timedelta(), waiting[0]["wakeAt"] - self.clock())
        return self.sweep()

    @property
    def tombstones(self) -> Tombstones:
        """Return the marks of deletions."""
        return Tombstones(self.chats._collection.database[TOMBSTONES], self.tenant, self.clock)

    # ── what persons do through the API

    def sender(self) -> Sender:
        """Return what sends persons' messages."""
        return Sender(
            self.tenant,
            self.connections,
            self.chats,
            self.changes,
            self.outbox,
            lambda connection: Delivery(connection, self.connections, self.outbox, self.messenger, self.clock),
            self.clock,
            self.pause,
        )

    def send(self, text: str, **options: Any) -> Message:
        """Have a person send a text, and return the message as sent."""
        _, (sent,) = self.sender().send(self.user_id, [Letter(text)], **options)
        return sent

    # ── what is stored

    @property
    def chat(self) -> Chat:
        """Return the customer's chat."""
        chat = self.chats.ongoing(self.user_id)
        assert chat is not None, "the customer has no chat"
        return chat

    def said(self, role: Role) -> list[tuple[str | None, MessageStatus]]:
        """Return what a role's messages say, and where they stand."""
        return [(message.text, message.status) for message in self.chat.messages if message.role is role]

    def reason(self) -> str | None:
        """Return why the chat's turn ended."""
        assert self.chat.turn is not None
        return self.chat.turn.reason


def user_message(key: str, text: str = "hi", *, at: datetime = START, **fields: Any) -> Message:
    """Return a message of a customer's, not stored yet."""
    mid = fields.pop("mid", key.removeprefix("mid:"))
    base = Message(key, Role.USER, text, MessageStatus.RECEIVED, at, mid=mid)
    return replace(base, **fields)


def our_message(key: str, text: str = "hello", *, at: datetime = START, **fields: Any) -> Message:
    """Return a message of ours that waits to be sent, not stored yet."""
    base = Message(key, Role.HUMAN, text, MessageStatus.PENDING, at)
    return replace(base, **fields)
