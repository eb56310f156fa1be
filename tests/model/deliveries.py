"""Thousands of DMs through the real stores, with a fault at every twentieth step: nothing lost, nothing doubled.

    PYTHONPATH=layers/connector python -m tests.model.deliveries --mongodb URI [--deliveries 10000] [--seed 1]

The database `deliveries_<seed>` of that server is emptied. The exit code is 1 if anything was lost, doubled or left
hanging.
"""

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from connector.agents.answers import Answer
from connector.chat import MessageStatus, Role
from connector.contract.remedies import REMEDIES
from tests.model import meta
from tests.model.clock import Clock
from tests.model.faults import Way
from tests.model.judge import Expected, wrongs_at_rest
from tests.model.mongodb_stores import Documents, MongodbStores
from tests.model.system import ACCOUNT, TENANT, System

FAULTY = 0.05
_STEPS = 60  # more than any errand has
_BATCH = 50  # DMs at a time, of so many people that several write twice
_PEOPLE = 20
_WAYS = (Way.DIES_BEFORE, Way.DIES_AFTER, Way.FAILS, Way.UNKNOWN)
_EXPECTED = Expected(any_ending=("answered", *REMEDIES))


@dataclass
class Counts:
    """What became of the DMs."""

    delivered: int = 0
    told: int = 0
    """How often Meta told of them: some twice."""
    faults: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    wrongs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return them as a table."""
        endings = "\n".join(f"  {name:<22}{count:>8}" for name, count in self.endings.most_common())
        head = f"delivered {self.delivered}, told {self.told} times, {self.faults} faults, {self.sent} messages sent"
        return f"{head}\n{endings}\nlost, doubled or left hanging: {len(self.wrongs)}"


def deliver(database: Documents, deliveries: int, seed: int, *, say: bool = False) -> Counts:
    """Deliver so many DMs, batch by batch, and return what became of them."""
    chance, counts = random.Random(seed), Counts()
    while counts.delivered < deliveries:
        _deliver_batch(database, min(_BATCH, deliveries - counts.delivered), chance, counts)
        if say and counts.delivered % 500 == 0:
            print(f"{counts.delivered} of {deliveries}, {len(counts.wrongs)} wrong", flush=True)  # noqa: T201
    return counts


def _deliver_batch(database: Documents, number: int, chance: random.Random, counts: Counts) -> None:
    for name in database.list_collection_names():
        database[name].delete_many({})
    clock = Clock()
    stores = MongodbStores(database, clock)
    stores.ensure_indexes(TENANT)
    system = System(stores, clock, _answer)
    system.connect()
    system.meta.when_sent = lambda sent: system.tell(
        meta.echo(ACCOUNT, sent.user_id, clock(), sent.mid, sent.text), chance.choice([0, 1, 30])
    )
    for index in range(number):
        seconds = chance.uniform(0, 600)
        system.say(f"person-{chance.randrange(_PEOPLE)}", f"question {index}", seconds)
        if chance.random() < FAULTY:  # Meta lost our answer, and tells again
            system.tell(system.errands.waiting[-1].what, seconds + 20)
            counts.told += 1
    while (errand := system.next()) is not None:
        faults = {step: chance.choice(_WAYS) for step in range(_STEPS) if chance.random() < FAULTY}
        steps = system.work(errand, faults)
        counts.faults += sum(step.number in faults for step in steps)
    counts.delivered += number
    counts.told += number
    counts.sent += len(system.meta.sent)
    counts.wrongs += wrongs_at_rest(system, _EXPECTED)
    for record in stores.records():
        for message in record.chat.messages:
            if message.role is Role.USER:
                is_answered = message.status is MessageStatus.ANSWERED
                counts.endings["answered" if is_answered else str((message.error or {}).get("code"))] += 1


def _answer(number: int, content: str) -> Answer:
    words = content.replace("\n", " + ")
    return Answer(tuple(f"answer {number} to {words}, {part}" for part in "ab"[: 1 + number % 2]))


def main(arguments: list[str]) -> int:
    """Run, print the counts, and return the exit code."""
    parser = argparse.ArgumentParser(description="Deliver DMs with faults, and count what becomes of them.")
    parser.add_argument(
        "--mongodb", required=True, help="the URI of a mongod; its database `deliveries_<seed>` is emptied"
    )
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(arguments)
    client: MongoClient[dict[str, Any]] = MongoClient(wanted.mongodb, tz_aware=True)
    counts = deliver(client[f"deliveries_{wanted.seed}"], wanted.deliveries, wanted.seed, say=True)
    print(counts, *counts.wrongs[:20], sep="\n")  # noqa: T201
    return 1 if counts.wrongs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
