"""A MongoDB user that is refused, and a URI that is mended, seen through the deployed functions."""

import time

import pytest

from connector.storage.mongodb import database as connector_database
from connector.storage.parameters import RECENT_SECONDS
from connector.wiring import stores
from tests.integration.deployment import CONNECT

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def refusing(mongodb):
    """Have mongod refuse the user at the next commands of some kinds."""

    def refuse(*commands, times=1):
        data = {"failCommands": [*commands], "errorCode": 18}
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})

    yield refuse
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_f9_a_mended_uri_is_used_right_after_a_refused_login(deployment, refusing, mongodb_uri, database, monkeypatch):
    deployment.call("POST", "connect", payload=CONNECT)
    old_uri = mongodb_uri.replace("/?", f"/{database.name}?")
    old = connector_database(old_uri)
    refusing("find", "aggregate", times=10)
    status, answer = deployment.call("GET", "status")[:2]
    assert (status, answer["error"]["code"]) == (500, "internal_error"), answer
    refusing("ping")  # none of ours

    mended = mongodb_uri.replace("/?", f"/{database.name}?appName=mended&")
    deployment.aws.put_secret("mongodb-uri", mended)
    later = time.monotonic() + RECENT_SECONDS
    monkeypatch.setattr(stores.secrets()._parameters, "_clock", lambda: later)
    status, answer = deployment.call("GET", "status")[:2]

    assert status == 200
    assert answer["data"]["status"] == "connected"
    assert connector_database(mended).client is not old.client
    with pytest.raises(Exception, match="after close"):
        old.command("ping")
    connector_database(mended).client.close()


def test_f9_a_refused_login_does_not_break_the_next_invocation(deployment, refusing):
    deployment.call("POST", "connect", payload=CONNECT)
    refusing("find", times=1)
    assert deployment.call("GET", "messages")[0] == 500

    assert deployment.call("GET", "messages")[0] == 200
