"""What a page costs with 1,000,000 messages, as a multiple of what it costs with 10,000: `python -m bench.reading`.

Both histories stand in one mongod and are read in turns, so that whatever else the machine does slows both. Each one
begins somewhere else. The factors are printed; one above 2 is a failure.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from bench.stored import BEGAN, STEP, store_history, user_id
from connector.chat import Role
from connector.conversation.conversations import read_rows
from connector.conversation.cursors import Cursors
from connector.conversation.history import Filters, read_page
from connector.ports.reading import Scope
from connector.storage.conversations import Conversations
from connector.storage.pages import Pages
from connector.tenancy import Tenant
from local.mongodb import Mongod

FEW, MANY = 10_000, 1_000_000
OF_EACH = 100
ROUNDS = 100
MOST = 2.0
TENANT = Tenant("acme", "agent_barista")

type Reading = Callable[[], object]


def readings(database: Database[dict[str, Any]], messages: int, chance: random.Random) -> dict[str, Reading]:
    """Return what is measured, each ready to be called again and again."""
    pages, conversations = Pages(database["chats"], TENANT), Conversations(database["chats"], TENANT)
    users = messages // OF_EACH

    def page(scope: Scope, text: str | None = None) -> object:
        return read_page(pages, Cursors(TENANT, "messages"), limit=50, filters=Filters(scope, text=text))

    def some_time() -> Scope:
        return Scope(until=BEGAN + chance.randrange(200, messages) * STEP)

    def rows() -> object:
        return read_rows(conversations, pages, Cursors(TENANT, "conversations"), limit=50)

    return {
        "the newest 50 messages": lambda: page(Scope()),
        "50 messages from anywhere": lambda: page(some_time()),
        "50 messages of one user": lambda: page(Scope(user_id=user_id(chance.randrange(users)))),
        "50 messages of one role": lambda: page(Scope(role=Role.HUMAN)),
        "50 messages with a word": lambda: page(some_time(), "nine"),
        "a search without a find": lambda: page(some_time(), "messages open"),  # all have both, as far as entries know
        "50 conversations": rows,
    }


def measured(reading: Reading) -> float:
    """Return how long a reading takes, in milliseconds."""
    began = time.perf_counter()
    reading()
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Store both histories, read them in turns, and print the factors."""
    with tempfile.TemporaryDirectory() as folder:
        mongod = Mongod(Path(folder))
        mongod.launch()
        try:
            with MongoClient[dict[str, Any]](mongod.wait_until_ready(), tz_aware=True) as client:
                return compare(client)
        finally:
            mongod.stop()


def compare(client: MongoClient[dict[str, Any]]) -> int:
    """Return 1 where a factor is too large, else 0."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    ready = []
    for size in (FEW, MANY):
        began = time.perf_counter()
        store_history(client[f"history_{size}"], TENANT, size, of_each=OF_EACH)
        sys.stdout.write(f"{size:9,} messages stored in {time.perf_counter() - began:.0f} s\n")
        ready.append(readings(client[f"history_{size}"], size, chance))
    few, many = ready
    worst = 0.0
    sys.stdout.write(f"\n{'median of ' + str(ROUNDS):28}{f'{FEW:,}':>12}{f'{MANY:,}':>12}{'factor':>9}\n")
    for name in few:
        for reading in (few[name], many[name]):  # once for nothing, so that both are warm
            reading()
        times = [(measured(few[name]), measured(many[name])) for _ in range(ROUNDS)]
        one, other = (median(column) for column in zip(*times, strict=True))
        worst = max(worst, other / one)
        sys.stdout.write(f"{name:28}{one:9.2f} ms{other:9.2f} ms{other / one:8.2f}x\n")
    sys.stdout.write(f"\nThe largest factor is {worst:.2f}; at most {MOST:g} is promised.\n")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
