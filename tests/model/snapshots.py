"""Going back in time: everything a system in memory holds, kept as values that nobody changes."""

from collections import Counter
from typing import Any

from tests.model.memory.stores import MemoryStores
from tests.model.system import System


def save(system: System, stores: MemoryStores) -> Any:
    """Return all that `load` needs to bring a system back to where it is."""
    shelf, ledger = stores.shelf, system.ledger
    return (
        system.clock.moment,
        system.swept_at,
        system.crashes,
        tuple(system.told.items()),
        (system.errands.waiting, system.errands.dead, system.errands.made),
        (ledger.open, tuple(ledger.proofs.items()), ledger.wrongs),
        tuple(system.meta.sent),
        tuple((name, tuple(agent.sessions.items())) for name, agent in system.agents.items()),
        (tuple(shelf.records.items()), tuple(shelf.connections.items()), tuple(shelf.kept.items()), shelf.made),
    )


def load(system: System, stores: MemoryStores, saved: Any) -> None:
    """Bring a system back to where it was."""
    moment, swept_at, crashes, told, errands, ledger, sent, agents, shelf = saved
    system.clock.moment, system.swept_at, system.crashes, system.told = moment, swept_at, crashes, dict(told)
    system.errands.waiting, system.errands.dead, system.errands.made = errands
    system.ledger.open, system.ledger.proofs, system.ledger.wrongs = ledger[0], Counter(dict(ledger[1])), ledger[2]
    system.meta.sent = list(sent)
    for name, agent in system.agents.items():
        agent.sessions = dict(dict(agents).get(name, ()))
    records, connections, kept, made = shelf
    stores.shelf.records, stores.shelf.connections = dict(records), dict(connections)
    stores.shelf.kept, stores.shelf.made = dict(kept), made
