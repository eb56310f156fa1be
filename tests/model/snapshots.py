"""Going back in time: everything a system in memory holds, kept as values that nobody changes."""

from collections import Counter
from collections.abc import Hashable
from datetime import timedelta
from operator import attrgetter
from typing import Any

from connector.accounts import Connection
from connector.chat import FINAL_STATES, Message, MessageStatus
from tests.model.errands import Errand, Kind
from tests.model.memory.shelf import Record
from tests.model.memory.stores import MemoryStores
from tests.model.system import System

_MINUTE = timedelta(minutes=1)
_PLAIN_OF_MESSAGE = attrgetter(
    *("key", "mid", "role", "text", "status", "turn_id", "created_at", "attachments", "by_person_only"),
    *("edited_at", "deleted_at", "read_at"),
)
_PLAIN_OF_CHAT = attrgetter(
    *("id", "account_id", "user_id", "chat_id", "questions", "paused_until", "paused_because", "window_opened_at"),
    *("control_at", "person", "turn_due_at", "turn_due_for"),
)
_PLAIN_OF_RECORD = attrgetter("tenant", "created_at", "is_ongoing", "wake_at", "reacted_at", "absent")
_LOST = (MessageStatus.PENDING, MessageStatus.SENDING, MessageStatus.UNKNOWN)


def save(system: System, stores: MemoryStores) -> Any:
    """Return all that `load` needs to bring a system back to where it is."""
    shelf, ledger = stores.shelf, system.ledger
    return (
        (system.clock.moment, system.swept_at, system.crashes, system.unheard),
        tuple(system.told.items()),
        (system.errands.waiting, system.errands.dead, system.errands.made),
        (ledger.open, tuple(ledger.proofs.items()), ledger.wrongs),
        tuple(system.meta.sent),
        tuple((name, tuple(agent.sessions.items())) for name, agent in system.agents.items()),
        (
            tuple(shelf.records.items()),
            tuple(shelf.connections.items()),
            tuple(shelf.kept.items()),
            tuple(shelf.made.items()),
        ),
        (tuple(shelf.entered.items()), tuple(shelf.spent.items())),
    )


def load(system: System, stores: MemoryStores, saved: Any) -> None:
    """Bring a system back to where it was."""
    (moment, swept_at, crashes, unheard), told, errands, ledger, sent, agents, shelf, counts = saved
    system.clock.moment, system.swept_at, system.crashes, system.told = moment, swept_at, crashes, dict(told)
    system.unheard = unheard
    system.errands.waiting, system.errands.dead, system.errands.made = errands
    system.ledger.open, system.ledger.proofs, system.ledger.wrongs = ledger[0], Counter(dict(ledger[1])), ledger[2]
    system.meta.sent = list(sent)
    for name, agent in system.agents.items():
        agent.sessions = dict(dict(agents).get(name, ()))
    records, connections, kept, made = shelf
    stores.shelf.records, stores.shelf.connections = dict(records), dict(connections)
    stores.shelf.kept, stores.shelf.made = dict(kept), dict(made)
    stores.shelf.entered, stores.shelf.spent = map(dict, counts)


def fingerprint(system: System, stores: MemoryStores) -> Hashable:
    """Return a value that two systems share only if they go on, and are judged, alike.

    It leaves out what nobody decides by: when Meta was last heard of, the lease of a turn that is over, and the like.
    """
    shelf, moment = stores.shelf, system.clock.moment
    return (
        (moment, system.swept_at if moment - system.swept_at < _MINUTE else None, system.crashes, system.unheard),
        tuple(map(_of_errand, sorted(system.errands.waiting, key=lambda errand: (errand.due, errand.number)))),
        tuple(map(_of_errand, system.errands.dead)),
        (system.ledger.open, frozenset(system.ledger.proofs.items()), system.ledger.wrongs),
        tuple(system.meta.sent),
        tuple((name, tuple(agent.sessions.items())) for name, agent in system.agents.items()),
        tuple(map(_of_record, shelf.records.values())),
        tuple(map(_of_connection, shelf.connections.values())),
        str(shelf.kept) if shelf.kept else "",
        (len(shelf.entered), shelf.made.get("turn"), len(system.told)),
        tuple(spent for spent in shelf.spent.values() if spent[0] >= moment.replace(microsecond=0)),
    )


def _of_errand(errand: Errand) -> Hashable:
    what = errand.what
    if errand.kind is Kind.EVENT:
        what = (what.received_at, str(what.notification.item))
    elif errand.kind is Kind.POST:
        what = str(what)
    return errand.due, errand.kind, what, errand.tries


def _of_record(record: Record) -> Hashable:
    chat, turn = record.chat, record.chat.turn
    return (
        _PLAIN_OF_RECORD(record),
        _PLAIN_OF_CHAT(chat),
        str(chat.referral) if chat.referral else "",
        turn if turn is None or turn.state not in FINAL_STATES else (turn.id, turn.state),
        tuple(map(_of_message, chat.messages)),
    )


def _of_message(message: Message) -> Hashable:
    nested = (message.error, message.reply_to, message.postback, message.content, message.reactions)
    sending_at = message.sending_at if message.status in _LOST else None
    return _PLAIN_OF_MESSAGE(message), sending_at, str(nested) if any(nested) else ""


def _of_connection(one: Connection) -> Hashable:
    return one.tenant, one.account, one.status, one.generation, one.limited_until, one.paused_until
