"""The conversation with real stores, an agent and a messenger that follow a script, and a queue that keeps a list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from connector.accounts import Account, Connection
from connector.chat import Chat, Message, MessageStatus, Role, TurnState
from connector.conversation.delivery import Delivery
from connector.conversation.ingest import Ingest
from connector.conversation.turn import TurnTaker
from connector.envelopes import InboxMessage, Route, TurnMessage
from connector.errors import SessionEnded
from connector.instagram.notifications import Notification
from connector.storage.chats import Chats
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.outbox import Outbox
from connector.storage.turns import Turns
from connector.tenancy import Tenant
from tests.unit.payloads import ACCOUNT, PAGE, USER

LEASE = timedelta(seconds=60)
NO_LEASE = timedelta(0)
QUIET = timedelta(seconds=5)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Died(BaseException):
    """Raised where a worker is killed: nothing in the code may catch it."""


TENANT = Tenant("sub_1", "agent_1")


class ScriptedAgent:
    """An agent that answers from a list: texts, or something to raise. Without a list it says one thing."""

    def __init__(self, *script: Sequence[str] | BaseException) -> None:
        self.script: list[Sequence[str] | BaseException] = list(script)
        self.opened: list[str] = []
        self.open_errors: list[Exception] = []
        self.asked: list[tuple[str, str]] = []
        self.heard: list[tuple[str, str]] = []
        """What was asked in a session that had not ended."""
        self.ended: set[str] = set()
        self.before: Callable[[], None] = lambda: None

    @property
    def questions(self) -> list[str]:
        """Return what was asked, without where."""
        return [content for _, content in self.asked]

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a session, if no error is in the script."""
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.opened.append(f"chat_{len(self.opened) + 1}")
        return self.opened[-1]

    def ask(self, chat_id: str, content: str) -> tuple[str, ...]:
        """Answer as the script says."""
        self.asked.append((chat_id, content))
        self.before()
        if chat_id in self.ended:
            raise SessionEnded("It ended earlier.")
        said = self.script.pop(0) if self.script else ["We open at nine."]
        if isinstance(said, SessionEnded):
            self.ended.add(chat_id)
            raise said
        self.heard.append((chat_id, content))
        if isinstance(said, BaseException):
            raise said
        return tuple(said)


class ScriptedMessenger:
    """A messenger that sends, but for the sends that the script has something to raise for."""

    def __init__(self, *script: BaseException | None) -> None:
        self.script: list[BaseException | None] = list(script)
        self.sent: list[str] = []
        """What Meta has, whatever the caller was told."""
        self.tries: list[tuple[str, str, str]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[str, str], None] = lambda mid, text: None

    def send_text(self, page_id: str, user_id: str, text: str) -> str:
        """Send as the script says."""
        self.tries.append((page_id, user_id, text))
        self.before()
        if self.script and (error := self.script.pop(0)):
            raise error
        self.sent.append(text)
        mid = f"out-{len(self.sent)}-{uuid4().hex}"
        self.after(mid, text)
        return mid


class ListedQueue:
    """A queue whose messages are taken off by the test."""

    def __init__(self) -> None:
        self.messages: list[tuple[TurnMessage, int]] = []

    def send(self, message: TurnMessage, *, delay_seconds: int = 0) -> None:
        """Keep the message."""
        assert 0 <= delay_seconds <= 900
        self.messages.append((message, delay_seconds))


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
    turns: Turns
    outbox: Outbox
    kept: KeptEvents
    queue: ListedQueue
    agent: ScriptedAgent
    messenger: ScriptedMessenger
    clock: Clock
    user_id: str = USER
    quiet: timedelta = QUIET
    pause: timedelta = timedelta(minutes=60)

    @classmethod
    def of(cls, database: Database[dict[str, Any]], tenant: Tenant | None = None, **fakes: Any) -> "World":
        """Return the world of a tenant that is connected."""
        tenant = tenant or TENANT
        chats = database["chats"]
        made = cls(
            tenant,
            Connections(database[COLLECTION]),
            Chats(chats, tenant),
            Turns(chats, tenant),
            Outbox(chats, tenant),
            KeptEvents(database[KEPT_EVENTS], tenant),
            fakes.get("queue", ListedQueue()),
            fakes.get("agent", ScriptedAgent()),
            fakes.get("messenger", ScriptedMessenger()),
            Clock(),
        )
        made.connections.ensure_indexes()
        made.chats.ensure_indexes()
        made.kept.ensure_indexes()
        made.connect()
        return made

    def connect(self, account_id: str = ACCOUNT, page_id: str = PAGE) -> Connection:
        """Connect the tenant (again)."""
        account = Account(account_id, page_id, "acme", "Acme")
        return self.connections.connect(self.tenant, account, retell_agent_id="agent_1", token_version=1)

    # ── what Meta tells

    def ingest(self) -> Ingest:
        """Return the ingest worker."""
        return Ingest(
            self.connections,
            lambda _: self.chats,
            lambda _: self.outbox,
            lambda _: self.kept,
            self.queue,
            self.quiet,
            self.pause,
        )

    def take(self, item: Mapping[str, Any], *, account_id: str = ACCOUNT, route: bool = True) -> str:
        """Have one item taken in, as it comes off the inbox queue."""
        notification = Notification(account_id, "messaging", dict(item))
        by = Route(self.tenant.subaccount_id, self.tenant.agent_id) if route else None
        return self.ingest().take(InboxMessage(notification, by, int(now().timestamp() * 1000)))

    def say(self, text: str, *, mid: str | None = None, at: datetime | None = None) -> str:
        """Have the customer write, and return the mid."""
        mid = mid or f"in-{uuid4().hex}"
        moment = at or now()
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
            "timestamp": int(now().timestamp() * 1000),
            "message": {"mid": mid, **fields},
        }

    def echo(self, mid: str, text: str | None) -> str:
        """Have Meta echo something that the business wrote."""
        return self.take(
            {
                "sender": {"id": ACCOUNT},
                "recipient": {"id": self.user_id},
                "timestamp": int(now().timestamp() * 1000),
                "message": {"mid": mid, "text": text, "is_echo": True},
            }
        )

    # ── what the reply worker does

    def worker(self, *, lease: timedelta = LEASE, part_bytes: int = 1000) -> TurnTaker:
        """Return a reply worker."""
        return TurnTaker(
            self.tenant,
            self.connections,
            self.chats,
            self.turns,
            self.queue,
            lambda _: self.agent,
            lambda connection: Delivery(connection, self.connections, self.outbox, self.messenger),
            self.clock,
            lease,
            part_bytes,
        )

    def answer_next(self, **worker: Any) -> TurnState | None:
        """Take the next turn message off the queue, when it is due, and work on it."""
        message, delay = self.queue.messages.pop(0)
        self.clock.ahead += timedelta(seconds=delay)
        try:
            return self.worker(**worker).answer(message.user_id, message.message_key)
        except BaseException:
            # It was not acknowledged, so it comes again.
            self.queue.messages.insert(0, (message, 0))
            raise

    def answer_all(self, **worker: Any) -> list[TurnState | None]:
        """Work on turn messages until there are none, and return how the turns ended."""
        states = []
        while self.queue.messages:
            states.append(self.answer_next(**worker))
            assert len(states) < 50, "turn messages go on for ever"
        return states

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
