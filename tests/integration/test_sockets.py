"""How many connections to MongoDB an execution environment holds, which docs/deploy.md counts with."""

import pytest

from tests.integration.deployment import CONNECT, heard

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def _connections(mongodb):
    operations = mongodb.admin.aggregate(
        [{"$currentOp": {"allUsers": True, "idleConnections": True}}, {"$match": {"appName": "instagram-connector"}}]
    )
    return {operation["connectionId"] for operation in operations}


def test_an_environment_holds_two_connections_to_the_primary(deployment, mongodb, monkeypatch):
    """One of the pool and one of the monitor; on Lambda the driver measures round trips without a third."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    before = _connections(mongodb)
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.deliver("reply", *deployment.tell(heard("m1", "Hello")))
    deployment.sweep()
    # As sets: those of the tests before may be closed only now.
    assert len(_connections(mongodb) - before) == 2
