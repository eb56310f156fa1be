"""The stores, ready to use: made on first use, kept for the life of the execution environment."""

from datetime import timedelta
from functools import cache

from pymongo.collection import Collection
from pymongo.database import Database

from connector import aws, settings
from connector.errors import IndexesMissing
from connector.logs import count, logger
from connector.queues import Queue
from connector.storage import index_builds
from connector.storage.agent_owners import COLLECTION as AGENTS
from connector.storage.agent_owners import AgentOwners
from connector.storage.authorizations import COLLECTION as AUTHORIZATIONS
from connector.storage.authorizations import Authorizations
from connector.storage.changes import Changes
from connector.storage.chats import Chats
from connector.storage.comparisons import Comparisons
from connector.storage.connections import COLLECTION as CONNECTIONS
from connector.storage.connections import Connections
from connector.storage.conversations import Conversations
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.deletions import Deletions
from connector.storage.erasure import Erasure
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.mongodb import Document, database, is_connected
from connector.storage.outbox import Outbox
from connector.storage.owners import Owners
from connector.storage.pages import Pages
from connector.storage.parameters import Parameters
from connector.storage.retell_deletions import COLLECTION as RETELL_DELETIONS
from connector.storage.retell_deletions import RetellDeletions
from connector.storage.retention import Retention
from connector.storage.rounds import Rounds
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.storage.tombstones import COLLECTION as TOMBSTONES
from connector.storage.tombstones import Tombstones
from connector.storage.turns import Turns
from connector.storage.unlisted import Unlisted
from connector.storage.waiting import Waiting
from connector.tenancy import Tenant


@cache
def secrets() -> Secrets:
    """Return the secrets."""
    return Secrets(Parameters(aws.ssm(), settings.parameter_prefix()))


def secret_sets() -> SecretSets:
    """Return the sets of secrets of all connections."""
    return SecretSets(_collection(CONNECTIONS), secrets())


def connections() -> Connections:
    """Return all connections."""
    return Connections(_collection(CONNECTIONS))


def agent_owners() -> AgentOwners:
    """Return which subaccount each Retell agent under the deployment's key belongs to."""
    return AgentOwners(_collection(AGENTS), _collection(CONNECTIONS))


def comparisons() -> Comparisons:
    """Return how far the connections were compared with what Meta keeps."""
    return Comparisons(_collection(CONNECTIONS))


def authorizations() -> Authorizations:
    """Return the logins at Meta that are under way."""
    return Authorizations(_collection(AUTHORIZATIONS))


def ensure_indexes(*collections: str) -> None:
    """Check that these collections, or all, have their indexes, and build them where there is little.

    Raises:
        IndexesMissing: naming those that the operator has to build.
    """
    index_builds.ensure_indexes(_database(), collections or index_builds.COLLECTIONS)


def report_indexes(*collections: str) -> None:
    """Do the same, and log what is missing: scheduled functions do what they can without it."""
    try:
        ensure_indexes(*collections)
    except IndexesMissing as error:
        count("IndexesMissing")
        logger.error("indexes missing", extra={"why": error.message})


def chats(tenant: Tenant) -> Chats:
    """Return a tenant's chats."""
    return Chats(_collection("chats"), tenant, keep_for=_keep_for())


def changes(tenant: Tenant) -> Changes:
    """Return what customers do to a tenant's messages."""
    return Changes(_collection("chats"), tenant)


def pages(tenant: Tenant) -> Pages:
    """Return a tenant's messages, to be read."""
    return Pages(_collection("chats"), tenant)


def conversations(tenant: Tenant) -> Conversations:
    """Return a tenant's conversations, to be read."""
    return Conversations(_collection("chats"), tenant)


def turns(tenant: Tenant) -> Turns:
    """Return the turns of a tenant's chats."""
    return Turns(_collection("chats"), tenant, keep_for=_keep_for())


def outbox(tenant: Tenant) -> Outbox:
    """Return what goes out in a tenant's chats."""
    return Outbox(_collection("chats"), tenant)


def kept_events(tenant: Tenant) -> KeptEvents:
    """Return what is kept of a tenant's events."""
    return KeptEvents(_collection(KEPT_EVENTS), tenant, _keep_for())


def waiting() -> Waiting:
    """Return what waits in all chats."""
    return Waiting(_collection("chats"))


def unlisted() -> Unlisted:
    """Return the chats whose messages are not listed."""
    return Unlisted(_collection("chats"), _keep_for())


def rounds(job: str) -> Rounds:
    """Return a job's rounds over all connections; the index that finds the next one is made where there is none."""
    report_indexes(CONNECTIONS)
    return Rounds(_collection(CONNECTIONS), job)


def owners() -> Owners:
    """Return the owners of all accounts."""
    return Owners(_collection(CONNECTIONS))


def ensure_deletion_indexes() -> None:
    """Create the indexes without which a deletion would not be carried on, or its marks not go."""
    report_indexes(DELETIONS, RETELL_DELETIONS, TOMBSTONES)


def deletions() -> Deletions:
    """Return all requests to delete."""
    return Deletions(_collection(DELETIONS))


def retell_deletions() -> RetellDeletions:
    """Return the chats to be deleted at Retell."""
    return RetellDeletions(_collection(RETELL_DELETIONS))


def tombstones(tenant: Tenant) -> Tombstones:
    """Return the marks that deletions have left at a tenant."""
    return Tombstones(_collection(TOMBSTONES), tenant)


def erasure() -> Erasure:
    """Return what is stored of all conversations, to be deleted."""
    return Erasure(_collection("chats"))


def retention() -> Retention:
    """Return what is stored of all conversations, to be kept for a while."""
    return Retention(_collection("chats"), _keep_for())


def inbox_queue() -> Queue:
    """Return the queue between webhook and ingest."""
    return Queue(aws.sqs(), settings.inbox_queue_url())


def turn_queue() -> Queue:
    """Return the queue between ingest and reply."""
    return Queue(aws.sqs(), settings.turn_queue_url())


def unattended() -> timedelta | None:
    """Return for how long messages are stored for a connection that needs its owner; None for ever."""
    days = settings.unattended_days()
    return timedelta(days=days) if days else None


def _keep_for() -> timedelta | None:
    days = settings.retention_days()
    return timedelta(days=days) if days else None


def _collection(name: str) -> Collection[Document]:
    return _database()[name]


def _database() -> Database[Document]:
    """Return the database. Where MongoDB has refused the user, the parameter may hold another by now."""
    return database(secrets().mongodb_uri(recent=not is_connected()))
