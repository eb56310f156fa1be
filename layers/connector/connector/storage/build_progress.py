"""Telling how far an index build is, while it runs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from connector.storage.mongodb import Document

_EVERY_SECONDS = 5.0
_PREFIX = "Index Build: "


@contextmanager
def watching(
    collection: Collection[Document], report: Callable[[str], None], *, every: float = _EVERY_SECONDS
) -> Iterator[None]:
    """Report every few seconds what MongoDB says of the builds on a collection, or else for how long they take."""
    over, began = threading.Event(), time.monotonic()

    def watch() -> None:
        while not over.wait(every):
            told = _progress(collection) or "under way"
            report(f"{collection.name}: {told}, {time.monotonic() - began:.0f} s")

    watcher = threading.Thread(target=watch, name="build-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _progress(collection: Collection[Document]) -> str:
    """Return MongoDB's message about a build. "" where this user may not see other operations, as on shared Atlas."""
    wanted = {"ns": collection.full_name, "msg": {"$regex": f"^{_PREFIX}"}}
    try:
        found = collection.database.client.admin.aggregate(
            [{"$currentOp": {"allUsers": True}}, {"$match": wanted}, {"$limit": 1}], maxTimeMS=5_000
        ).to_list()
    except PyMongoError:
        return ""
    if not found:
        return ""
    phase = found[0]["msg"].removeprefix(_PREFIX).partition(f" {_PREFIX}")[0]  # MongoDB says it twice
    progress = found[0].get("progress")
    return f"{phase}, {progress['done']} of {progress['total']}" if progress else phase
