"""What integration tests share: a tenant on the real mongod."""

from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from connector.storage.chats import Chats
from connector.storage.indexes import ensure_indexes
from tests.integration.world import TENANT, World


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
    ensure_indexes(collection)
    return Chats(collection, TENANT)
