"""What happens between a customer and an agent, when nothing goes wrong."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from connector.agents.answers import Answer
from connector.errors import Refused
from tests.model import meta
from tests.model.clock import Clock
from tests.model.errands import Kind
from tests.model.judge import Expected, wrongs_at_rest
from tests.model.stores import Stores
from tests.model.system import ACCOUNT, TENANT, System

ADA = "1234567890123451"


class Echo(Enum):
    """When Meta echoes what is sent."""

    SOON = 1
    LATE = 60
    AT_ONCE = 0
    """Before the one who sends has been answered."""
    NEVER = None


_ALL_ECHOES = (Echo.SOON, Echo.NEVER)


@dataclass(frozen=True, slots=True)
class Story:
    """How a story begins, and how it must end."""

    begin: Callable[[System], None]
    answer: Callable[[int, str], Answer] = lambda number, _: Answer((f"answer {number}",))
    endings: Mapping[str, Collection[str]] = field(default_factory=dict)
    """How a customer's message ends, by its text, where it is not answered."""
    most_messages: int = 500
    fallback: str = ""
    echoes: Collection[Echo] = (Echo.SOON,)
    also: Callable[[System], list[str]] = lambda _: []
    """What else is wrong with its end."""

    def told(self, stores: Stores, clock: Clock, echo: Echo = Echo.SOON) -> System:
        """Return a system in which the story is about to happen."""
        system = System(stores, clock, self.answer, most_messages=self.most_messages, fallback=self.fallback)
        system.connect()
        self.begin(system)
        if echo is not Echo.NEVER:
            system.meta.when_sent = lambda sent: _echo(system, sent, echo.value)
        return system

    def wrongs(self, system: System) -> list[str]:
        """Return what is wrong with the story's end."""
        return [*wrongs_at_rest(system, Expected(self.endings)), *self.also(system)]


def _echo(system: System, sent: meta.Sent, after_seconds: float) -> None:
    system.tell(meta.echo(ACCOUNT, sent.user_id, system.clock(), sent.mid, sent.text), after_seconds)
    if after_seconds == 0:
        system.do_now(Kind.POST, Kind.EVENT)


def _hi(system: System) -> None:
    system.say(ADA, "hi")


def _one_and_two(system: System) -> None:
    system.say(ADA, "one")
    system.say(ADA, "two", 30)


def _session_over(system: System) -> None:
    system.agent().is_over_at_once = lambda name: name.endswith("-1")
    _hi(system)


def _bye(system: System) -> None:
    system.say(ADA, "bye")
    system.say(ADA, "one more thing", 60)


def _thinking(system: System, meanwhile: Callable[[], object]) -> None:
    def think(number: int) -> None:
        if number == 1:
            meanwhile()

    system.agent().while_thinking = think
    _hi(system)


def _writes_while_it_thinks(system: System) -> None:
    def write() -> None:
        system.say(ADA, "and on Sundays?")
        system.do_now(Kind.POST, Kind.EVENT)

    _thinking(system, write)


def _disconnects_while_it_thinks(system: System) -> None:
    _thinking(system, lambda: system.stores.connections.disconnect(TENANT))


def _person_takes_over(system: System) -> None:
    _hi(system)
    system.tell(meta.echo(ACCOUNT, ADA, system.later(100), "out-person", "I take it from here"), 100)
    system.say(ADA, "thank you", 600)


def _edit_is_faster(system: System) -> None:
    mid = system.say(ADA, "hi", 1)
    system.edit(mid, "hello")


def _not_edited(system: System) -> list[str]:
    texts = [one.text for record in system.stores.records() for one in record.chat.messages if one.mid == "in-1"]
    return [] if texts == ["hello"] else [f"the edited message says {texts}"]


def _told_three_times(system: System) -> None:
    mid = system.say(ADA, "hi")
    for seconds in (1, 400):
        system.tell(meta.words(ACCOUNT, ADA, system.clock(), mid, "hi"), seconds)


def _no_transcripts(system: System) -> None:
    system.agent().keeps_transcripts = False
    _hi(system)


def _slow_thread(system: System) -> None:
    system.meta.lag_seconds = 30
    _hi(system)


def _no_thread(system: System) -> None:
    system.meta.lets_read = False
    _hi(system)


def _refuse(*_: object) -> Answer:
    raise Refused("agent_unpaid", "no")


def _not_excused(system: System) -> list[str]:
    said = [one.text for one in system.meta.sent]
    return [] if said == ["We will write to you."] else [f"the customer was told {said}"]


STORIES = {
    "two parts": Story(
        _hi, lambda number, _: Answer((f"{number} a", f"{number} b")), echoes=(*_ALL_ECHOES, Echo.AT_ONCE)
    ),
    "a session that has ended": Story(_session_over, echoes=_ALL_ECHOES),
    "nothing to say": Story(_hi, lambda *_: Answer(()), endings={"hi": ["empty_answer"]}),
    "an agent that ends the chat": Story(
        _bye, lambda number, said: Answer((f"answer {number}",), ends_session=said == "bye"), echoes=_ALL_ECHOES
    ),
    "a message while the agent thinks": Story(_writes_while_it_thinks, echoes=_ALL_ECHOES),
    "a roll-over when a message comes": Story(_one_and_two, most_messages=2, echoes=_ALL_ECHOES),
    "a roll-over when a turn is taken": Story(_one_and_two, most_messages=3, echoes=_ALL_ECHOES),
    "the same answer twice, over a roll-over": Story(
        _one_and_two, lambda *_: Answer(("We open at nine.",)), most_messages=3, echoes=[Echo.NEVER]
    ),
    "a person takes over": Story(_person_takes_over, endings={"hi": ["answered", "paused"], "thank you": ["paused"]}),
    "a disconnect while the agent thinks": Story(_disconnects_while_it_thinks, endings={"hi": ["disconnected"]}),
    "an edit that is faster than its message": Story(_edit_is_faster, also=_not_edited),
    "a message that is told three times": Story(_told_three_times),
    "an agent that keeps no transcripts": Story(_no_transcripts, endings={"hi": ["answered", "answer_lost"]}),
    "a thread that may not be read": Story(
        _no_thread, endings={"hi": ["answered", "send_unknown"]}, echoes=_ALL_ECHOES
    ),
    "a thread that is slow to show": Story(
        _slow_thread, lambda number, _: Answer((f"{number} a", f"{number} b")), echoes=[Echo.LATE]
    ),
    "an agent that refuses": Story(
        _hi, _refuse, endings={"hi": ["agent_unpaid"]}, fallback="We will write to you.", also=_not_excused
    ),
}
