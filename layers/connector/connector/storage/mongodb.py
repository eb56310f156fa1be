"""The MongoDB client, and the one place where its errors become ours.

https://www.mongodb.com/docs/atlas/manage-connections-aws-lambda/: one client per execution environment, made lazily,
closed only when MongoDB refuses its user. A Lambda serves one request at a time, so its pool is one connection.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import pymongo
from dns.exception import DNSException
from dns.resolver import NXDOMAIN
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from connector.errors import IndexesMissing, Misconfigured, Unavailable
from connector.logs import logger

type Document = dict[str, Any]

_AUTHENTICATION_FAILED = 18
_UNAUTHORIZED = 13
# Atlas uses one code for its limits and for users and roles that it refuses; its words tell them apart.
_ATLAS_ERROR = 8000
_ATLAS_REFUSALS = ("bad auth", "not allowed to do action")
_BAD_VALUE = 2
# BSONObjectTooLarge, and what an update or an index key says instead.
_TOO_LARGE = {10334, 17280, 17419, 17420}


# A NAT forgets connections that were idle for minutes, and a frozen environment does not notice.
_IDLE_MS = 20_000
_LONGEST_REASON = 200

_clients: list["MongoClient[Document]"] = []


class TooLarge(Exception):
    """Raised when a document would grow beyond the 16 MiB that MongoDB allows."""


@cache
def database(uri: str) -> "Database[Document]":
    """Return the default database of `uri`. Reads go to the primary, whatever the URI says: a turn reads its writes.

    Raises:
        Misconfigured: the URI is malformed, or names no database or an unknown host.
        Unavailable: DNS does not answer.
    """
    try:
        client: MongoClient[Document] = MongoClient(
            uri,
            appname="instagram-connector",
            tz_aware=True,
            datetime_conversion="DATETIME_AUTO",  # a time that Python has no word for is no error
            unicode_decode_error_handler="replace",
            maxPoolSize=1,
            maxIdleTimeMS=_IDLE_MS,
            connectTimeoutMS=3_000,
            serverSelectionTimeoutMS=4_000,
            timeoutMS=8_000,
            w="majority",
        )
    except (ConfigurationError, InvalidURI, ValueError) as error:
        if isinstance(cause := error.__cause__ or error.__context__, DNSException | OSError):
            raise _unresolved(uri, cause) from error
        raise Misconfigured("The SSM parameter mongodb-uri is not a MongoDB URI.") from error
    try:
        named = client.get_default_database(read_preference=ReadPreference.PRIMARY)
    except ConfigurationError as error:
        client.close()
        raise Misconfigured("The SSM parameter mongodb-uri must name a database.") from error
    _clients.append(client)
    return named


@contextmanager
def patient_database(uri: str) -> Iterator["Database[Document]"]:
    """Open the default database of `uri` for work that takes hours: no `maxTimeMS` is sent, whatever the URI says.

    MongoDB aborts an index build when its time limit is over, and completes it when its client goes away.

    Raises:
        Misconfigured: as `database`.
    """
    try:
        client: MongoClient[Document] = MongoClient(  # allow call-without-timeout: an index build takes hours
            uri,
            appname="instagram-connector-indexes",
            tz_aware=True,
            connectTimeoutMS=10_000,
            serverSelectionTimeoutMS=10_000,
            socketTimeoutMS=None,
            timeoutMS=None,
        )
    except (ConfigurationError, InvalidURI, ValueError) as error:
        raise Misconfigured("mongodb-uri is not a MongoDB URI, or its host is unknown.") from error
    with client:
        try:
            named = client.get_default_database(read_preference=ReadPreference.PRIMARY)
        except ConfigurationError as error:
            raise Misconfigured("mongodb-uri must name a database.") from error
        yield named


def deadline(seconds: float | None) -> AbstractContextManager[None]:
    """Give all operations in the block so much time together, beside the limit of each; None for no such limit."""
    return nullcontext() if seconds is None else pymongo.timeout(seconds)


def is_connected() -> bool:
    """Return whether there is a client whose user MongoDB has not refused."""
    return bool(_clients)


def _disconnect() -> None:
    """Close the clients, so that the next use connects with what the parameter then holds."""
    while _clients:
        _clients.pop().close()
    database.cache_clear()


@contextmanager
def translated() -> Iterator[None]:
    """Turn PyMongo's errors into ours. A duplicate key is left alone: what it means, only the caller knows.

    Raises:
        Unavailable: MongoDB did not answer in time, or refused this once.
        Misconfigured: MongoDB does not let us in.
        IndexesMissing: an index does not exist yet that is needed for this.
        TooLarge: the document is full.
    """
    try:
        yield
    except DuplicateKeyError:
        raise
    except DocumentTooLarge as error:
        raise TooLarge from error
    except OperationFailure as error:
        if error.code in _TOO_LARGE:
            raise TooLarge from error
        if lacks_index(error):
            raise IndexesMissing from error
        _log(error)
        if refuses_user(error):
            _disconnect()
            raise Misconfigured("MongoDB refuses the user in the SSM parameter mongodb-uri.") from error
        raise Unavailable("The database refused an operation. Try again in a moment.") from error
    except PyMongoError as error:
        _log(error)
        raise Unavailable("The database does not answer. Try again in a moment.") from error


def lacks_index(error: OperationFailure) -> bool:
    """Return whether the index of a hint does not exist. The code stands for much, so the words decide."""
    return error.code == _BAD_VALUE and "hint provided does not correspond to an existing index" in str(error)


def refuses_user(error: OperationFailure) -> bool:
    """Return whether MongoDB refuses the user, or what the user may do."""
    if error.code == _ATLAS_ERROR:
        return any(words in str(error) for words in _ATLAS_REFUSALS)
    return error.code in (_AUTHENTICATION_FAILED, _UNAUTHORIZED)


def _unresolved(uri: str, cause: DNSException | OSError) -> Misconfigured | Unavailable:
    """Return the error for an SRV host that DNS does not resolve. The driver has checked the URI's user information."""
    host = re.split(r"[/?]", uri.rpartition("@")[2].removeprefix("mongodb+srv://"), maxsplit=1)[0]
    logger.warning("MongoDB failed", extra={"error": type(cause).__name__, "hosts": [host]})
    if isinstance(cause, NXDOMAIN):
        return Misconfigured("DNS does not know the host in the SSM parameter mongodb-uri.")
    return Unavailable("The host of the database cannot be looked up. Try again in a moment.")


def _log(error: PyMongoError) -> None:
    """Log the driver's error class and code, and each host with the driver's last error about it.

    An operation's own message may quote documents, so it is left out. An error about a host concerns the connection.
    """
    hosts = {
        f"{host}:{port}": str(server.error).partition(" (configured timeouts")[0][:_LONGEST_REASON]
        if server.error
        else "reachable"
        for client in _clients
        for (host, port), server in client.topology_description.server_descriptions().items()
    }
    code = error.code if isinstance(error, OperationFailure) else None
    logger.warning("MongoDB failed", extra={"error": type(error).__name__, "code": code, "hosts": hosts})
