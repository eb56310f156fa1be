"""What mongod says it did for an operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.collection import Collection


@contextmanager
def profiled(*collections: Collection[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield a list that holds, once the block has ended, what was done in the collections (of one database)."""
    operations: list[dict[str, Any]] = []
    database = collections[0].database
    database.drop_collection("system.profile")
    database.command("profile", 2)
    try:
        yield operations
    finally:
        database.command("profile", 0)
        operations += database["system.profile"].find({"ns": {"$in": [one.full_name for one in collections]}})
        database.drop_collection("system.profile")
