"""What an agent says, and what its session holds: the words between the business and any agent."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent said to one question."""

    texts: tuple[str, ...]
    """In the order in which it said them; perhaps nothing."""
    ends_session: bool = False
    """The agent has closed the conversation with this."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session as the agent's side remembers it."""

    questions: int | None
    """How often the customer has spoken in it; None when the agent's side does not tell."""
    answer: Answer | None
    """What the agent said to the last question; None while it has not finished."""
    is_over: bool
    so_far: Answer | None = None
    """The agent's words until now, where the answer is not complete and no tool is running. More may follow."""
    newest_at: datetime | None = None
    """When the last entry of `so_far` was written, where the agent's side tells."""
