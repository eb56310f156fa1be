"""The refresh function as its schedule calls it, and the token as every function reads it."""

import importlib
import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from connector.accounts import ConnectionStatus, Login
from connector.errors import Misconfigured, ReconnectNeeded, Unavailable
from connector.logs import metrics
from connector.storage.mongodb import database as connector_database
from connector.tenancy import Tenant
from connector.wiring import meta, stores
from tests.integration.owners import owners, wish

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

TENANTS = [Tenant("sub_1", f"agent_{number}") for number in range(3)]
CONTEXT = SimpleNamespace(
    function_name="refresh",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:refresh",
    aws_request_id="id",
)


@pytest.fixture
def world(aws, functions_environment, mongodb_uri, database, monkeypatch):
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    aws.put_secret("mongodb-uri", uri)
    aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"]}))
    _forget()
    with owners(aws, database) as made:
        monkeypatch.setenv("FACEBOOK_GRAPH_URL", made.meta.url)
        monkeypatch.setenv("INSTAGRAM_GRAPH_URL", made.meta.url)
        yield made
    connector_database(uri).client.close()
    _forget()


def _forget():
    """Forget what an execution environment keeps."""
    for kept in (stores.secrets, connector_database, meta.messenger, meta.background_messenger):
        kept.cache_clear()


def _refuse(monkeypatch, aws, code):
    """Have SSM refuse the token of every connection, and nothing else."""
    read = aws.ssm.get_parameter

    def get_parameter(*, Name, **how):  # noqa: N803
        if "access-token" in Name:
            raise ClientError({"Error": {"Code": code, "Message": "…"}}, "GetParameter")
        return read(Name=Name, **how)

    monkeypatch.setattr(aws.ssm, "get_parameter", get_parameter)


def refresh(capsys):
    """Have the schedule call, and return the metrics."""
    capsys.readouterr()
    metrics.clear_metrics()
    importlib.import_module("functions.refresh.app").handler({"detail-type": "Scheduled Event"}, CONTEXT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = {one["Name"] for line in lines for part in line["_aws"]["CloudWatchMetrics"] for one in part["Metrics"]}
    return {name: sum(sum(line.get(name, ())) for line in lines) for name in names}


def test_the_schedule_has_every_connection_looked_after_and_the_metrics_tell(world, capsys):
    accounts = [world.meta.account() for _ in TENANTS]
    for tenant, account, login in zip(TENANTS, accounts, (*Login, Login.FACEBOOK), strict=True):
        world.connecting().connect(tenant, wish(account, login))
    world.meta.control("PUT", f"accounts/{accounts[0]['instagramAccountId']}", subscribed=False)
    world.meta.control("PUT", f"tokens/{accounts[1]['instagramAccountId']}", revoked={"code": 190, "subcode": 460})
    assert refresh(capsys) == {"ConnectionsChecked": 3, "Resubscribed": 1, "ReauthorizationRequired": 1}
    assert [world.connections.get(tenant).status for tenant in TENANTS] == [
        ConnectionStatus.CONNECTED,
        ConnectionStatus.NEEDS_RECONNECTION,
        ConnectionStatus.CONNECTED,
    ]
    assert refresh(capsys) == {}, "their hour is not over"


def test_g3_a_schedule_that_may_not_read_the_tokens_counts_it_and_ends_no_connection(world, capsys, monkeypatch):
    world.connecting().connect(TENANTS[0], wish(world.meta.account()))
    _refuse(monkeypatch, world.aws, "AccessDeniedException")
    assert refresh(capsys) == {"VisitsFailed": 1}
    assert world.connections.get(TENANTS[0]).is_connected


# ── the token, as every function reads it


@pytest.fixture
def connection(world):
    return world.connecting().connect(TENANTS[0], wish(world.meta.account()))


def test_g1_a_throttled_ssm_is_no_dead_token(world, connection, monkeypatch):
    before = world.connections.get(connection.tenant)
    _refuse(monkeypatch, world.aws, "ThrottlingException")
    with pytest.raises(Unavailable):
        meta.token_of(connection)
    assert world.connections.get(connection.tenant) == before


def test_g1_a_token_that_was_read_before_is_served_while_ssm_is_throttled(world, connection, monkeypatch):
    token = meta.token_of(connection)
    _refuse(monkeypatch, world.aws, "ThrottlingException")
    assert meta.token_of(connection) == token


def test_g2_a_token_that_is_gone_needs_the_owner(world, connection):
    world.lose_token(connection)
    with pytest.raises(ReconnectNeeded):
        meta.token_of(world.connections.get(connection.tenant))
    assert world.connections.get(connection.tenant).status is ConnectionStatus.NEEDS_RECONNECTION


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInvalidStateException"])
def test_g3_a_token_that_may_not_be_read_is_the_deployments_fault_and_ends_no_connection(
    world, connection, monkeypatch, code
):
    before = world.connections.get(connection.tenant)
    _refuse(monkeypatch, world.aws, code)
    with pytest.raises(Misconfigured):
        meta.token_of(connection)
    assert world.connections.get(connection.tenant) == before


def test_g7_after_a_reconnect_an_environment_that_cached_the_old_token_reads_the_new_one(world, connection):
    account = world.meta.account()
    old = meta.token_of(connection)
    renewed = world.connecting().connect(connection.tenant, wish(account))
    assert meta.token_of(renewed).value == account["accessToken"]
    world.disconnecting().disconnect(connection.tenant)
    again = world.connecting().connect(connection.tenant, wish(world.meta.account()))
    assert again.token_version == connection.token_version, "SSM has begun to count anew"
    assert meta.token_of(again).value not in (old.value, account["accessToken"])
