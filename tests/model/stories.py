"""What happens between a customer and an agent, when nothing goes wrong."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from connector.agents.answers import Answer
from tests.model import meta
from tests.model.clock import Clock
from tests.model.errands import Kind
from tests.model.stores import Stores
from tests.model.system import ACCOUNT, System

CUSTOMER = "ada"


@dataclass(frozen=True, slots=True)
class Story:
    """How a story begins, and how it may end."""

    begin: Callable[[System], None]
    answer: Callable[[int, str], Answer] = lambda number, _: Answer((f"answer {number}",))
    endings: Collection[str] = ("answered",)
    most_messages: int = 500
    fallback: str = ""

    def told(self, stores: Stores, clock: Clock) -> System:
        """Return a system in which the story is about to happen."""
        system = System(stores, clock, self.answer, most_messages=self.most_messages, fallback=self.fallback)
        system.connect()
        self.begin(system)
        return system


def _two_parts(system: System) -> None:
    system.say(CUSTOMER, "hi")


def _session_over(system: System) -> None:
    system.agent().is_over_at_once = lambda name: name.endswith("-1")
    system.say(CUSTOMER, "hi")


def _agent_ends(system: System) -> None:
    system.say(CUSTOMER, "bye")
    system.say(CUSTOMER, "one more thing", 60)


def _while_thinking(system: System) -> None:
    def write(number: int) -> None:
        if number == 1:
            system.say(CUSTOMER, "and on Sundays?")
            system.do_now(Kind.POST, Kind.EVENT)

    system.agent().while_thinking = write
    system.say(CUSTOMER, "hi")


def _three_turns(system: System) -> None:
    for seconds, text in ((0, "one"), (30, "two"), (60, "three")):
        system.say(CUSTOMER, text, seconds)


STORIES = {
    "two parts": Story(_two_parts, lambda number, _: Answer((f"{number} a", f"{number} b"))),
    "a session that has ended": Story(_session_over),
    "nothing to say": Story(_two_parts, lambda *_: Answer(()), endings=("empty_answer",)),
    "an agent that ends the chat": Story(
        _agent_ends, lambda number, content: Answer((f"answer {number}",), ends_session=content == "bye")
    ),
    "a message while the agent thinks": Story(_while_thinking),
    "a roll-over": Story(_three_turns, most_messages=3),
}


def echoing(system: System, *, after_seconds: float | None) -> None:
    """Have Meta echo what is sent, so many seconds later: 0 is before the sender knows, None is never."""

    def tell(sent: meta.Sent) -> None:
        if after_seconds is not None:
            item = meta.echo(ACCOUNT, sent.user_id, system.clock(), sent.mid, sent.text)
            system.tell(item, after_seconds)
            if after_seconds == 0:
                system.do_now(Kind.POST, Kind.EVENT)

    system.meta.when_sent = tell
