"""Building the indexes of all collections: the one way in which it is done, and the check whether it has been.

Building may take hours where a collection is large, and a client's time limit aborts it. So the operator does that, by
`make indexes` or the function `indexes`; whoever does it again waits for the build that is under way. The other
functions build on small collections only.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from connector.errors import IndexesMissing
from connector.storage import (
    agent_owners,
    authorizations,
    connections,
    deletions,
    entries,
    indexes,
    kept_events,
    owners,
    retell_deletions,
    retention,
    rounds,
    secret_sets,
    tombstones,
)
from connector.storage.build_progress import watching
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import EARLIER_INDEXES, is_marked, look_again, mark

CHATS = "chats"
COLLECTIONS: Mapping[str, Sequence[IndexModel]] = {
    connections.COLLECTION: (
        *connections.INDEXES,
        *agent_owners.INDEXES,
        *owners.INDEXES,
        *secret_sets.INDEXES,
        *rounds.INDEXES,
    ),
    authorizations.COLLECTION: authorizations.INDEXES,
    deletions.COLLECTION: deletions.INDEXES,
    retell_deletions.COLLECTION: retell_deletions.INDEXES,
    tombstones.COLLECTION: tombstones.INDEXES,
    kept_events.COLLECTION: kept_events.INDEXES,
    entries.COLLECTION: entries.INDEXES,
    CHATS: indexes.INDEXES,  # last: it takes longest
}

SMALL = 10_000
"""Up to so many documents a function builds indexes itself."""
_SMALL_BYTES = 64 * 1024 * 1024

_TELL_EVERY_SECONDS = 2.0
_NO_COLLECTION, _NO_INDEX = 26, 27
_OPTIONS = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression")

type Report = Callable[[str], None]

_complete: set[tuple[MongoClient[Document], str, tuple[str, ...]]] = set()


def build_indexes(
    database: Database[Document], names: Iterable[str] = COLLECTIONS, *, report: Report = lambda _: None
) -> None:
    """Build the indexes of collections that they lack, and mark our documents of earlier versions in `chats`.

    Errors of PyMongo are the caller's to translate: to an operator they mean something else than to a turn.

    Raises:
        IndexesMissing: an index of another form has the name of one of ours.
    """
    lacking = {name: _lacking(database[name]) for name in names}
    if conflicts := [one for found in lacking.values() for one in found.values() if one.endswith(_CONFLICT)]:
        raise IndexesMissing(*conflicts)
    for name, found in lacking.items():
        if name == CHATS:
            _claim(database, report)
        if not found:
            report(f"{name}: all {len(COLLECTIONS[name])} indexes exist")
            continue
        report(f"{name}: building {', '.join(found)}")
        with watching(database[name], report):
            database[name].create_indexes([one for one in COLLECTIONS[name] if one.document["name"] in found])
        report(f"{name}: built")
    if CHATS in lacking:
        _drop(database[CHATS], EARLIER_INDEXES, report)
        look_again()
        is_marked(database[CHATS])


def ensure_indexes(database: Database[Document], names: Iterable[str] = COLLECTIONS, *, small: int = SMALL) -> None:
    """Check that collections have their indexes, once in the life of a process; build them where there is little.

    Raises:
        IndexesMissing: naming those that only the operator builds.
        Unavailable, Misconfigured: MongoDB fails.
    """
    names = tuple(names)
    place = (database.client, database.name, names)
    if place in _complete:
        return
    with translated():
        build_indexes(
            database, [name for name in names if _problems(database[name]) and _is_small(database[name], small)]
        )
        if problems := [problem for name in names for problem in _problems(database[name])]:
            raise IndexesMissing(*problems)
    _complete.add(place)


def check_again() -> None:
    """Forget which collections have their indexes."""
    _complete.clear()
    look_again()


def _problems(collection: Collection[Document]) -> list[str]:
    """Return what is not as it is to be, in a few words each."""
    problems = [*_lacking(collection).values()]
    if collection.name == CHATS and not is_marked(collection):
        problems.append(f"{CHATS} has documents and indexes of an earlier version")
    return problems


_CONFLICT = "has other keys or options: drop it"


def _lacking(collection: Collection[Document]) -> dict[str, str]:
    """Return the indexes that cannot be used, by name, each with what is wrong with it."""
    built, building = _existing(collection)
    problems: dict[str, str] = {}
    for model in COLLECTIONS[collection.name]:
        name, place = model.document["name"], f"{collection.name}.{model.document['name']}"
        if (spec := built.get(name) or building.get(name)) is None:
            problems[name] = f"{place} is missing"
        elif _form(spec) != _form(model.document):
            problems[name] = f"{place} {_CONFLICT}"
        elif name in building:
            problems[name] = f"{place} is being built"
    return problems


def _existing(collection: Collection[Document]) -> tuple[dict[str, Document], dict[str, Document]]:
    """Return the indexes that are built, and those that are being built, by name."""
    try:
        told = collection.database.command(
            "listIndexes", collection.name, includeIndexBuildInfo=True, cursor={"batchSize": 1000}
        )["cursor"]["firstBatch"]
    except OperationFailure as error:
        if error.code == _NO_COLLECTION:
            return {}, {}
        raise
    specs = [(one["spec"], "indexBuildInfo" in one) for one in told]
    built, building = ({spec["name"]: spec for spec, is_built in specs if is_built is one} for one in (False, True))
    return built, building


def _form(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    return [*spec["key"].items()], *(spec.get(name) or None for name in _OPTIONS[:2]), *map(spec.get, _OPTIONS[2:])


def _is_small(collection: Collection[Document], most: int) -> bool:
    try:
        (stats,) = collection.aggregate([{"$collStats": {"storageStats": {}}}])
    except OperationFailure as error:
        if error.code == _NO_COLLECTION:
            return True
        raise
    return bool(stats["storageStats"]["count"] <= most and stats["storageStats"]["size"] <= _SMALL_BYTES)


def _claim(database: Database[Document], report: Report) -> None:
    """Mark what earlier versions wrote, and have the retention of it worked out anew."""
    chats = database[CHATS]
    _drop(chats, EARLIER_INDEXES[:1], report)
    total, told_at = chats.estimated_document_count(), time.monotonic()

    def tell(passed: int, marked: int) -> None:
        nonlocal told_at
        if passed >= total or time.monotonic() > told_at + _TELL_EVERY_SECONDS:
            told_at = time.monotonic()
            report(f"{CHATS}: {min(passed, total)} of about {total} documents looked at, {marked} of ours marked")

    marked, others = mark(chats, tell)
    if marked:
        database[retention.COLLECTION].delete_one({"_id": CHATS})
    if others:
        report(f"{CHATS}: {others} Instagram documents of another writer stay as they are")


def _drop(chats: Collection[Document], names: Iterable[str], report: Report) -> None:
    for name in sorted({*names} & chats.index_information().keys()):
        try:
            chats.drop_index(name)
        except OperationFailure as error:
            if error.code not in (_NO_COLLECTION, _NO_INDEX):  # another was faster
                raise
        report(f"{CHATS}: dropped {name}, of an earlier version")
