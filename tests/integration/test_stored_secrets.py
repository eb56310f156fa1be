"""The secrets of a connection: SSM is eventually consistent, and no name is used twice."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from connector.accounts import ConnectionStatus
from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.secrets import VISIBLE_WITHIN
from connector.tenancy import Tenant
from connector.wiring import stores
from tests.conftest import PREFIX
from tests.integration.deployment import CONNECT, CONTEXT

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

TENANT = Tenant("sub_1", "agent_1")


@pytest.fixture
def connections(database):
    return Connections(database[COLLECTION])


@pytest.fixture
def hidden(deployment, monkeypatch):
    """A list of one code, with which SSM says that it has no access token (yet); nothing while it is empty."""
    codes, read = [], deployment.aws.ssm.get_parameter

    def get_parameter(*, Name, **how):  # noqa: N803
        if codes and "access-token" in Name:
            raise ClientError({"Error": {"Code": codes[0], "Message": "…"}}, "GetParameter")
        return read(Name=Name, **how)

    monkeypatch.setattr(deployment.aws.ssm, "get_parameter", get_parameter)
    return codes


def names(deployment):
    """Return the names of all connections' secrets."""
    found = deployment.aws.ssm.describe_parameters()["Parameters"]
    return {name for one in found if (name := one["Name"]).startswith(f"{PREFIX}/connections/")}


def let_time_pass(database, elapsed):
    """Move what is stored of the connection into the past."""
    (document,) = database[COLLECTION].find()
    moved = {name: document[name] - elapsed for name in ("connectedAt", "tokenStoredAt")}
    unused = [one | {"dueAt": one["dueAt"] - elapsed} for one in document.get("unusedSecrets", [])]
    database[COLLECTION].update_one({"_id": document["_id"]}, {"$set": moved | {"unusedSecrets": unused}})


@pytest.mark.parametrize("code", ["ParameterNotFound", "ParameterVersionNotFound"])
def test_a_turn_waits_for_a_token_that_is_not_visible_yet(deployment, connections, database, hidden, code):
    turns = deployment.take_in("m1")
    stores.secrets.cache_clear()
    hidden.append(code)
    assert deployment.deliver("reply", *turns) == []
    assert connections.get(TENANT).is_connected
    (chat,) = database["chats"].find()
    assert (chat["turn"]["state"], chat["turn"]["leaseUntil"] - now() < timedelta(seconds=10)) == ("open", True)
    hidden.clear()
    database["chats"].update_one({}, {"$set": {"turn.leaseUntil": now()}})
    assert deployment.deliver("reply", *turns) == []
    assert deployment.sent == ["We open at nine."]


def test_status_and_menu_say_later_while_a_token_is_not_visible(deployment, connections, hidden):
    deployment.take_in("m1")
    stores.secrets.cache_clear()
    hidden.append("ParameterNotFound")
    status, told = deployment.call("GET", "status", query={"live": "true"})
    rows = {one["name"]: one for one in told["data"]["checks"]}
    assert (status, rows["token"]["outcome"], rows["token"]["code"]) == (200, "unknown", "try_later")
    assert told["data"]["isConnected"]
    status, told = deployment.call("GET", "menu")
    assert (status, told["error"]["code"]) == (503, "try_later")
    assert connections.get(TENANT).is_connected


def test_the_hourly_check_says_later_while_a_token_is_not_visible(deployment, connections, hidden):
    deployment.take_in("m1")
    stores.secrets.cache_clear()
    hidden.append("ParameterNotFound")
    deployment.function("refresh")({}, CONTEXT)
    (row,) = [one for one in connections.get(TENANT).checks if one.name == "token"]
    assert (row.outcome, connections.get(TENANT).status) == ("unknown", ConnectionStatus.CONNECTED)


def test_a_token_still_missing_after_a_minute_needs_its_owner(deployment, connections, database, hidden):
    deployment.take_in("m1")
    stores.secrets.cache_clear()
    hidden.append("ParameterNotFound")
    let_time_pass(database, VISIBLE_WITHIN)
    assert deployment.call("GET", "menu")[0] == 409
    assert connections.get(TENANT).status is ConnectionStatus.NEEDS_RECONNECTION


def test_a_reconnect_at_once_uses_no_deleted_name_again(deployment):
    used = set()
    for _ in range(3):
        assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
        assert len(names(deployment)) == 2
        assert not names(deployment) & used
        used |= names(deployment)
        assert deployment.call("POST", "disconnect")[0] == 200
        assert names(deployment) == set()


def test_the_secrets_before_a_reconnect_are_deleted_minutes_later(deployment, database):
    deployment.call("POST", "connect", payload=CONNECT)
    before = names(deployment)
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.function("erase")({}, CONTEXT)
    assert before < names(deployment), "requests that are under way read them"
    let_time_pass(database, SECRETS_UNDER_WAY)
    deployment.function("erase")({}, CONTEXT)
    assert len(names(deployment)) == 2
    assert not names(deployment) & before


def test_secrets_of_a_killed_connect_are_deleted(deployment, database, connections, monkeypatch):
    def die(*_, **__):
        raise BaseException("killed")  # noqa: TRY002 - nothing in the code may catch it

    with monkeypatch.context() as patched:
        patched.setattr(Connections, "join", die)
        with pytest.raises(BaseException, match="killed"):
            deployment.call("POST", "connect", payload=CONNECT)
    assert (len(names(deployment)), connections.get(TENANT)) == (2, None)
    (document,) = database[COLLECTION].find()
    (entry,) = document["unusedSecrets"]
    moved = [entry | {"dueAt": entry["dueAt"] - SECRETS_UNDER_WAY}]
    database[COLLECTION].update_one({"_id": document["_id"]}, {"$set": {"unusedSecrets": moved}})
    assert deployment.call("POST", "disconnect")[0] == 200
    assert names(deployment) == set()


def test_secrets_of_an_older_version_are_read_until_the_next_connect(deployment, database, connections):
    deployment.call("POST", "connect", payload=CONNECT)
    for name in names(deployment):
        value = deployment.aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        deployment.aws.put_secret(name.removeprefix(f"{PREFIX}/").rpartition("/")[0], value)
        deployment.aws.ssm.delete_parameter(Name=name)
    database[COLLECTION].update_one({}, {"$unset": {"secretsId": "", "tokenStoredAt": "", "unusedSecrets": ""}})
    stores.secrets.cache_clear()
    old = names(deployment)
    assert deployment.call("GET", "menu")[0] == 200
    deployment.call("POST", "connect", payload=CONNECT)
    let_time_pass(database, SECRETS_UNDER_WAY)
    deployment.function("erase")({}, CONTEXT)
    assert len(names(deployment)) == 2
    assert not names(deployment) & old
    assert connections.get(TENANT).secrets_id
