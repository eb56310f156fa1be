"""What integration tests share: a tenant on the real mongod."""

from typing import Any

import pytest
from pymongo.database import Database

from tests.integration.world import World


@pytest.fixture
def world(database: Database[dict[str, Any]]) -> World:
    """A connected tenant and its customer, on a database of the test's own."""
    return World.of(database)
