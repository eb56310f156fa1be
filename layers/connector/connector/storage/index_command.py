"""Building all indexes for the operator: `make indexes`, and the function `indexes`. Errors say what to do."""

from collections.abc import Callable

from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from connector.errors import IndexesMissing, Misconfigured, Unavailable
from connector.storage.index_builds import build_indexes
from connector.storage.mongodb import patient_database, refuses_user


def run(uri: str, report: Callable[[str], None]) -> None:
    """Build what is missing, for as long as it takes, and report each step. It can be repeated at any time.

    Raises:
        Misconfigured, Unavailable: with a sentence that names the cause and the remedy, and no credentials.
    """
    with patient_database(uri) as database:
        hosts = ", ".join(f"{host}:{port}" for host, port in database.client.topology_description.server_descriptions())
        report(f"database {database.name} at {hosts}")
        try:
            build_indexes(database, report=report)
        except IndexesMissing as error:
            raise Misconfigured(
                f"An index of another form has a name of ours: {error.problems}. Find out who made it, drop it with "
                "db.<collection>.dropIndex(<name>), and run this again."
            ) from error
        except PyMongoError as error:
            raise _explained(error, hosts) from error
    report("done: all indexes exist")


def _explained(error: PyMongoError, hosts: str) -> Misconfigured | Unavailable:
    match error:
        case DuplicateKeyError():
            fields = ", ".join((error.details or {}).get("keyPattern", {}))
            return Misconfigured(
                f"Two of our documents have the same {fields}, which must be unique. Correct one, and run this again."
            )
        case OperationFailure() if refuses_user(error):
            return Misconfigured(
                f"MongoDB refuses the user of mongodb-uri, or what it may do ({_name(error)}). The user needs the role "
                "readWrite on this database."
            )
        case OperationFailure():
            return Unavailable(f"MongoDB refused an operation ({_name(error)}). Run this again; what is built stays.")
        case ServerSelectionTimeoutError():
            return Unavailable(
                f"MongoDB cannot be reached at {hosts} ({type(error).__name__}). Check the URI, Atlas' access list for "
                "the address of this machine, and the network."
            )
        case _:
            return Unavailable(
                f"The connection to MongoDB was lost ({type(error).__name__}). A build that has begun is completed by "
                "MongoDB. Run this again: it waits for the build."
            )


def _name(error: OperationFailure) -> str:
    return str((error.details or {}).get("codeName") or error.code)
