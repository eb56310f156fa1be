"""Joining an agent to an account, and ending it: `lifecycle`, with real stores and a Graph server over HTTP."""

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ConnectTimeoutError

from connector.accounts import Connection, ConnectionStatus, Login
from connector.errors import (
    AccountInUse,
    AuthenticationFailed,
    Misconfigured,
    NotReady,
    OutcomeUnknown,
    PageNotLinked,
    TryLater,
    Unavailable,
)
from connector.instagram.graph import Graph
from connector.instagram.subscriptions import fields_of
from connector.instagram.tokens import Tokens
from connector.lifecycle.binding import Binding, Rule
from connector.lifecycle.connect import Connecting
from connector.lifecycle.credentials import Examiner
from connector.lifecycle.disconnect import Disconnecting
from connector.lifecycle.wish import Wish
from connector.storage.agent_owners import COLLECTION as AGENTS
from connector.storage.agent_owners import AgentOwners
from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.storage.parameters import Parameters
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant
from tests.conftest import PREFIX
from tests.unit.payloads import ACCOUNT, PAGE
from tests.unit.peer import Peer, answer, nobody, peer, reset

TENANT = Tenant("sub_1", "agent_1")
OTHER = Tenant("sub_2", "agent_2")
TOKEN = "EAAgood-token"


class FakeGraph:
    """Meta, as far as connecting needs it: one account, one Page, one good token."""

    def __init__(self, server: Peer) -> None:
        self.server = server
        self.subscribed: set[str] = set()
        self.linked: str | None = ACCOUNT
        self.bearer = PAGE
        self.overrides: dict[tuple[str, str], object] = {}
        server.behave = self._behave

    def fails(self, method: str, path: str, how: object) -> None:
        """Have one call answered otherwise."""
        self.overrides[method, path] = how

    def calls(self) -> list[tuple[str, str]]:
        """Return what was called, in order."""
        return [(one.method, one.path.removeprefix("/v26.0/")) for one in self.server.requests]

    def _behave(self, handler) -> None:
        request = self.server.requests[-1]
        path = request.path.removeprefix("/v26.0/")
        if how := self.overrides.get((request.method, path)):
            how(handler)
        elif request.headers["authorization"] != f"Bearer {TOKEN}":
            answer({"error": {"code": 190, "message": "Invalid OAuth access token."}}, 401)(handler)
        else:
            self._answer(request.method, path)(handler)

    def _answer(self, method: str, path: str):
        match method, path:
            case "GET", account if account == ACCOUNT:
                return answer({"id": ACCOUNT, "username": "acme", "name": "Acme"})
            case "GET", "me":
                return answer({"id": self.bearer})
            case "GET", edge if edge == f"{PAGE}/conversations":
                return answer({"data": []})
            case "GET", edge if edge == f"{PAGE}/subscribed_apps":
                fields = fields_of(Login.FACEBOOK) if self.subscribed else ()
                return answer({"data": [{"id": "1", "subscribed_fields": list(fields)}]})
            case "GET", page if page == PAGE:
                linked = {"instagram_business_account": {"id": self.linked}} if self.linked else {}
                return answer({"id": PAGE, "name": "Acme"} | linked)
            case "POST", _:
                self.subscribed.add(path)
                return answer({"success": True})
            case "DELETE", _:
                self.subscribed.discard(path)
                return answer({"success": True})
        return answer({"error": {"code": 100, "error_subcode": 33, "message": "does not exist"}}, 400)


class Setting:
    """The stores, and Meta."""

    def __init__(self, aws, database, server):
        self.aws = aws
        self.graph = FakeGraph(server)
        self.connections = Connections(database[COLLECTION])
        ensure_indexes(database)
        self.secrets = Secrets(Parameters(aws.ssm, PREFIX))
        self.collection, self.agents = database[COLLECTION], database[AGENTS]
        self.secret_sets = SecretSets(self.collection, self.secrets)
        self.url = f"{server.url}/v26.0"
        self.agent_error = None

    def graph_of(self, login, token, node_id):
        return Graph(self.url, token, node_id)

    def examiner_of(self, login):
        tokens = Tokens(
            lambda token: self.graph_of(login, token, ""), lambda token: self.graph_of(login, token, ""), now
        )
        return Examiner(login, None, self.graph_of, tokens, now)

    def require_agent(self, tenant, agent_id):
        if self.agent_error:
            raise self.agent_error

    def connect(self, tenant=TENANT, key=None, **changes):
        wish = {
            "access_token": TOKEN,
            "account_id": ACCOUNT,
            "page_id": PAGE,
            "verify_token": "meatyhamhock",
            "retell_agent_id": "agent_r",
        } | changes
        connecting = Connecting(
            self.graph_of,
            self.examiner_of,
            Binding(Rule.OPEN, lambda _: False, AgentOwners(self.agents, self.collection), self.require_agent),
            self.connections,
            self.secrets,
            self.secret_sets,
            "alias/test-stack",
            now,
        )
        return connecting.connect(tenant, Wish(**wish), key=key)

    def disconnect(self, tenant=TENANT):
        Disconnecting(self.graph_of, self.connections, self.secrets, self.secret_sets).disconnect(tenant)

    def parameters(self):
        told = self.aws.ssm.describe_parameters()["Parameters"]
        return sorted(one["Name"].removeprefix(f"{PREFIX}/") for one in told)

    def names_of(self, connection):
        """Return the names under which a connection's secrets are stored."""
        path = f"connections/{connection.tenant}"
        return [f"{path}/{kind}/{connection.secrets_id}" for kind in ("access-token", "webhook")]


@pytest.fixture
def setting(aws, database):
    with peer() as server:
        yield Setting(aws, database, server)


def test_connecting_checks_subscribes_stores_the_secrets_and_then_the_connection(setting):
    made = setting.connect()
    calls = setting.graph.calls()
    assert calls[:2] == [("GET", "me"), ("GET", ACCOUNT)]
    assert sorted(calls[2:4]) == [("GET", PAGE), ("GET", f"{PAGE}/conversations")]
    assert calls[4:] == [("POST", f"{PAGE}/subscribed_apps"), ("GET", f"{PAGE}/subscribed_apps")]
    stored = setting.connections.get(TENANT)
    assert replace(stored, checks=(), checked_at=None) == made
    assert {one.name: one.outcome for one in stored.checks} == dict.fromkeys(
        ("token", "permissions", "account", "messageAccess", "agent", "pageLink", "subscription"), "passed"
    )
    assert (made.account.username, made.account.page_id, made.retell_agent_id) == ("acme", PAGE, "agent_r")
    assert setting.parameters() == setting.names_of(made)
    assert setting.secrets.access_token(made).value == TOKEN
    assert setting.secrets.webhook(TENANT).verify_tokens == ("meatyhamhock",)


def test_the_token_is_nowhere_in_the_database(setting, database):
    setting.connect(app_secret="hush")
    stored = json.dumps(list(database[COLLECTION].find()), default=str)
    assert not [secret for secret in (TOKEN, "hush", "meatyhamhock") if secret in stored]


def test_i6_connecting_twice_is_a_success_with_new_secrets_and_generation(setting):
    first, second = setting.connect(), setting.connect()
    assert second.generation == first.generation + 1
    assert second.secrets_id != first.secrets_id


def test_the_secrets_of_before_are_read_by_who_is_under_way_and_deleted_later(setting):
    first, second = setting.connect(), setting.connect()
    assert setting.secrets.access_token(first).value == TOKEN
    assert setting.secret_sets.clear_all() == 0
    later = SecretSets(setting.collection, setting.secrets, lambda: now() + SECRETS_UNDER_WAY)
    assert later.clear_all() == 1
    assert setting.parameters() == setting.names_of(second)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"access_token": "EAAbad"}, AuthenticationFailed),
        ({"account_id": "17841400000000099"}, AuthenticationFailed),
        ({"page_id": "999"}, AuthenticationFailed),
    ],
)
def test_a_token_that_meta_refuses_stores_nothing_and_says_what_to_check(setting, changes, kind):
    with pytest.raises(kind) as refusal:
        setting.connect(**changes)
    assert refusal.value.message.startswith("Authentication failed")
    assert "EAA" not in refusal.value.message
    assert setting.connections.get(TENANT) is None
    assert setting.parameters() == []
    assert setting.graph.subscribed == set()


@pytest.mark.parametrize("linked", [None, "17841400000000002"])
def test_a_page_of_no_or_another_account_stores_nothing(setting, linked):
    setting.graph.linked = linked
    with pytest.raises(PageNotLinked):
        setting.connect()
    assert setting.parameters() == []
    assert setting.graph.subscribed == set()


def test_i1_an_account_of_another_agent_is_refused_before_anything_is_changed(setting):
    theirs = setting.connect(OTHER)
    before = setting.parameters()
    setting.graph.server.requests.clear()
    with pytest.raises(AccountInUse):
        setting.connect()
    assert setting.parameters() == before
    assert setting.connections.of_account(ACCOUNT).tenant == theirs.tenant
    assert {method for method, _ in setting.graph.calls()} == {"GET"}


def test_i1_of_eight_agents_racing_for_one_account_one_is_connected(setting, race):
    results = race(8, lambda index: setting.connect(Tenant("sub_1", f"agent_{index}")))
    assert len([one for one in results if isinstance(one, AccountInUse)]) == 7, results
    assert setting.connections.of_account(ACCOUNT).tenant in [
        one.tenant for one in results if isinstance(one, Connection)
    ]


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (answer({"error": {"code": 200}}, 403), NotReady),
        (answer({"error": {"code": 4}}, 400), TryLater),
        (answer({"error": {"code": 2}}, 500), OutcomeUnknown),
        (answer({"success": False}), OutcomeUnknown),
        (reset, OutcomeUnknown),
    ],
    ids=["permission", "rate", "trouble", "not-confirmed", "reset"],
)
def test_i7_a_subscription_that_fails_leaves_the_connection_as_it_was(setting, how, kind):
    setting.connect()
    first = setting.connections.get(TENANT)
    setting.graph.fails("POST", f"{PAGE}/subscribed_apps", how)
    with pytest.raises(kind):
        setting.connect()
    assert setting.connections.get(TENANT) == first


@pytest.mark.parametrize("path", [ACCOUNT, PAGE])
@pytest.mark.parametrize(
    "how", [answer(b"<html>", 502), answer({"error": {"code": 2}}, 500), answer({"error": {"code": 4}}, 400), reset]
)
def test_a_meta_that_does_not_answer_is_no_failed_authentication(setting, path, how):
    setting.graph.fails("GET", path, how)
    with pytest.raises(TryLater):
        setting.connect()
    assert setting.parameters() == []


def test_g4_secrets_that_cannot_be_written_leave_the_connection_as_it_was(setting, monkeypatch):
    setting.connect()
    first = setting.connections.get(TENANT)

    def refuse(**_):
        raise ConnectTimeoutError(endpoint_url="ssm")

    monkeypatch.setattr(setting.aws.ssm, "put_parameter", refuse)
    with pytest.raises(Unavailable):
        setting.connect()
    assert setting.connections.get(TENANT) == first


def test_g6_a_secret_that_is_longer_than_ssm_takes_leaves_the_connection_as_it_was(setting):
    setting.connect()
    first = setting.connections.get(TENANT)
    with pytest.raises(Misconfigured) as refusal:
        setting.connect(verify_token="x" * 4097)
    assert "cannot hold" in refusal.value.message
    assert setting.connections.get(TENANT) == first
    assert setting.secrets.access_token(first).value == TOKEN
    assert setting.secrets.webhook(TENANT).verify_tokens == ("meatyhamhock",)


def test_disconnecting_stops_unsubscribes_and_forgets_the_secrets(setting):
    first = setting.connect()
    setting.disconnect()
    ended = setting.connections.get(TENANT)
    assert (ended.status, ended.generation) == (ConnectionStatus.DISCONNECTED, first.generation + 1)
    assert setting.parameters() == []
    assert setting.graph.subscribed == set()
    assert setting.graph.calls()[-1] == ("DELETE", f"{PAGE}/subscribed_apps")


def test_disconnecting_twice_or_what_was_never_connected_is_a_success(setting):
    setting.disconnect()
    setting.connect()
    setting.disconnect()
    setting.disconnect()
    assert [method for method, _ in setting.graph.calls()].count("DELETE") == 1
    assert setting.connections.get(TENANT).generation == 2


@pytest.mark.parametrize(
    "how", [answer({"error": {"code": 190}}, 401), answer(b"", 500), reset], ids=["dead-token", "500", "reset"]
)
def test_a_meta_that_does_not_unsubscribe_keeps_no_customer_connected(setting, how):
    setting.connect()
    setting.graph.fails("DELETE", f"{PAGE}/subscribed_apps", how)
    setting.disconnect()
    assert setting.connections.get(TENANT).status is ConnectionStatus.DISCONNECTED
    assert setting.parameters() == []


def test_a_meta_that_is_not_to_be_reached_keeps_no_customer_connected(setting):
    setting.connect()
    setting.url = nobody()
    setting.disconnect()
    assert setting.parameters() == []


def test_a_disconnect_that_failed_half_way_can_be_made_again(setting, monkeypatch):
    """The connection has ended; its secrets were left."""
    setting.connect()
    with monkeypatch.context() as patched:
        patched.setattr(setting.secrets, "delete", lambda *_: (_ for _ in ()).throw(Unavailable("down")))
        with pytest.raises(Unavailable):
            setting.disconnect()
    setting.disconnect()
    assert setting.parameters() == []


def test_i5_another_agent_may_have_the_account_after_the_disconnect_and_the_first_may_not_have_it_back(setting):
    setting.connect()
    setting.disconnect()
    setting.connect(OTHER)
    with pytest.raises(AccountInUse):
        setting.connect()
    setting.disconnect()
    assert setting.connections.get(OTHER).is_connected
    assert setting.parameters() == setting.names_of(setting.connections.get(OTHER))
