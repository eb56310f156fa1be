"""A worker may die, or a store may fail, between any two steps: every one of them is tried.

Each call through a port is a step. A run goes wrong at one step, in one way, and what was not acknowledged is delivered
again until all is quiet. Then nothing may have been asked or sent twice, and nothing may wait for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from connector.chat import FINAL_STATES, MessageStatus, Role, TurnState
from connector.errors import ConnectorError, OutcomeUnknown, SessionEnded, TryLater, Unavailable
from tests.integration.world import NO_LEASE, Died, ListedQueue, ScriptedAgent, ScriptedMessenger, World
from tests.unit.payloads import message

PORTS = ("connections", "chats", "turns", "outbox", "kept", "queue", "agent", "messenger")
WAYS = ("dies before", "dies after", "fails before", "fails after")
SCRIPTS: dict[str, Callable[[], list[Any]]] = {
    "two parts": lambda: [["one", "two"]],
    "a session that has ended": lambda: [SessionEnded("over"), ["one"]],
    "nothing to say": lambda: [[]],
}


@dataclass
class Trouble:
    """Lets steps pass, but for the one at which it strikes."""

    at: int | None = None
    way: str = ""
    step: int = 0
    name: str = "nowhere"

    def passes(self, name: str, call: Callable[[], Any]) -> Any:
        """Make the call of a port, or strike before or after it."""
        strikes = self.step == self.at
        self.step += 1
        if not strikes:
            return call()
        self.name = name
        if self.way.endswith("after"):
            call()
        raise Died if self.way.startswith("dies") else self._failure(name)

    def _failure(self, name: str) -> Exception:
        is_call = name in ("agent.ask", "messenger.send_text")
        if is_call and self.way.endswith("after"):
            return OutcomeUnknown("lost")
        return TryLater("not now") if is_call or name == "agent.open" else Unavailable("down")


class Port:
    """A port of which each call is a step."""

    def __init__(self, name: str, inner: Any, trouble: Trouble) -> None:
        self._name, self._inner, self._trouble = name, inner, trouble

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return lambda *args, **kwargs: self._trouble.passes(f"{self._name}.{name}", lambda: method(*args, **kwargs))


def _run(world: World, user_id: str, script: list[Any], trouble: Trouble) -> list[str]:
    """Have a customer write and be answered, with this trouble, and return what is wrong in the end."""
    queue, agent, messenger = ListedQueue(), ScriptedAgent(*script), ScriptedMessenger()
    plain = replace(world, user_id=user_id, queue=queue, agent=agent, messenger=messenger)
    troubled = replace(plain, **{name: Port(name, getattr(plain, name), trouble) for name in PORTS})
    item = message(f"mid-{user_id}", "hi", user_id=user_id)
    for _ in range(3):
        try:
            troubled.take(item)
        except (Died, ConnectorError):
            continue
        break
    for _ in range(10):
        if not queue.messages:
            break
        turn_message, _ = queue.messages.pop(0)
        try:
            troubled.worker(lease=NO_LEASE).answer(turn_message.user_id, turn_message.message_key)
        except (Died, ConnectorError):
            queue.messages.append((turn_message, 0))
    return _wrongs(plain, agent, messenger, queue)


def _wrongs(world: World, agent: ScriptedAgent, messenger: ScriptedMessenger, queue: ListedQueue) -> list[str]:
    chat = world.chats.ongoing(world.user_id)
    if chat is None:
        return ["the message was lost"]
    said = [one for one in chat.messages if one.role is Role.USER]
    parts = [one for one in chat.messages if one.role is Role.AGENT]
    state = chat.turn.state if chat.turn else None
    checks = {
        "turn messages go on for ever": not queue.messages,
        f"the customer's message is stored {len(said)} times": len(said) == 1,
        f"the turn stands at {state}": state in FINAL_STATES,
        f"the customer's message waits: {said[0].status}": said[0].status
        in (MessageStatus.ANSWERED, MessageStatus.UNANSWERED),
        "the customer's message does not say why it was not answered": said[0].status is MessageStatus.ANSWERED
        or bool(said[0].error and said[0].error["code"]),
        f"it was asked twice: {agent.heard}": len(agent.heard) <= 1,
        f"something was sent twice: {messenger.tries}": len(messenger.sent) == len(set(messenger.sent)),
        f"the parts were sent in another order: {messenger.sent}": messenger.sent == sorted(messenger.sent),
        "a part still seems to be on its way": not {part.status for part in parts}
        & {MessageStatus.PENDING, MessageStatus.SENDING},
        "a turn is done and not everything was sent": state is not TurnState.DONE
        or len(messenger.sent) == len(parts) > 0,
    }
    return [wrong for wrong, is_right in checks.items() if not is_right]


@pytest.mark.parametrize("script", SCRIPTS)
def test_c1_c2_c3_c7_c11_c12_f2_whatever_step_goes_wrong_nothing_is_lost_asked_twice_or_sent_twice(world, script):
    calm = Trouble()
    assert _run(world, "0", SCRIPTS[script](), calm) == []
    assert calm.step >= 10, "the steps are not counted"
    wrongs = {}
    for at in range(calm.step):
        for number, way in enumerate(WAYS):
            trouble = Trouble(at, way)
            wrong = _run(world, f"{1000 + at * 10 + number}", SCRIPTS[script](), trouble)
            if wrong:
                wrongs[f"step {at}, {trouble.name} {way}"] = wrong
    assert wrongs == {}


def test_f3_a_store_that_fails_before_anything_was_asked_costs_the_customer_no_answer(world):
    """Until the agent is asked, every step can be made again: the turn must end well."""
    calm = Trouble()
    _run(world, "0", [["one"]], calm)
    unanswered = []
    for at in range(calm.step):
        trouble = Trouble(at, "fails before")
        user_id = f"{2000 + at}"
        _run(world, user_id, [["one"]], trouble)
        if trouble.name in ("turns.store_answer", "outbox.record_sent"):
            continue  # by then the agent was asked, or Meta has the message: what was lost cannot be made again
        chat = world.chats.ongoing(user_id)
        if chat is None or chat.turn is None or chat.turn.state is not TurnState.DONE:
            unanswered.append(f"step {at}, {trouble.name}")
    assert unanswered == []
