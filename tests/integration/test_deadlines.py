"""How long a request waits for a slow database, seen through the deployed functions."""

import time

import pytest

from tests.integration.deployment import CONNECT, heard
from tests.unit.payloads import USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def slow(mongodb):
    """Have mongod answer each command of some kinds after so many seconds."""

    def delay(*commands, seconds):
        data = {"failCommands": [*commands], "blockConnection": True, "blockTimeMS": seconds * 1000}
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})

    yield delay
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.parametrize(
    ("method", "verb", "payload"),
    [("GET", "messages", None), ("POST", "pause", {"userId": USER, "minutes": 30})],
)
def test_operations_of_one_request_share_five_seconds(deployment, slow, method, verb, payload):
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.tell(heard("m1", "Hello"))
    deployment.is_warm = True
    assert deployment.call(method, verb, payload=payload)[0] == 200
    slow("find", "aggregate", "update", "findAndModify", seconds=3)
    began = time.monotonic()
    status, told = deployment.call(method, verb, payload=payload)
    assert (status, told["error"]["code"]) == (503, "unavailable")
    assert 3 < time.monotonic() - began < 8
