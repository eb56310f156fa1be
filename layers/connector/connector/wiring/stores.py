"""The stores, ready to use: made on first use, kept for the life of the execution environment."""

from functools import cache

from pymongo.collection import Collection

from connector import aws, settings
from connector.queues import Queue
from connector.storage.chats import Chats
from connector.storage.connections import COLLECTION, Connections
from connector.storage.mongodb import Document, database
from connector.storage.outbox import Outbox
from connector.storage.parameters import Parameters
from connector.storage.secrets import Secrets
from connector.storage.turns import Turns
from connector.tenancy import Tenant


@cache
def secrets() -> Secrets:
    """Return the secrets."""
    return Secrets(Parameters(aws.ssm(), settings.parameter_prefix()))


def connections() -> Connections:
    """Return all connections."""
    return Connections(database(secrets().mongodb_uri())[COLLECTION])


def chats(tenant: Tenant) -> Chats:
    """Return a tenant's chats."""
    return Chats(_chats(), tenant)


def turns(tenant: Tenant) -> Turns:
    """Return the turns of a tenant's chats."""
    return Turns(_chats(), tenant)


def outbox(tenant: Tenant) -> Outbox:
    """Return what goes out in a tenant's chats."""
    return Outbox(_chats(), tenant)


def turn_queue() -> Queue:
    """Return the queue between ingest and reply."""
    return Queue(aws.sqs(), settings.turn_queue_url())


def _chats() -> Collection[Document]:
    return database(secrets().mongodb_uri())["chats"]
