"""Who has tried to ask or send what, and on which proof: nothing may be tried again that may have been done."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from connector.agents.answers import Answer, Transcript
from connector.errors import Refused, SessionEnded, TryLater
from tests.model.agent import SimulatedAgent
from tests.model.meta import Sent


class Ledger:
    """Keeps what may have been done, and counts the proofs that it was not."""

    def __init__(self) -> None:
        self.open: frozenset[tuple[str, str, str]] = frozenset()
        """What was tried, and may have been done: what, where, and the words."""
        self.proofs: Counter[tuple[str, str, str]] = Counter()
        """How often it was proven that something had not been done."""
        self.wrongs: tuple[str, ...] = ()

    @contextmanager
    def trying(self, what: str, where: str, words: str) -> Iterator[None]:
        """Note that something is tried. It may have been done, unless the one who tried lives and knows better."""
        tried = (what, where, words)
        if tried in self.open:
            self.wrongs += (f"{what} “{words}” was tried again without a proof that it had not been done",)
        self.open |= {tried}
        try:
            yield
        except (TryLater, Refused, SessionEnded):
            self.open -= {tried}
            raise
        self.open -= {tried}

    def read(self, what: str, where: str, found: Collection[str]) -> None:
        """Note what was found in a successful reading: what is not there was not done."""
        absent = {tried for tried in self.open if tried[:2] == (what, where) and tried[2] not in found}
        self.open -= absent
        self.proofs.update(absent)


class WatchedAgent:
    """An agent as the worker sees it, with a ledger of what it was asked."""

    def __init__(self, seen: Any, agent: SimulatedAgent, ledger: Ledger) -> None:
        self._seen, self._agent, self._ledger = seen, agent, ledger
        self.open = seen.open

    def ask(self, chat_id: str, content: str) -> Answer:
        """Ask, once."""
        with self._ledger.trying("asking", chat_id, content):
            answer: Answer = self._seen.ask(chat_id, content)
        return answer

    def transcript(self, chat_id: str) -> Transcript:
        """Read a session."""
        transcript: Transcript = self._seen.transcript(chat_id)
        session = self._agent.sessions[chat_id]
        self._ledger.read("asking", chat_id, [exchange.content for exchange in session.exchanges])
        return transcript


class WatchedMessenger:
    """A messenger as the worker sees it, with a ledger of what was sent."""

    def __init__(self, seen: Any, ledger: Ledger) -> None:
        self._seen, self._ledger = seen, ledger
        self.person = seen.person

    def send_text(self, page_id: str, user_id: str, text: str) -> str:
        """Send, once."""
        with self._ledger.trying("sending", user_id, text):
            mid: str = self._seen.send_text(page_id, user_id, text)
        return mid

    def sent_texts(self, page_id: str, account_id: str, user_id: str) -> Sequence[Sent]:
        """Read the thread."""
        sent: Sequence[Sent] = self._seen.sent_texts(page_id, account_id, user_id)
        self._ledger.read("sending", user_id, [one.text for one in sent])
        return sent
