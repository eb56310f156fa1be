"""Log lines of the deployed functions: whose they are, why a request failed, and what they must not hold."""

import json
import time

import dns.resolver
import jwt
import pytest
from dns.resolver import NXDOMAIN, NoNameservers

from connector.storage.mongodb import database as connector_database
from connector.wiring import stores
from tests.integration.deployment import CONNECT, CONTEXT, JWT_KEY, heard, signed_token
from tests.unit.payloads import ACCOUNT, USER, connection_path, http_event
from tests.unit.peer import answer, reset

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

WORDS = "Wann haben Sie geöffnet?"
NOW = int(time.time())
TENANT = {"subaccountId": "sub_1", "agentId": "agent_1"}


@pytest.fixture
def lines(log_text):
    """Return the log lines since the last call, parsed."""

    def read():
        text = log_text()
        assert not [one for one in (WORDS, USER, JWT_KEY, CONNECT["accessToken"]) if one in text]
        return [json.loads(line) for line in text.splitlines()]

    return read


def _ids(line, *names):
    return {name: line.get(name) for name in names}


def _turn(deployment):
    """Have a customer write and be answered, and return the chat's document."""
    deployment.call("POST", "connect", payload=CONNECT)
    assert deployment.deliver("reply", *deployment.tell(heard("m1", WORDS))) == []
    return stores._collection("chats").find_one()


def test_each_line_of_an_event_names_the_tenant(deployment, lines):
    deployment.call("POST", "connect", payload=CONNECT)
    lines()
    deployment.tell(heard("m1", WORDS))
    logged = lines()
    assert {"events queued", "event"} <= {line["message"] for line in logged}
    assert [_ids(line, *TENANT) for line in logged] == [TENANT] * len(logged)
    assert all("requestId" in line or "messageId" in line for line in logged)


def test_an_event_by_the_app_wide_route_names_the_tenant_it_is_for(deployment, lines):
    deployment.call("POST", "connect", payload=CONNECT)
    lines()
    body = {
        "notification": {"account_id": ACCOUNT, "channel": "messaging", "item": heard("m1", WORDS)},
        "route": None,
        "received_at": NOW * 1000,
        "schema": 1,
    }
    assert deployment.deliver("ingest", json.dumps(body)) == []
    assert [_ids(line, *TENANT) for line in lines()] == [TENANT]


def test_a_turns_line_names_chat_and_turn(deployment, lines):
    stored = _turn(deployment)
    (line,) = [line for line in lines() if line["message"] == "turn"]
    assert line["state"] == "done"
    assert _ids(line, *TENANT, "chat", "chatId", "turnId") == TENANT | {
        "chat": str(stored["_id"]),
        "chatId": "chat_1",
        "turnId": stored["turn"]["id"],
    }


def test_each_line_of_a_failed_turn_names_chat_and_turn(deployment, lines):
    deployment.call("POST", "connect", payload=CONNECT)
    turns = deployment.tell(heard("m1", WORDS))
    lines()
    deployment.retell.behave = answer({"error_message": WORDS}, 404)
    deployment.deliver("reply", *turns)
    logged = lines()
    turn = stores._collection("chats").find_one()["turn"]["id"]
    assert [line["state"] for line in logged if line["message"] == "turn"] == ["failed"]
    assert [_ids(line, *TENANT, "turnId") for line in logged] == [TENANT | {"turnId": turn}] * len(logged)


def test_a_thread_beside_a_turn_logs_under_the_turns_ids(deployment, lines):
    deployment.call("POST", "connect", payload=CONNECT)
    turns = deployment.tell(heard("m1", WORDS))
    lines()
    deployment.meta.behave = reset  # marking as seen and typing fail, in their thread
    deployment.deliver("reply", *turns)
    logged = lines()
    assert "background work failed" in {line["message"] for line in logged}
    assert all(_ids(line, *TENANT) == TENANT and line["chat"] and line["turnId"] for line in logged), logged


def test_one_record_leaves_no_ids_to_the_next(deployment, lines):
    (first,) = deployment.take_in("m1")
    lines()
    deployment.deliver("reply", first, json.dumps({"schema": 7}))
    *_, crashed = [line for line in lines() if line["message"] == "unexpected exception"]
    assert _ids(crashed, *TENANT, "chat", "turnId") == dict.fromkeys((*TENANT, "chat", "turnId"))
    assert crashed["messageId"] == "1"


def test_each_line_of_a_request_names_request_tenant_and_chat(deployment, lines):
    stored = _turn(deployment)
    lines()
    assert deployment.call("POST", "send", payload={"to": USER, "message": WORDS})[0] == 200
    logged = lines()
    assert logged
    expected = TENANT | {"requestId": "id", "chat": str(stored["_id"]), "chatId": "chat_1"}
    assert [_ids(line, *expected) for line in logged] == [expected] * len(logged)


def test_an_error_answer_has_the_request_id_of_its_log_line(deployment, lines):
    status, told = deployment.call("POST", "send", payload={"to": "x", "message": "x"})
    assert (status, told["error"]["requestId"], deployment.headers["X-Request-Id"]) == (400, "id", "id")
    (refused,) = [line for line in lines() if line["message"] == "request refused"]
    assert refused["requestId"] == "id"


def test_a_success_has_the_request_id_in_its_header_only(deployment):
    status, told = deployment.call("GET", "status")
    assert (status, deployment.headers["X-Request-Id"]) == (200, "id")
    assert "requestId" not in json.dumps(told)


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("webhook", "GET", connection_path("sub_1", "agent_1")),
        ("webhook", "POST", "/api/instagram/webhook"),
        ("deauthorize", "POST", "/api/instagram/deauthorize"),
        ("delete_data", "POST", "/api/instagram/delete-data"),
        ("finish_login", "GET", "/api/instagram/oauth/callback"),
    ],
)
def test_errors_outside_the_api_have_the_request_id_too(deployment, lines, function, method, path):
    response = deployment.function(function)(http_event(method, path), CONTEXT)
    assert response["statusCode"] >= 400
    assert response["headers"]["X-Request-Id"] == "id"
    shown = "<code>id</code>" if "html" in response["headers"]["Content-Type"] else '"requestId": "id"'
    assert shown in response["body"]
    assert [line["requestId"] for line in lines()] == ["id"]


def _signed(claims, key=JWT_KEY, algorithm="HS256"):
    return jwt.encode(claims, key, algorithm=algorithm)


_CLAIMS = {"sub": "u", "iat": NOW, "exp": NOW + 600, "subaccountId": "sub_1"}


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "no_token"),
        ("not-a-token", "malformed"),
        (signed_token(exp=NOW - 600), "expired"),
        (signed_token(nbf=NOW + 600), "not_yet_valid"),
        (signed_token(iat=NOW + 600), "not_yet_valid"),
        (_signed(_CLAIMS, "x" * 32), "signature"),
        (_signed(_CLAIMS, "x" * 64, "HS512"), "algorithm"),
        (_signed({"sub": "u", "iat": NOW}), "missing_claim:exp"),
        (_signed({"sub": "u", "iat": NOW, "exp": NOW + 600}), "missing_claim:subaccountId"),
        (signed_token(sub=7), "malformed_claim"),
        (signed_token(exp=True), "expired"),
    ],
)
def test_the_log_says_why_a_token_is_refused_and_the_caller_is_not_told(deployment, lines, token, reason):
    status, told = deployment.call("GET", "status", token=token)
    assert (status, told["error"]["code"]) == (401, "unauthorized")
    assert told["error"]["message"].startswith("A valid bearer token is needed")
    (refused,) = lines()
    assert refused["reason"] == reason
    assert not token or token not in json.dumps(refused)


@pytest.mark.parametrize(
    ("setting", "claims", "reason"),
    [
        ({"audience": "ours"}, {"aud": "theirs"}, "audience"),
        ({"audience": "ours"}, {}, "missing_claim:aud"),
        ({"issuer": "ours"}, {"iss": "theirs"}, "issuer"),
        ({"maximumLifetimeSeconds": 60}, {}, "lifetime"),
    ],
)
def test_the_log_names_the_setting_that_refused_a_token(deployment, lines, setting, claims, reason):
    deployment.aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]} | setting))
    stores.secrets.cache_clear()
    assert deployment.call("GET", "status", token=signed_token(**claims))[0] == 401
    assert [line["reason"] for line in lines()] == [reason]


def test_the_log_names_the_error_and_the_hosts_of_an_unreachable_database(deployment, lines):
    uri = "mongodb://admin:geheim@127.0.0.1:1,localhost:2/chats?serverSelectionTimeoutMS=100"
    deployment.aws.put_secret("mongodb-uri", uri)
    stores.secrets.cache_clear()
    assert deployment.call("GET", "status")[0] == 503
    logged = lines()
    (failed,) = [line for line in logged if line["message"] == "MongoDB failed"]
    assert failed["error"] == "ServerSelectionTimeoutError"
    assert "Connection refused" in failed["hosts"]["127.0.0.1:1"]
    assert "localhost:2" in failed["hosts"]
    assert "geheim" not in json.dumps(logged)
    assert "admin" not in json.dumps(logged)
    connector_database(uri).client.close()


@pytest.mark.parametrize(
    ("failure", "error", "status"),
    [(NXDOMAIN, "NXDOMAIN", 500), (NoNameservers, "NoNameservers", 503), (OSError, "OSError", 503)],
)
def test_the_log_names_a_database_host_that_dns_does_not_resolve(
    deployment, lines, monkeypatch, failure, error, status
):
    def resolve(*_, **__):
        raise failure

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    deployment.aws.put_secret("mongodb-uri", "mongodb+srv://admin:geheim@cluster0.abcde.mongodb.net/chats?w=majority")
    stores.secrets.cache_clear()
    assert deployment.call("GET", "status")[0] == status
    logged = lines()
    (failed,) = [line for line in logged if line["message"] == "MongoDB failed"]
    assert (failed["error"], failed["hosts"]) == (error, ["cluster0.abcde.mongodb.net"])
    assert "geheim" not in json.dumps(logged)


@pytest.mark.parametrize("function", ["sweep", "compare", "refresh", "erase"])
def test_a_scheduled_run_before_the_parameters_exist_is_no_error(deployment, lines, function):
    deployment.aws.ssm.delete_parameter(Name="/test-stack/mongodb-uri")
    stores.secrets.cache_clear()
    deployment.function(function)({}, CONTEXT)
    (line,) = lines()
    assert (line["level"], line["message"]) == ("WARNING", "not set up yet")
    assert line["why"] == "The SSM parameter mongodb-uri is missing. docs/deploy.md says how to create it."
