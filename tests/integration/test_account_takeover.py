"""An account whose holder has a dead token: who gets it, and what each side is told. Through the deployed handlers."""

import json
from datetime import timedelta

import pytest
import time_machine
from botocore.exceptions import ConnectTimeoutError

from connector.accounts import ConnectionStatus
from connector.contract.connection import ConnectRequest
from connector.errors import AccountInUse
from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant
from connector.wiring import lifecycle, stores
from tests.conftest import PREFIX
from tests.integration.deployment import CONNECT, CONTEXT, heard, signed_token
from tests.unit.payloads import ACCOUNT, APP_SECRET, compact, http_event, messaging, signature
from tests.unit.peer import answer, reset

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

HOLDER, NEWCOMER, THIRD = Tenant("sub_1", "agent_1"), Tenant("sub_2", "agent_2"), Tenant("sub_3", "agent_3")
HOLDERS, NEW = "EAAholder", "EAAnew"
INVALID = answer({"error": {"code": 190, "message": "Error validating access token."}}, 401)


class Meta:
    """Meta, as far as it answers otherwise than the deployment's does."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.answers = deployment.meta.behave
        self.of_holder = None
        """How each call with the holder's token is answered; None for as usual."""
        self.before_subscribing = lambda: None
        deployment.meta.behave = self.behave

    def behave(self, handler):
        request = self.deployment.meta.requests[-1]
        if self.of_holder and request.headers["authorization"] == f"Bearer {HOLDERS}":
            self.of_holder(handler)
            return
        if request.method == "POST" and request.path.endswith("/subscribed_apps"):
            action, self.before_subscribing = self.before_subscribing, lambda: None
            action()
            answer({"success": True})(handler)
            return
        self.answers(handler)


@pytest.fixture
def meta(deployment):
    return Meta(deployment)


@pytest.fixture
def connections(database):
    return Connections(database[COLLECTION])


def call(deployment, tenant, method, verb, payload=None):
    token = signed_token(subaccountId=tenant.subaccount_id)
    path = (tenant.subaccount_id, tenant.agent_id)
    return deployment.call(method, verb, payload=payload, tenant=path, token=token)


def connect(deployment, tenant, token):
    return call(deployment, tenant, "POST", "connect", CONNECT | {"accessToken": token})


def wish(token, tenant):
    return ConnectRequest.model_validate(CONNECT | {"accessToken": token}).wish(tenant.agent_id, lambda _: None)


def secrets_of(deployment, tenant):
    """Return the names of a tenant's secrets in SSM."""
    found = deployment.aws.ssm.describe_parameters()["Parameters"]
    return {one["Name"] for one in found if one["Name"].startswith(f"{PREFIX}/connections/{tenant}/")}


def write(deployment, mid, **kinds):
    """Have a customer write, by the app-wide route, and take it in."""
    raw = compact(messaging(heard(mid, "Hi") | kinds))
    headers = {"x-hub-signature-256": signature(raw, APP_SECRET)}
    event = http_event("POST", "/api/instagram/webhook", headers=headers, text=raw.decode())
    assert deployment.function("webhook")(event, CONTEXT)["statusCode"] == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []


def test_a_newcomer_takes_the_account_over_from_a_holder_with_a_dead_token(deployment, meta, connections):
    assert connect(deployment, HOLDER, HOLDERS)[0] == 200
    before = connections.get(HOLDER)
    meta.of_holder = INVALID
    status, told = connect(deployment, NEWCOMER, NEW)
    assert (status, told["data"]["tookOver"], told["data"]["username"]) == (200, True, "acme")
    ended = connections.get(HOLDER)
    assert (ended.status, ended.generation) == (ConnectionStatus.DISCONNECTED, before.generation + 1)
    assert connections.of_account(ACCOUNT).tenant == NEWCOMER
    assert (secrets_of(deployment, HOLDER), len(secrets_of(deployment, NEWCOMER))) == (set(), 2)
    write(deployment, "m1")
    assert stores.chats(NEWCOMER).has("mid:m1")
    assert not stores.chats(HOLDER).has("mid:m1")


def test_the_holders_status_says_what_happened_and_not_who_came(deployment, meta):
    connect(deployment, HOLDER, HOLDERS)
    meta.of_holder = INVALID
    connect(deployment, NEWCOMER, NEW)
    status, told = call(deployment, HOLDER, "GET", "status")
    shown = told["data"]
    assert (status, shown["status"], shown["isConnected"]) == (200, "disconnected", False)
    assert shown["lastError"]["code"] == "account_taken_over"
    (row,) = shown["checks"]
    assert (row["name"], row["outcome"], row["code"]) == ("lastError", "failed", "account_taken_over")
    assert row["message"].startswith("Another workspace proved the account")
    assert "disconnected there" in row["remedy"]
    assert not [word for word in ("sub_2", "agent_2") if word in json.dumps(told)]


def test_a_holder_may_not_take_a_live_account_back(deployment, meta, connections):
    connect(deployment, HOLDER, HOLDERS)
    meta.of_holder = INVALID
    connect(deployment, NEWCOMER, NEW)
    meta.of_holder = None
    status, told = connect(deployment, HOLDER, HOLDERS)
    assert (status, told["error"]["code"]) == (409, "account_in_use")
    assert call(deployment, NEWCOMER, "POST", "disconnect")[0] == 200
    assert connect(deployment, HOLDER, HOLDERS)[0] == 200
    assert call(deployment, HOLDER, "GET", "status")[1]["data"]["lastError"] is None
    assert "tookOver" not in connect(deployment, HOLDER, HOLDERS)[1]["data"]


@pytest.mark.parametrize(
    "how",
    [
        None,
        reset,
        answer(b"<html>", 502),
        answer({"error": {"code": 2}}, 500),
        answer({"error": {"code": 4}}, 400),
        answer({"error": {"message": "Invalid OAuth access token."}}, 401),
        answer({}, 401),
        answer({"error": {"code": 190, "error_subcode": 459}}, 400),
        answer({"error": {"code": 190, "error_subcode": 464}}, 400),
        answer({"error": {"code": 102}}, 401),
        answer({"error": {"code": 200}}, 403),
        answer({"error": {"code": 100, "message": "Invalid appsecret_proof"}}, 400),
    ],
    ids=["live", "reset", "502", "500", "rate", "no-code", "401", "login", "confirm", "session", "right", "proof"],
)
def test_nothing_but_an_invalid_token_takes_an_account_from_its_holder(deployment, meta, connections, how):
    connect(deployment, HOLDER, HOLDERS)
    before, secrets = connections.get(HOLDER), secrets_of(deployment, HOLDER)
    meta.of_holder = how
    status, told = connect(deployment, NEWCOMER, NEW)
    assert (status, told["error"]["code"]) == (409, "account_in_use")
    assert (connections.get(HOLDER), secrets_of(deployment, HOLDER)) == (before, secrets)
    assert (connections.get(NEWCOMER), secrets_of(deployment, NEWCOMER)) == (None, set())


@pytest.mark.parametrize("outage", ["unavailable", "missing"])
def test_a_token_that_ssm_does_not_show_is_not_a_dead_one(deployment, meta, connections, database, monkeypatch, outage):
    connect(deployment, HOLDER, HOLDERS)
    database[COLLECTION].update_one({}, {"$set": {"tokenStoredAt": now() - timedelta(hours=1)}})
    stores.secrets.cache_clear()
    read = deployment.aws.ssm.get_parameter

    def fail(*, Name, **how):  # noqa: N803
        if f"{HOLDER}/access-token" in Name:
            raise ConnectTimeoutError(endpoint_url="ssm")
        return read(Name=Name, **how)

    if outage == "unavailable":
        monkeypatch.setattr(deployment.aws.ssm, "get_parameter", fail)
    else:
        (name,) = (one for one in secrets_of(deployment, HOLDER) if "access-token" in one)
        deployment.aws.ssm.delete_parameter(Name=name)
    meta.of_holder = INVALID
    assert connect(deployment, NEWCOMER, NEW)[0] == 409
    assert connections.get(HOLDER).holds_account


def test_a_token_missing_for_an_hour_is_a_dead_one(deployment, meta, connections, database):
    connect(deployment, HOLDER, HOLDERS)
    database[COLLECTION].update_one({}, {"$set": {"tokenStoredAt": now() - timedelta(hours=2)}})
    (name,) = (one for one in secrets_of(deployment, HOLDER) if "access-token" in one)
    deployment.aws.ssm.delete_parameter(Name=name)
    stores.secrets.cache_clear()
    deployment.call("GET", "status", query={"live": "true"})  # it finds the token missing
    assert connections.get(HOLDER).needs_owner_since is not None
    assert connect(deployment, NEWCOMER, NEW)[0] == 409
    with time_machine.travel(now() + timedelta(hours=1)):
        status, told = connect(deployment, NEWCOMER, NEW)
    assert (status, told["data"]["tookOver"]) == (200, True)
    assert not connections.get(HOLDER).holds_account


def test_of_two_newcomers_at_once_one_gets_the_account(deployment, meta, connections, race):
    connect(deployment, HOLDER, HOLDERS)
    meta.of_holder = INVALID
    tenants = (NEWCOMER, THIRD)
    made = race(2, lambda number: lifecycle.connecting().connect(tenants[number], wish(NEW, tenants[number])))
    (winner,) = [one.tenant for one in made if not isinstance(one, Exception)]
    assert [type(one) for one in made if isinstance(one, Exception)] == [AccountInUse]
    (loser,) = {*tenants} - {winner}
    assert connections.of_account(ACCOUNT).tenant == winner
    assert not connections.get(HOLDER).holds_account
    assert (secrets_of(deployment, loser), secrets_of(deployment, HOLDER)) == (set(), set())


def test_a_holder_that_reconnects_at_the_same_moment_keeps_the_account(deployment, meta, connections):
    connect(deployment, HOLDER, HOLDERS)
    meta.of_holder = INVALID

    def reconnect():
        lifecycle.connecting().connect(HOLDER, wish("EAAholders-new", HOLDER))

    meta.before_subscribing = reconnect  # when the newcomer has seen that the holder's token is dead
    status, told = connect(deployment, NEWCOMER, NEW)
    assert (status, told["error"]["code"]) == (409, "account_in_use")
    assert connections.of_account(ACCOUNT).tenant == HOLDER
    assert (connections.get(HOLDER).last_error, secrets_of(deployment, NEWCOMER)) == (None, set())


def test_a_holders_turn_in_flight_says_nothing_more(deployment, meta):
    connect(deployment, HOLDER, HOLDERS)
    write(deployment, "m1")
    turns, retell = deployment.turns(), deployment.retell.behave

    def take_over_meanwhile(handler):
        if "completion" in deployment.retell.requests[-1].path:
            meta.of_holder = INVALID
            lifecycle.connecting().connect(NEWCOMER, wish(NEW, NEWCOMER))
            meta.of_holder = None  # the holder's messages would be sent
        retell(handler)

    deployment.retell.behave = take_over_meanwhile
    assert turns
    assert deployment.deliver("reply", *turns) == []
    assert not Connections.get(stores.connections(), HOLDER).holds_account
    assert deployment.sent == []


STEPS = [
    *((Connections, "take_over"), (Connections, "join"), (SecretSets, "begin"), (SecretSets, "clear")),
    *((Secrets, "put_access_token"), (Secrets, "put_webhook"), (Secrets, "delete")),
]


@pytest.fixture(params=[f"{when} {step}" for _, step in STEPS for when in ("before", "after")])
def killed(request, monkeypatch):
    """A function that does something during which the function is killed, at one of the steps."""
    when, step = request.param.split()
    (owner,) = [owner for owner, name in STEPS if name == step]
    act = getattr(owner, step)

    def die(*args, **how):
        if when == "after":
            act(*args, **how)
        raise BaseException("killed")  # noqa: TRY002 - nothing in the code may catch it

    def run(work):
        with monkeypatch.context() as patched:
            patched.setattr(owner, step, die)
            with pytest.raises(BaseException, match="killed"):
                work()

    return run


def test_a_takeover_killed_at_any_step_can_be_made_again(deployment, meta, connections, database, killed):
    connect(deployment, HOLDER, HOLDERS)
    meta.of_holder = INVALID
    with time_machine.travel(now()) as clock:
        killed(lambda: connect(deployment, NEWCOMER, NEW))
        assert connect(deployment, NEWCOMER, NEW)[0] == 200
        assert connections.of_account(ACCOUNT).tenant == NEWCOMER
        assert not connections.get(HOLDER).holds_account
        clock.shift(SECRETS_UNDER_WAY + timedelta(seconds=1))
        deployment.function("erase")({}, CONTEXT)
    assert (secrets_of(deployment, HOLDER), len(secrets_of(deployment, NEWCOMER))) == (set(), 2)
    assert [one["unusedSecrets"] for one in database[COLLECTION].find()] == [[], []]


# ── a connection that needs its owner, and gets none


@pytest.fixture
def unattended(deployment, meta, connections):
    """A clock, at the moment when a connection with a message begins to need its owner."""
    with time_machine.travel(now()) as clock:
        connect(deployment, HOLDER, HOLDERS)
        write(deployment, "m0")
        connections.record_error(connections.get(HOLDER), "reconnect_needed", needs_reconnection=True)
        yield clock


def test_a_connection_that_needs_its_owner_stores_messages_for_a_week(deployment, unattended, connections):
    began = connections.get(HOLDER).needs_owner_since
    unattended.shift(timedelta(days=6, hours=23))
    write(deployment, "m1")
    connections.record_error(connections.get(HOLDER), "reconnect_needed", needs_reconnection=True)
    status = call(deployment, HOLDER, "GET", "status")[1]["data"]
    assert status["messagesStoredUntil"] == (began + timedelta(days=7)).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    unattended.shift(timedelta(hours=2))
    write(deployment, "m2")
    assert [stores.chats(HOLDER).has(f"mid:m{number}") for number in (1, 2)] == [True, False]


def test_an_unattended_connection_still_removes_what_customers_take_back(deployment, unattended):
    unattended.shift(timedelta(days=8))
    write(deployment, "m0", message={"mid": "m0", "is_deleted": True})
    (message,) = call(deployment, HOLDER, "GET", "messages")[1]["data"]["messages"]
    assert message["text"] is None


def test_an_unattended_connection_stores_messages_again_when_reconnected(deployment, unattended):
    unattended.shift(timedelta(days=8))
    connect(deployment, HOLDER, HOLDERS)
    write(deployment, "m3")
    assert stores.chats(HOLDER).has("mid:m3")
    assert call(deployment, HOLDER, "GET", "status")[1]["data"]["messagesStoredUntil"] is None


def test_a_connection_restored_by_itself_stores_messages_again(deployment, unattended, connections):
    unattended.shift(timedelta(days=8))
    assert connections.restore(connections.get(HOLDER))
    write(deployment, "m3")
    assert stores.chats(HOLDER).has("mid:m3")
    assert connections.get(HOLDER).needs_owner_since is None


def test_unattended_days_of_zero_stores_messages_for_ever(deployment, unattended, monkeypatch):
    monkeypatch.setenv("UNATTENDED_DAYS", "0")
    unattended.shift(timedelta(days=300))
    write(deployment, "m1")
    assert stores.chats(HOLDER).has("mid:m1")
    assert call(deployment, HOLDER, "GET", "status")[1]["data"]["messagesStoredUntil"] is None


# ── leftovers of a connect that was killed


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("step", ["put_access_token", "put_webhook"])
def test_disconnect_deletes_secrets_where_no_connection_was_made(deployment, monkeypatch, database, purge, step):
    put = getattr(Secrets, step)

    def die(*args, **how):
        put(*args, **how)
        raise BaseException("killed")  # noqa: TRY002 - nothing in the code may catch it

    with monkeypatch.context() as patched:
        patched.setattr(Secrets, step, die)
        with pytest.raises(BaseException, match="killed"):
            connect(deployment, HOLDER, HOLDERS)
    assert secrets_of(deployment, HOLDER)
    assert call(deployment, HOLDER, "POST", "disconnect", {"purge": purge})[0] == 200
    assert secrets_of(deployment, HOLDER) == set()
    with time_machine.travel(now() + SECRETS_UNDER_WAY):
        deployment.function("erase")({}, CONTEXT)
    assert [one.get("unusedSecrets") for one in database[COLLECTION].find()] in ([], [[]])


def test_a_disconnect_during_a_connect_leaves_secrets_that_work(deployment, meta, connections):
    def disconnect():
        stores.secret_sets().begin(HOLDER)  # so that there is something to end
        lifecycle.disconnecting().disconnect(HOLDER)

    meta.before_subscribing = disconnect
    assert connect(deployment, HOLDER, HOLDERS)[0] == 200
    assert {one.rpartition("/")[2] for one in secrets_of(deployment, HOLDER)} == {connections.get(HOLDER).secrets_id}


def test_a_disconnect_between_the_secrets_and_the_join_is_not_joined_over(deployment, connections, monkeypatch):
    put, done = Secrets.put_webhook, []

    def put_and_disconnect(*args, **how):
        put(*args, **how)
        if not done:
            done.append(lifecycle.disconnecting().disconnect(HOLDER))

    monkeypatch.setattr(Secrets, "put_webhook", put_and_disconnect)
    assert connect(deployment, HOLDER, HOLDERS)[0] == 200
    made = connections.get(HOLDER)
    assert made.is_connected
    assert {one.rpartition("/")[2] for one in secrets_of(deployment, HOLDER)} == {made.secrets_id}
