"""Who has tried to ask or send what, and on which proof: nothing may be tried again that may have been done."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import Any

from connector.agents.answers import Answer, Transcript
from connector.chat import Message
from connector.echoes import Echo
from connector.errors import ConnectorError, OutcomeUnknown
from tests.model.agent import Session, SimulatedAgent
from tests.model.faults import Died
from tests.model.meta import SimulatedMeta


@dataclass(frozen=True, slots=True)
class Tried:
    """Something that was tried, and may have been done."""

    what: str
    where: str
    words: str
    before: int
    """How often the same had been done before."""


class Ledger:
    """Keeps what may have been done, and counts the proofs that it was not."""

    def __init__(self) -> None:
        self.open: frozenset[Tried] = frozenset()
        self.proofs: Counter[tuple[str, str]] = Counter()
        """How often it was proven that something had not been done, by what and by its words."""
        self.wrongs: tuple[str, ...] = ()
        self._lock = RLock()

    @contextmanager
    def trying(self, what: str, where: str, words: str, done: Callable[[], Sequence[str]]) -> Iterator[None]:
        """Note that something is tried. Who does not come to know what became of it may try again only on a proof."""
        tried = Tried(what, where, words, done().count(words))
        with self._lock:
            if tried in self.open:
                self.wrongs += (f"{what} “{words}” was tried again without a proof that it had not been done",)
            self.open |= {tried}
        try:
            yield
        except (Died, OutcomeUnknown):
            self._close_if_done(tried, done)
            raise
        except ConnectorError:
            self._close(tried)
            raise
        self._close_if_done(tried, done)

    def _close_if_done(self, tried: Tried, done: Callable[[], Sequence[str]]) -> None:
        """Forget what was done for all to see. If it is done again, it is doubled, and that is seen too."""
        if done().count(tried.words) > tried.before:
            self._close(tried)

    def _close(self, *tried: Tried) -> None:
        with self._lock:
            self.open -= set(tried)

    def read(self, what: str, where: str, done: Sequence[str]) -> None:
        """Note what was found in a successful reading: what is not there was not done."""
        with self._lock:
            absent = [
                one
                for one in self.open
                if (one.what, one.where) == (what, where) and done.count(one.words) <= one.before
            ]
            self._close(*absent)
            self.proofs.update((one.what, one.words) for one in absent)


class WatchedAgent:
    """An agent as the worker sees it, with a ledger of what it was asked."""

    def __init__(self, seen: Any, agent: SimulatedAgent, ledger: Ledger) -> None:
        self._seen, self._agent, self._ledger = seen, agent, ledger
        self.open = seen.open
        self.discard = seen.discard

    def ask(self, chat_id: str, content: str) -> Answer:
        """Ask, once."""
        with self._ledger.trying("asking", chat_id, content, lambda: self._heard(chat_id)):
            answer: Answer = self._seen.ask(chat_id, content)
        return answer

    def transcript(self, chat_id: str) -> Transcript:
        """Read a session."""
        transcript: Transcript = self._seen.transcript(chat_id)
        self._ledger.read("asking", chat_id, self._heard(chat_id))
        return transcript

    def _heard(self, chat_id: str) -> list[str]:
        session = self._agent.sessions.get(chat_id, Session())
        return [exchange.content for exchange in session.exchanges]


class WatchedMessenger:
    """A messenger as the worker sees it, with a ledger of what was sent."""

    def __init__(self, seen: Any, meta: SimulatedMeta, ledger: Ledger) -> None:
        self._seen, self._meta, self._ledger = seen, meta, ledger
        self.person = seen.person

    def send(self, user_id: str, message: Message) -> str:
        """Send, once."""
        with self._ledger.trying("sending", user_id, message.text or "", lambda: self._sent(user_id)):
            mid: str = self._seen.send(user_id, message)
        return mid

    def sent_since(self, account_id: str, user_id: str, since: datetime) -> Sequence[Echo]:
        """Read the thread."""
        sent: Sequence[Echo] = self._seen.sent_since(account_id, user_id, since)
        self._ledger.read("sending", user_id, self._sent(user_id))
        return sent

    def _sent(self, user_id: str) -> list[str]:
        return [one.text for one in self._meta.visible(user_id)]
