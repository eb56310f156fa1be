"""What must hold when all is quiet, whatever has happened (the invariants), and what of it must hold at any time."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from connector.chat import FINAL_STATES, Message, MessageStatus, Role
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record
from tests.model.system import System

_WITH_CUSTOMER = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
_SETTLED = (*_WITH_CUSTOMER, MessageStatus.FAILED, MessageStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Expected:
    """What may have come of what happened."""

    endings: Mapping[str, Collection[str]] = field(default_factory=dict)
    """How a customer's message may end, by its text; where it is not here, it is answered."""
    any_ending: Collection[str] = ()
    """How all of them may end besides."""
    frozen: int = 0
    """How often a worker was frozen while another took its turn over: each may say one thing more when it wakes."""
    takes_over: Collection[str] = ()
    """In whose conversations a person wrote: what the agent did not get to answer, it is told again afterwards."""

    def allows(self, text: str, ending: str) -> bool:
        """Return whether a message may end so."""
        return ending in self.any_ending or ending in self.endings.get(text, [MessageStatus.ANSWERED.value])


_NORMALLY = Expected()


def wrongs_at_rest(system: System, expected: Expected = _NORMALLY) -> list[str]:
    """Return what is wrong when nothing is left to be done."""
    records = system.stores.records()
    return [
        *wrongs_at_any_time(system, expected),
        *_left_hanging(system, records),
        *([] if expected.frozen else _taken_for_a_persons(system, records)),
        *_badly_ended(system, records, expected),
        *_not_as_answered(system, records),
    ]


def wrongs_at_any_time(system: System, expected: Expected = _NORMALLY) -> list[str]:
    """Return what is wrong already: what was stored, asked or sent more than once, or in another order."""
    records = system.stores.records()
    of_sleepers = expected.frozen > 0
    return [
        *system.crashes,
        *([] if of_sleepers else system.ledger.wrongs),
        *_stored_twice(records),
        *_asked_twice(system, expected),
        *_sent_twice(system, records, expected.frozen),
        *([] if of_sleepers else _sent_in_disorder(system, records)),
    ]


def _messages(records: Collection[Record]) -> Iterator[Message]:
    return (message for record in records for message in record.chat.messages)


def _stored_twice(records: Collection[Record]) -> Iterator[str]:
    """I1: at most once; that it is there at all is looked at when all is quiet."""
    named = [(record.tenant, message) for record in records for message in record.chat.messages]
    keys = Counter((tenant, message.key) for tenant, message in named)
    mids = Counter((tenant, message.mid) for tenant, message in named if message.mid)
    for what, counted in (("the key", keys), ("the mid", mids)):
        for (_, name), number in counted.items():
            if number > 1:
                yield f"{what} {name} is stored {number} times"
    ongoing = Counter((record.tenant, record.chat.user_id) for record in records if record.is_ongoing)
    yield from (f"{whose} has {number} ongoing chats" for whose, number in ongoing.items() if number > 1)


def _asked_twice(system: System, expected: Expected) -> Iterator[str]:
    """I3: what a customer wrote was heard once, or again with the proof that it had not been."""
    for agent in system.agents.values():
        heard = Counter(line for exchange in agent.heard for line in exchange.content.split("\n"))
        for user_id, texts in system.told.values():
            for text in texts:
                allowed = 1 + _proofs(system, "asking", text) + expected.frozen
                if heard[text] > allowed and user_id not in expected.takes_over:
                    yield f"{agent.name} heard “{text}” of {user_id} {heard[text]} times"


def _sent_twice(system: System, records: Collection[Record], frozen: int) -> Iterator[str]:
    """I4: what was sent is what stands in the chats, as often as it stands there, or again with a proof."""
    sent = Counter((one.user_id, one.text) for one in system.meta.sent)
    wanted = Counter((record.chat.user_id, message.text) for record in records for message in _ours(record))
    for (user_id, text), times in sent.items():
        if times > wanted[user_id, text] + _proofs(system, "sending", text) + frozen:
            yield f"“{text}” was sent to {user_id} {times} times, and stands there {wanted[user_id, text]} times"


def _proofs(system: System, what: str, words: str) -> int:
    proofs = system.ledger.proofs.items()
    return sum(times for (of, said), times in proofs if of == what and words in said.split("\n"))


def _sent_in_disorder(system: System, records: Collection[Record]) -> Iterator[str]:
    """I5: what an earlier turn says, and an earlier part, is sent first."""
    wanted: dict[tuple[Tenant, str], list[str | None]] = {}
    for record in records:
        wanted.setdefault((record.tenant, record.chat.user_id), []).extend(one.text for one in _ours(record))
    for (_, user_id), texts in wanted.items():
        sent = dict.fromkeys(one.text for one in system.meta.sent if one.user_id == user_id and one.text in texts)
        left = iter(texts)
        if not all(text in left for text in sent):
            yield f"sent in another order: {list(sent)} instead of {texts}"


def _ours(record: Record) -> list[Message]:
    return [message for message in record.chat.messages if message.role is Role.AGENT]


def _left_hanging(system: System, records: Collection[Record]) -> Iterator[str]:
    """I8: nothing waits, nothing is half done, nothing has got lost in a dead-letter queue."""
    if system.next() is not None:
        yield f"it never becomes quiet: {system.next()}"
    yield from (f"in a dead-letter queue: {errand}" for errand in system.errands.dead)
    for record in records:
        turn = record.chat.turn
        if turn and turn.state not in FINAL_STATES:
            yield f"a turn stands at {turn.state}"
        if record.wake_at is not None:
            yield "a chat is to be woken"
        for message in _ours(record):
            if message.status not in _SETTLED:
                yield f"“{message.text}” stands at {message.status}"


def _taken_for_a_persons(system: System, records: Collection[Record]) -> Iterator[str]:
    """Our own echo silences nobody. (That of another agent, which had the account before, is somebody else's.)"""
    sent = {one.mid: one for one in system.meta.sent}
    said = {(record.tenant, record.chat.user_id, one.text) for record in records for one in _ours(record)}
    for record in records:
        for message in record.chat.messages:
            known = sent.get(message.mid or "")
            is_ours = known and (record.tenant, known.user_id, known.text) in said
            if message.role is Role.HUMAN and is_ours:
                yield f"{message.mid}, “{message.text}”, was taken for a person's"


def _badly_ended(system: System, records: Collection[Record], expected: Expected) -> Iterator[str]:
    """I1, I2, I8: each message is stored, and its turn has ended in a way that has a name."""
    stored = {message.mid: message for message in _messages(records) if message.role is Role.USER}
    for mid, (_, texts) in system.told.items():
        message, text = stored.get(mid), texts[0]
        if message is None:
            if mid not in system.unheard:
                yield f"“{text}” was lost"
            continue
        is_over = message.status in (MessageStatus.ANSWERED, MessageStatus.UNANSWERED)
        is_answered = message.status is MessageStatus.ANSWERED
        ending = message.status.value if is_answered else str((message.error or {}).get("code"))
        if not is_over:
            yield f"“{text}” stands at {message.status}"
        elif not expected.allows(text, ending):
            yield f"“{text}” ended as {ending}"
        if message.turn_id is None:
            yield f"“{text}” belongs to no turn"


def _not_as_answered(system: System, records: Collection[Record]) -> Iterator[str]:
    """A message that is answered was heard, and what the agent said to it, all of it, is with the customer."""
    said: dict[str, list[tuple[str, ...]]] = {}
    for agent in system.agents.values():
        for exchange in agent.heard:
            for text in exchange.content.split("\n"):
                said.setdefault(text, []).append(exchange.answer.texts)
    sent = Counter((one.user_id, one.text) for one in system.meta.sent)
    for record in records:
        for message in record.chat.messages:
            is_there = message.deleted_at is None  # else its turn may have answered the others without it
            if is_there and message.role is Role.USER and message.status is MessageStatus.ANSWERED:
                parts = tuple(one.text for one in _ours(record) if one.turn_id == message.turn_id)
                _, asked = system.told.get(message.mid or "", ("", ()))  # it may have been edited since
                if not parts or all(parts not in said.get(text, []) for text in asked):
                    yield f"“{message.text}” was answered by {parts}"
        for part in _ours(record):
            if part.status in _WITH_CUSTOMER and not sent[record.chat.user_id, part.text or ""]:
                yield f"“{part.text}” is said to be {part.status}, and was never sent"
