"""What mongod says it did for an operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.collection import Collection


@contextmanager
def profiled(collection: Collection[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield a list that holds, once the block has ended, what was done in the collection meanwhile."""
    operations: list[dict[str, Any]] = []
    database = collection.database
    database.drop_collection("system.profile")
    database.command("profile", 2)
    try:
        yield operations
    finally:
        database.command("profile", 0)
        operations += database["system.profile"].find({"ns": collection.full_name})
        database.drop_collection("system.profile")
