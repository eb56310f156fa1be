"""Thousands of DMs through the real stores, with a fault at every twentieth step: nothing lost, nothing doubled.

    PYTHONPATH=layers/connector python -m tests.model.deliveries --mongodb URI [--deliveries N] [--seed N] [--workers N]

The workers are threads, which meet in MongoDB. The database `deliveries_<seed>` of that server is emptied. The exit
code is 1 if anything was lost, doubled without a proof, or left hanging. With one worker, a seed always tells the same.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from connector.agents.answers import Answer
from connector.chat import MessageStatus, Role
from connector.contract.remedies import REMEDIES
from tests.model import meta
from tests.model.clock import Clock
from tests.model.crew import Crew
from tests.model.faults import Way
from tests.model.judge import Expected, wrongs_at_rest
from tests.model.mongodb_stores import Documents, MongodbStores
from tests.model.system import ACCOUNT, System

FAULTY = 0.05
TOLD_TWICE = 0.1
_STEPS = 60  # more than any errand has
_BATCH = 500  # DMs at a time, of so many people that most write twice or more
_PEOPLE = 200
_WITHIN_SECONDS = 1200
_WAYS = (Way.DIES_BEFORE, Way.DIES_AFTER, Way.FAILS, Way.UNKNOWN)
_EXPECTED = Expected(any_ending=("answered", *REMEDIES))


@dataclass
class Counts:
    """What became of the DMs."""

    delivered: int = 0
    told: int = 0
    """How often Meta told of them: some twice."""
    stored: int = 0
    steps: int = 0
    faults: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    """How they ended: answered, or in which named state."""
    sent: int = 0
    doubled: int = 0
    """What was sent again on the proof that it had not been, and had been."""
    wrongs: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Return how many are stored nowhere."""
        return self.delivered - self.stored

    def __str__(self) -> str:
        """Return them as a table."""
        named = {f"  {name}": count for name, count in self.endings.most_common()}
        table = {
            "delivered": self.delivered,
            "told by Meta": self.told,
            "steps made": self.steps,
            "steps gone wrong": self.faults,
            "stored": self.stored,
            **named,
            "messages sent": self.sent,
            "sent twice, with a proof": self.doubled,
            "lost": self.lost,
            "otherwise wrong": len(self.wrongs),
        }
        return "\n".join(f"{name:<28}{count:>9,}" for name, count in table.items())


def deliver(
    database: Documents, deliveries: int, seed: int, workers: int, say: Callable[[Counts], None] = lambda _: None
) -> Counts:
    """Deliver so many DMs, batch by batch, and return what became of them."""
    chances, counts = [random.Random(f"{seed}/{number}") for number in range(workers)], Counts()
    while counts.delivered < deliveries:
        _deliver_batch(database, min(_BATCH, deliveries - counts.delivered), chances, counts)
        say(counts)
    return counts


def _deliver_batch(database: Documents, number: int, chances: list[random.Random], counts: Counts) -> None:
    for name in database.list_collection_names():
        database[name].delete_many({})
    clock, chance = Clock(), chances[0]
    stores = MongodbStores(database, clock)
    stores.ensure_indexes()
    system = System(stores, clock, _answer)
    system.connect()
    system.meta.when_sent = lambda sent: system.tell(
        meta.echo(ACCOUNT, sent.user_id, clock(), sent.mid, sent.text), len(sent.mid + sent.text) % 3
    )
    for index in range(number):
        seconds = chance.uniform(0, _WITHIN_SECONDS)
        system.say(str(10**15 + chance.randrange(_PEOPLE)), f"question {index}", seconds)
        counts.told += 1
        if chance.random() < TOLD_TWICE:  # Meta lost our answer, and tells again
            system.tell(system.errands.waiting[-1].what, seconds + chance.choice([0, 1, 20, 600]))
            counts.told += 1
    crew = Crew(system, [_faults(one) for one in chances])
    crew.run()
    _count(system, counts)
    counts.delivered += number
    counts.steps += crew.steps
    counts.faults += crew.faults


def _answer(number: int, content: str) -> Answer:
    words = content.replace("\n", " + ")
    return Answer(tuple(f"answer {number} to {words}, {part}" for part in "ab"[: 1 + number % 2]))


def _faults(chance: random.Random) -> Callable[[], Mapping[int, Way]]:
    return lambda: {step: chance.choice(_WAYS) for step in range(_STEPS) if chance.random() < FAULTY}


def _count(system: System, counts: Counts) -> None:
    records = system.stores.records()
    said = [message for record in records for message in record.chat.messages if message.role is Role.USER]
    counts.stored += len({message.mid for message in said} & system.told.keys())
    for message in said:
        is_answered = message.status is MessageStatus.ANSWERED
        counts.endings["answered" if is_answered else str((message.error or {}).get("code"))] += 1
    counts.sent += len(system.meta.sent)
    counts.doubled += len(system.meta.sent) - len({(one.user_id, one.text) for one in system.meta.sent})
    counts.wrongs += wrongs_at_rest(system, _EXPECTED)


def main(arguments: list[str]) -> int:
    """Run, print the counts, and return the exit code."""
    parser = argparse.ArgumentParser(description="Deliver DMs with faults, and count what becomes of them.")
    parser.add_argument("--mongodb", required=True, help="its URI; the database `deliveries_<seed>` is emptied")
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=4)
    wanted = parser.parse_args(arguments)
    began = time.monotonic()

    def say(counts: Counts) -> None:
        seconds = round(time.monotonic() - began)
        print(f"{seconds:>5} s: {counts.delivered:,} delivered, {counts.lost} lost, {len(counts.wrongs)} wrong")  # noqa: T201

    with MongoClient[dict[str, Any]](wanted.mongodb, tz_aware=True, w="majority") as client:
        database = client[f"deliveries_{wanted.seed}"]
        counts = deliver(database, wanted.deliveries, wanted.seed, wanted.workers, say)
    print(counts, *counts.wrongs[:20], sep="\n")  # noqa: T201
    return 1 if counts.wrongs or counts.lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
