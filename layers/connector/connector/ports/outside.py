"""What the business needs of the world outside: the adapters fit these, and the business imports only them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.agents.answers import Answer, Transcript
from connector.chat import Message, Person
from connector.echoes import Echo
from connector.envelopes import Task


class Agent(Protocol):
    """A chat agent that keeps a session. See `agents/retell.py`."""

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a session and return its name."""
        ...

    def discard(self, chat_id: str) -> None:
        """Delete a session in which nothing was said, if that can be done now."""
        ...

    def ask(self, chat_id: str, content: str) -> Answer:
        """Say something in a session, once, and return what the agent answers; perhaps nothing."""
        ...

    def transcript(self, chat_id: str) -> Transcript:
        """Return what a session holds now."""
        ...


class Messenger(Protocol):
    """Something that carries messages to an account's customers. See `instagram/messenger.py`."""

    def send(self, user_id: str, message: Message) -> str:
        """Send one message, once, and return its mid."""
        ...

    def react(self, user_id: str, mid: str, reaction: str | None) -> None:
        """Put a reaction on a message, or take it back."""
        ...

    def act(self, user_id: str, action: str) -> None:
        """Show the customer something about the sender."""
        ...

    def sent_since(self, account_id: str, user_id: str, since: datetime) -> Sequence[Echo]:
        """Return the newest messages of the account that have reached the customer's thread."""
        ...

    def person(self, user_id: str) -> Person:
        """Return what the customer lets be seen of them."""
        ...


class TurnQueue(Protocol):
    """Where turns are scheduled, and messages to be fetched. See `queues.py`."""

    def send(self, message: Task, *, delay_seconds: int = 0) -> None:
        """Have the conversation looked at, or the message fetched, after `delay_seconds` (0 to 900)."""
        ...

    def send_all(self, messages: Iterable[Task], *, delay_seconds: int = 0) -> int:
        """Have many conversations looked at; returns how many are not, because their messages cannot be written."""
        ...
