"""What must hold when all is quiet, whatever has happened (the invariants), and what of it must hold at any time."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from connector.chat import FINAL_STATES, Message, MessageStatus, Role
from tests.model.memory.shelf import Record
from tests.model.system import System

_WITH_CUSTOMER = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
_ALL_ANSWERED: Mapping[str, Collection[str]] = {}
_ANSWERED = (MessageStatus.ANSWERED.value,)
_SETTLED = (*_WITH_CUSTOMER, MessageStatus.FAILED, MessageStatus.UNKNOWN)


def wrongs_at_rest(system: System, endings: Mapping[str, Collection[str]] = _ALL_ANSWERED) -> list[str]:
    """Return what is wrong when nothing is left to be done.

    `endings` are how messages may end that are not answered, by their text.
    """
    records = system.stores.records()
    return [
        *wrongs_at_any_time(system, records),
        *_left_hanging(system, records),
        *_badly_ended(system, records, endings),
        *_not_as_answered(system, records),
    ]


def wrongs_at_any_time(system: System, records: Collection[Record]) -> list[str]:
    """Return what is wrong already: what was stored, asked or sent more than once, or in another order."""
    return [
        *system.crashes,
        *system.ledger.wrongs,
        *_stored_twice(system, records),
        *_asked_twice(system),
        *_sent_twice(system, records),
        *_sent_in_disorder(system, records),
    ]


def _messages(records: Collection[Record]) -> Iterator[Message]:
    return (message for record in records for message in record.chat.messages)


def _stored_twice(system: System, records: Collection[Record]) -> Iterator[str]:
    """I1: at most once; that it is there at all is looked at when all is quiet."""
    for what, names in (
        ("the key", [message.key for message in _messages(records)]),
        ("the mid", [message.mid for message in _messages(records) if message.mid]),
    ):
        yield from (f"{what} {name} is stored {number} times" for name, number in Counter(names).items() if number > 1)
    ongoing = Counter((record.tenant, record.chat.user_id) for record in records if record.is_ongoing)
    yield from (f"{whose} has {number} ongoing chats" for whose, number in ongoing.items() if number > 1)


def _asked_twice(system: System) -> Iterator[str]:
    """I3: what a customer wrote was heard once, or again with the proof that it had not been."""
    heard = [exchange.content.split("\n") for agent in system.agents.values() for exchange in agent.heard]
    for user_id, text in system.told.values():
        times = sum(text in content for content in heard)
        if times > 1 + _proofs(system, "asking", text):
            yield f"the agent heard “{text}” of {user_id} {times} times"


def _sent_twice(system: System, records: Collection[Record]) -> Iterator[str]:
    """I4: what was sent is what stands in the chats, as often as it stands there, or again with a proof."""
    sent = Counter((one.user_id, one.text) for one in system.meta.sent)
    wanted = Counter((record.chat.user_id, message.text) for record in records for message in _ours(record))
    for (user_id, text), times in sent.items():
        if times > wanted[user_id, text] + _proofs(system, "sending", text):
            yield f"“{text}” was sent to {user_id} {times} times, and stands there {wanted[user_id, text]} times"


def _proofs(system: System, what: str, words: str) -> int:
    proofs = system.ledger.proofs.items()
    return sum(times for (of, said), times in proofs if of == what and words in said.split("\n"))


def _sent_in_disorder(system: System, records: Collection[Record]) -> Iterator[str]:
    """I5: what an earlier turn says, and an earlier part, is sent first."""
    for user_id in {one.user_id for one in system.meta.sent}:
        wanted = [one.text for record in records if record.chat.user_id == user_id for one in _ours(record)]
        sent = [one.text for one in system.meta.sent if one.user_id == user_id]
        left = iter(wanted)
        if not all(text in left for text in sent):
            yield f"sent in another order: {sent} instead of {wanted}"


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
    persons = {message.mid for message in _messages(records) if message.role is Role.HUMAN}
    yield from (f"{one.mid} was taken for a person's" for one in system.meta.sent if one.mid in persons)


def _badly_ended(system: System, records: Collection[Record], endings: Mapping[str, Collection[str]]) -> Iterator[str]:
    """I1, I2, I8: each message is stored, and its turn has ended in a way that has a name."""
    stored = {message.mid: message for message in _messages(records) if message.role is Role.USER}
    for mid, (_, text) in system.told.items():
        message = stored.get(mid)
        if message is None:
            yield f"“{text}” was lost"
            continue
        code = (message.error or {}).get("code")
        ending = message.status.value if message.status is MessageStatus.ANSWERED else str(code)
        if message.status not in (MessageStatus.ANSWERED, MessageStatus.UNANSWERED):
            yield f"“{text}” stands at {message.status}"
        elif ending not in endings.get(text, _ANSWERED):
            yield f"“{text}” ended as {ending}"
        if message.turn_id is None:
            yield f"“{text}” belongs to no turn"


def _not_as_answered(system: System, records: Collection[Record]) -> Iterator[str]:
    """A message that is answered was heard, and what the agent said to it, all of it, is with the customer."""
    said = {
        text: exchange.answer.texts
        for agent in system.agents.values()
        for exchange in agent.heard
        for text in exchange.content.split("\n")
    }
    sent = Counter((one.user_id, one.text) for one in system.meta.sent)
    for record in records:
        for message in record.chat.messages:
            if message.role is not Role.USER or message.status is not MessageStatus.ANSWERED:
                continue
            parts = [one for one in _ours(record) if one.turn_id == message.turn_id]
            texts = tuple(one.text for one in parts)
            asked = {message.text, system.told.get(message.mid or "", (None, None))[1]}  # it may be edited afterwards
            if not parts or texts not in [said.get(text or "") for text in asked]:
                yield f"“{message.text}” was answered by {texts}"
        for part in _ours(record):
            if part.status in _WITH_CUSTOMER and not sent[record.chat.user_id, part.text or ""]:
                yield f"“{part.text}” is said to be {part.status}, and was never sent"
