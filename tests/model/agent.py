"""An agent that keeps sessions, as the agent's side would: what was asked in them stands there, heard or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from connector.agents.answers import Answer, Transcript
from connector.errors import SessionEnded
from tests.model.clock import Clock

_THINKS_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what was said to it."""

    content: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Session:
    """One session of an agent's."""

    exchanges: tuple[Exchange, ...] = ()
    is_over: bool = False


class SimulatedAgent:
    """An agent that answers each question it hears as its script says."""

    def __init__(self, name: str, clock: Clock, script: Callable[[int, str], Answer]) -> None:
        self.name = name
        self.clock = clock
        self.script = script
        """What is said to the nth question that was heard; may raise, and then it was not heard."""
        self.sessions: dict[str, Session] = {}
        self.is_over_at_once: Callable[[str], bool] = lambda _: False
        """Which sessions are over as soon as they are open, as if an hour had passed."""
        self.while_thinking: Callable[[int], None] = lambda _: None
        self.keeps_transcripts = True
        self._lock = Lock()

    @property
    def heard(self) -> list[Exchange]:
        """Return all that was heard, in all sessions."""
        return [exchange for session in self.sessions.values() for exchange in session.exchanges]

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a session."""
        with self._lock:
            name = f"{self.name}-session-{len(self.sessions) + 1}"
            self.sessions[name] = Session(is_over=self.is_over_at_once(name))
        return name

    def discard(self, chat_id: str) -> None:
        """Delete a session in which nothing was said."""
        with self._lock:
            assert not self.sessions.pop(chat_id).exchanges

    def ask(self, chat_id: str, content: str) -> Answer:
        """Hear a question and answer it."""
        self.clock.advance(_THINKS_SECONDS)
        with self._lock:
            session = self._ongoing(chat_id)
            number = len(self.heard) + 1
            answer = self.script(number, content)
            exchanges = (*session.exchanges, Exchange(content, answer))
            self.sessions[chat_id] = replace(session, exchanges=exchanges, is_over=answer.ends_session)
        self.while_thinking(number)
        return answer

    def transcript(self, chat_id: str) -> Transcript:
        """Return what a session holds."""
        if chat_id not in self.sessions:
            raise SessionEnded("no such session")
        session = self.sessions[chat_id]
        if not self.keeps_transcripts:
            return Transcript(None, None, session.is_over)
        last = session.exchanges[-1].answer if session.exchanges else None
        return Transcript(len(session.exchanges), last, session.is_over)

    def _ongoing(self, chat_id: str) -> Session:
        session = self.sessions.get(chat_id)
        if session is None or session.is_over:
            raise SessionEnded("over")
        return session
