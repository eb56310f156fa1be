"""The sample events of events/ are what AWS delivers, and what each function reads."""

import hmac
import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import md5, sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest
import time_machine
from pydantic import BaseModel
from samtranslator.yaml_helper import yaml_parse

from connector.accounts import Account
from connector.auth import authenticate
from connector.contract.connection import ConnectRequest
from connector.contract.menus import MenuRequest
from connector.contract.pausing import PauseRequest, ResumeRequest
from connector.contract.recovering import RecoverRequest
from connector.contract.sending import SendRequest
from connector.envelopes import InboxMessage, TurnMessage, read
from connector.gateway import Request
from connector.instagram import signatures, signed_requests
from connector.instagram.notifications import split
from connector.storage import mongodb
from connector.tenancy import Tenant
from connector.token_keys import JwtKeys
from connector.wiring import stores
from local.runtime import Context
from tests.conftest import Aws

# The connector silences it for the functions, and pytest undoes that for each test.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events"

APP_SECRET = "test_app_secret"
JWT_KEY = "test_jwt_key_of_at_least_32_bytes"
VERIFY_TOKEN = "my-verification-token"
TENANT = Tenant("acme", "agent_barista")
IDS = {
    "subaccountId": TENANT.subaccount_id,
    "agentId": TENANT.agent_id,
    "code": "5f0c9f2be1a84d37a6c6f2e9b1d04c7e",
}

FUNCTIONS = {
    "connect": "ConnectFunction",
    "authorize": "AuthorizeFunction",
    "finish_login": "FinishLoginFunction",
    "finish_login_confirmed": "FinishLoginFunction",
    "status": "StatusFunction",
    "send": "SendFunction",
    "messages": "MessagesFunction",
    "conversations": "ConversationsFunction",
    "export": "ExportFunction",
    "pause": "PauseFunction",
    "resume": "ResumeFunction",
    "menu": "MenuFunction",
    "set_menu": "SetMenuFunction",
    "recover": "RecoverFunction",
    "forget": "ForgetFunction",
    "disconnect": "DisconnectFunction",
    "deauthorize": "DeauthorizeFunction",
    "delete_data": "DeleteDataFunction",
    "deletion": "DeletionFunction",
    "webhook_handshake": "WebhookFunction",
    "webhook": "WebhookFunction",
    "ingest": "IngestFunction",
    "reply": "ReplyFunction",
    "sweep": "SweepFunction",
    "refresh": "RefreshFunction",
    "compare": "CompareFunction",
    "erase": "EraseFunction",
    "indexes": "IndexesFunction",
}
SCHEDULED = ("sweep", "refresh", "compare", "erase")
QUEUES = {"ingest": "InboxQueue", "reply": "TurnQueue"}
HTTP = [name for name in FUNCTIONS if name not in (*QUEUES, *SCHEDULED, "indexes")]
NO_CALLERS = ("webhook", "finish_login", "deauthorize", "delete_data", "deletion")
API = [name for name in HTTP if not name.startswith(NO_CALLERS)]


def event(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return parsed


def resources() -> dict[str, Any]:
    found: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    return found


def routes(function: str) -> set[str]:
    events = [one["Properties"] for one in resources()[function]["Properties"]["Events"].values()]
    return {f"{one['Method']} {one['Path']}" for one in events}


# ── which there are ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_function_of_the_template_has_a_sample_event_and_every_event_its_function():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(FUNCTIONS)
    functions = {name for name, one in resources().items() if one["Type"] == "AWS::Serverless::Function"}
    assert set(FUNCTIONS.values()) == functions


def test_the_readme_names_every_event_with_its_function_and_the_secrets_they_are_signed_with():
    told = (FOLDER / "README.md").read_text()
    for name, function in FUNCTIONS.items():
        assert f"| `{name}.json` | `{function}` |" in told
    for secret in (APP_SECRET, JWT_KEY, VERIFY_TOKEN):
        assert f"`{secret}`" in told


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", HTTP)
def test_an_http_event_is_a_request_of_its_functions_route_and_tenant(name: str):
    sample = event(name)
    request = Request.of(sample)
    assert sample["version"] == "2.0"
    assert sample["routeKey"] == sample["requestContext"]["routeKey"]
    assert sample["routeKey"] in routes(FUNCTIONS[name])
    method, path = sample["routeKey"].split(" ")
    ids = {name: one for name, one in IDS.items() if f"{{{name}}}" in path}
    assert sample.get("pathParameters", {}) == ids
    for parameter, value in ids.items():
        path = path.replace(f"{{{parameter}}}", value)
    assert (request.method, request.path) == (method, path)
    assert sample["requestContext"]["http"]["path"] == path


@pytest.mark.parametrize("name", HTTP)
def test_an_http_event_is_complete_as_aws_would_send_it(name: str):
    sample = event(name)
    request = Request.of(sample)
    assert [key for key in sample["headers"] if key != key.lower()] == []
    assert sample["rawQueryString"] == urlencode(request.query)
    # AWS leaves out what is empty.
    assert sample.get("queryStringParameters") != {}
    assert sample.get("body") != ""
    assert (request.method == "POST" and name != "disconnect") is bool(request.body)
    assert request.headers.get("content-length", "0") == str(len(request.body))
    assert sample["headers"]["host"] == sample["requestContext"]["domainName"]
    assert sample["headers"]["user-agent"] == sample["requestContext"]["http"]["userAgent"]


@pytest.mark.parametrize("name", API)
def test_the_bearer_token_of_an_api_event_proves_a_caller_for_its_tenant(name: str):
    caller = authenticate(Request.of(event(name)).headers["authorization"], JwtKeys((JWT_KEY,)))
    caller.require(TENANT)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("connect", ConnectRequest),
        ("send", SendRequest),
        ("pause", PauseRequest),
        ("resume", ResumeRequest),
        ("recover", RecoverRequest),
        ("set_menu", MenuRequest),
    ],
)
def test_the_body_of_an_api_event_is_one_that_the_contract_takes(name: str, model: type[BaseModel]):
    model.model_validate_json(Request.of(event(name)).body)


def test_the_webhook_event_bears_metas_signature_by_the_test_secret_and_no_other():
    request = Request.of(event("webhook"))
    header = request.headers[signatures.HEADER]
    assert header == "sha256=" + hmac.new(APP_SECRET.encode(), request.body, sha256).hexdigest()
    assert signatures.is_signed(request.body, header, [APP_SECRET])
    assert not signatures.is_signed(request.body, header, ["another secret"])


@pytest.mark.parametrize("name", ["deauthorize", "delete_data"])
def test_the_events_of_metas_callbacks_bear_a_request_signed_by_the_test_secret_and_no_other(name: str):
    sample = event(name)
    ((_, signed),) = parse_qsl(Request.of(sample).body.decode())
    assert sample["isBase64Encoded"], "AWS takes a form for bytes"
    assert signed_requests.is_signed(signed, [APP_SECRET])
    assert not signed_requests.is_signed(signed, ["another secret"])
    assert signed_requests.read(signed).person_id


def test_the_webhook_events_body_is_metas_payload_of_a_text_to_the_byte():
    body = Request.of(event("webhook")).body
    assert body == (FOLDER / "instagram" / "text.json").read_bytes()
    assert len(split(body)) == 1


# ── SQS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_event_is_one_record_of_the_queue_that_feeds_the_function(name: str):
    (record,) = event(name)["Records"]
    (source,) = resources()[FUNCTIONS[name]]["Properties"]["Events"].values()
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": [QUEUES[name], "Arn"]}
    assert f"-{QUEUES[name]}-" in record["eventSourceARN"].rpartition(":")[2]
    assert record["eventSource"] == "aws:sqs"
    assert record["md5OfBody"] == md5(record["body"].encode()).hexdigest()
    assert record["body"].isascii()


def test_the_ingest_event_is_what_the_webhook_makes_of_the_webhook_event():
    (record,) = event("ingest")["Records"]
    message = InboxMessage.of(read(record["body"]))
    assert [message.notification] == split(Request.of(event("webhook")).body)
    assert message.route is not None
    assert Tenant(message.route.subaccount_id, message.route.agent_id) == TENANT
    assert record["attributes"]["MessageGroupId"] == message.group


def test_the_reply_event_is_the_turn_of_the_ingest_event():
    (record,) = event("reply")["Records"]
    turn = TurnMessage.of(read(record["body"]))
    told = InboxMessage.of(read(event("ingest")["Records"][0]["body"])).notification
    assert Tenant(turn.subaccount_id, turn.agent_id) == TENANT
    assert (turn.account_id, turn.user_id) == (told.account_id, told.item["sender"]["id"])
    assert turn.message_key == f"mid:{told.item['message']['mid']}"
    assert record["attributes"]["MessageGroupId"] == turn.group


# ── invoked ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def deployed(aws: Aws, functions_environment: dict[str, str], mongodb_uri: str) -> Iterator[Aws]:
    """What the functions find: an AWS account with the events' secrets, a database; no Meta, no Retell."""
    uri = mongodb_uri.replace("/?", f"/events-{uuid4().hex}?")
    stores.secrets.cache_clear()
    aws.put_secret("app-secrets", json.dumps({"appSecrets": [APP_SECRET], "verifyToken": "of the app"}))
    aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]}))
    aws.put_secret("mongodb-uri", uri)
    aws.put_secret(f"connections/{TENANT}/webhook", json.dumps({"verifyToken": VERIFY_TOKEN}))
    yield aws
    database = mongodb.database(uri)
    database.client.drop_database(database.name)
    database.client.close()
    mongodb.database.cache_clear()
    stores.secrets.cache_clear()


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("connect", 503, "try_later"),  # Meta cannot be reached here: everything before it was right
        ("authorize", 409, "login_not_set_up"),  # the events' secrets name no app
        ("finish_login", 400, "was never asked for"),
        ("finish_login_confirmed", 400, "was never asked for"),
        ("status", 200, '"status":"disconnected"'),
        ("send", 409, "not_connected"),
        ("messages", 200, '"messages":[]'),
        ("conversations", 200, '"conversations":[]'),
        ("export", 200, ""),
        ("pause", 409, "not_connected"),
        ("resume", 409, "not_connected"),
        ("recover", 409, "not_connected"),
        ("menu", 409, "not_connected"),
        ("set_menu", 409, "not_connected"),
        ("forget", 200, '"confirmationCode"'),
        ("disconnect", 200, '"isConnected":false'),
        ("deauthorize", 200, "true"),
        ("delete_data", 200, '"url": "https://abcde12345.execute-api.us-east-1.amazonaws.com/api/instagram/deletions/'),
        ("deletion", 404, "There is no deletion with this code"),
        ("webhook_handshake", 200, "1158201444"),
        ("webhook", 200, "EVENT_RECEIVED"),
    ],
)
def test_the_function_takes_its_http_event(deployed: Aws, name: str, status: int, told: str):
    answer = _function(name).handler(event(name), Context(name, 30))
    assert answer["statusCode"] == status
    assert told in answer["body"]


@pytest.mark.parametrize("name", QUEUES)
def test_the_function_takes_its_queue_event_and_reports_no_failure(deployed: Aws, name: str):
    assert _function(name).handler(event(name), Context(name, 30)) == {"batchItemFailures": []}


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("name", SCHEDULED)
def test_the_function_takes_its_schedules_event_and_does_nothing_where_nothing_waits(
    aws: Aws, functions_environment: dict[str, str], name: str
):
    (schedule,) = resources()[FUNCTIONS[name]]["Properties"]["Events"].values()
    assert schedule["Type"] == "Schedule"
    assert event(name)["detail-type"] == "Scheduled Event"
    assert _function(name).handler(event(name), Context(name, 50)) is None
    assert aws.bodies(functions_environment["TURN_QUEUE_URL"]) == []


def test_the_webhook_queues_of_its_event_what_the_ingest_event_bears(
    deployed: Aws, functions_environment: dict[str, str]
):
    _function("webhook").handler(event("webhook"), Context("webhook", 30))
    (queued,) = [json.loads(body) for body in deployed.bodies(functions_environment["INBOX_QUEUE_URL"])]
    expected = json.loads(event("ingest")["Records"][0]["body"])
    assert queued | {"received_at": 0} == expected | {"received_at": 0}


def test_ingest_schedules_of_its_event_the_turn_that_the_reply_event_bears(
    deployed: Aws, functions_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("QUIET_SECONDS", "0")
    monkeypatch.setenv("MEDIA_QUIET_SECONDS", "0")
    _store_connection()
    with time_machine.travel(datetime(2025, 9, 8, 11, 13, 25, tzinfo=UTC)):  # when the event was received
        _function("ingest").handler(event("ingest"), Context("ingest", 30))
        queued = [json.loads(body) for body in deployed.bodies(functions_environment["TURN_QUEUE_URL"])]
    assert queued == [json.loads(event("reply")["Records"][0]["body"])]


def _store_connection() -> None:
    account = Account("17841400000000001", "101234567890123", "acme_coffee", None)
    stores.connections().connect(TENANT, account, retell_agent_id=TENANT.agent_id, token_version=1)


def _function(name: str) -> ModuleType:
    """Load a function afresh, as a new execution environment does."""
    folder = resources()[FUNCTIONS[name]]["Properties"]["CodeUri"]
    spec = importlib.util.spec_from_file_location(f"events_{name}", ROOT / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
