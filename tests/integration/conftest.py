"""What integration tests share: a tenant on the real mongod."""

import io
import json
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from connector.logs import logger
from connector.storage.chats import Chats
from connector.storage.index_builds import ensure_indexes
from connector.storage.mongodb import database as connector_database
from tests.integration.deployment import JWT_KEY, Deployment, forget_what_is_kept
from tests.integration.enforcing import enforced
from tests.integration.stack import running_stack
from tests.integration.world import TENANT, World
from tests.unit.peer import peer


@pytest.fixture
def world(database: Database[dict[str, Any]]) -> World:
    """A connected tenant and its customer, on a database of the test's own."""
    return World.of(database)


@pytest.fixture
def collection(database: Database[dict[str, Any]]) -> Collection[dict[str, Any]]:
    """The platform's `chats`."""
    return database["chats"]


@pytest.fixture
def chats(collection: Collection[dict[str, Any]]) -> Chats:
    """The tenant's chats."""
    ensure_indexes(collection.database)
    return Chats(collection, TENANT)


@pytest.fixture
def deployment(aws, functions_environment, mongodb_uri, database, monkeypatch):
    """One stack whose functions can be called; Meta and Retell are servers that answer as `Deployment` says."""
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "of the app"}))
    aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]}))
    aws.put_secret("mongodb-uri", uri)
    aws.put_secret("retell-api-key", "key_test")
    monkeypatch.setenv("QUIET_SECONDS", "0")
    monkeypatch.setenv("MEDIA_QUIET_SECONDS", "0")
    forget_what_is_kept()
    queues = {"InboxQueue": "inbox", "TurnQueue": "turns"}
    with peer() as meta, peer() as retell, enforced(queues) as enforcement:
        monkeypatch.setenv("FACEBOOK_GRAPH_URL", meta.url)
        monkeypatch.setenv("INSTAGRAM_GRAPH_URL", meta.url)
        monkeypatch.setenv("RETELL_URL", retell.url)
        yield Deployment(aws, functions_environment, meta, retell, enforcement)
    connector_database(uri).client.close()
    forget_what_is_kept()


@pytest.fixture
def stack(aws, mongodb_uri, database, monkeypatch):
    """One stack with a connected agent, whose time is moved and not waited for."""
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    with running_stack(aws, database, uri, monkeypatch.setenv) as running:
        running.connect()
        yield running


@pytest.fixture
def log_text(monkeypatch):
    """Return what the functions have logged since the last call."""
    (handler,) = logger.handlers
    stream = io.StringIO()
    monkeypatch.setattr(handler, "stream", stream)

    def read():
        text = stream.getvalue()
        stream.truncate(0)
        stream.seek(0)
        return text

    return read
