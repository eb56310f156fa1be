"""The built functions in the real Lambda runtime, with the environment that the template declares and nothing else.

SSM and SQS are moto's, MongoDB is a real mongod; the runtime is AWS's own client and emulator.
"""

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import boto3
import jwt
import pytest
from moto.server import ThreadedMotoServer
from pymongo import MongoClient

from connector.accounts import Account
from connector.storage.connections import COLLECTION, Connections
from connector.storage.index_builds import ensure_indexes
from connector.tenancy import Tenant
from local.template import read_template
from tests.contract.aws_events import from_api, from_function_url, from_queue
from tests.contract.building import Artifacts
from tests.contract.lambda_runtime import Function, running
from tests.contract.test_template import CONNECTION

pytestmark = pytest.mark.races

STACK = f"contract-{uuid4().hex[:8]}"
SUBACCOUNT, AGENT = "sub_1", "agent_1"
IDS = {"subaccountId": SUBACCOUNT, "agentId": AGENT}
ACCOUNT, USER = "17841400000000001", "1234567890123456"
APP_SECRET, VERIFY_TOKEN = "contract-app-secret", "contract-verify-token"
JWT_KEY = "contract-jwt-key-of-32-bytes-or-more"
WEBHOOK = f"{CONNECTION}/webhook"
WEBHOOK_PATH = f"/api/database/{SUBACCOUNT}/chat-agents/{AGENT}/instagram/webhook"


@dataclass(frozen=True)
class Cloud:
    """What stands around the functions."""

    url: str
    sqs: Any
    queue_urls: dict[str, str]

    def take(self, queue: str) -> list[str]:
        """Take every body off a queue."""
        url = self.queue_urls[queue]
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture(scope="module")
def database_uri(mongodb_uri: str) -> Iterator[str]:
    """A database with one connection in it."""
    name = f"contract-{uuid4().hex}"
    uri = urlunsplit(urlsplit(mongodb_uri)._replace(path=f"/{name}"))
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        connections = Connections(client[name][COLLECTION])
        ensure_indexes(client[name])
        account = Account(ACCOUNT, "101234567890123", "the_shop", "The Shop")
        connections.connect(Tenant(SUBACCOUNT, AGENT), account, retell_agent_id=AGENT, token_version=1)
        yield uri
        client.drop_database(name)


@pytest.fixture(scope="module")
def cloud(database_uri: str) -> Iterator[Cloud]:
    """SSM with the parameters of a deployment, and the template's queues."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    options = {
        "endpoint_url": url,
        "region_name": "eu-central-1",
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    ssm, sqs = boto3.client("ssm", **options), boto3.client("sqs", **options)
    parameters = {
        "app-secrets": json.dumps({"appSecrets": [APP_SECRET], "verifyToken": "another-token"}),
        "jwt": json.dumps({"keys": [JWT_KEY]}),
        "mongodb-uri": database_uri,
        f"connections/{SUBACCOUNT}/{AGENT}/webhook": json.dumps({"verifyToken": VERIFY_TOKEN}),
    }
    try:
        for name, value in parameters.items():
            ssm.put_parameter(Name=f"/{STACK}/{name}", Value=value, Type="SecureString")
        names = [queue.name for queue in read_template().queues]
        yield Cloud(url, sqs, {name: sqs.create_queue(QueueName=f"{STACK}-{name}")["QueueUrl"] for name in names})
    finally:
        ssm.close()
        sqs.close()
        server.stop()


@pytest.fixture(scope="module")
def function(
    artifacts: Artifacts, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Function]]:
    """Starts functions, on first use."""
    template, logs = read_template(), tmp_path_factory.mktemp("logs")
    declared = {one.name: one for one in template.functions}
    values = cloud.queue_urls | {"AWS::StackName": STACK, "SecretsKey": "alias/contract", "QuietSeconds": "0"}
    started: dict[str, Function] = {}
    with contextlib.ExitStack() as stack:

        def start(folder: str) -> Function:
            if folder not in started:
                variables = template.environment(declared[folder], values) | {"AWS_ENDPOINT_URL": cloud.url}
                started[folder] = stack.enter_context(running(artifacts, folder, variables, logs / f"{folder}.log"))
            return started[folder]

        yield start


def signed(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """Return the headers of a POST of Meta's."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}


def dm(text: str, user_id: str = USER) -> bytes:
    """Return a POST's body in which a customer writes `text`."""
    item = {
        "sender": {"id": user_id},
        "recipient": {"id": ACCOUNT},
        "timestamp": int(time.time() * 1000),
        "message": {"mid": f"mid_{uuid4().hex}", "text": text},
    }
    payload = {"object": "instagram", "entry": [{"id": ACCOUNT, "time": item["timestamp"], "messaging": [item]}]}
    return json.dumps(payload).encode("ascii")


def bearer(subaccount: str = SUBACCOUNT, key: str = JWT_KEY) -> dict[str, str]:
    """Return the header of a caller."""
    now = int(time.time())
    claims = {"sub": "tester", "iat": now, "exp": now + 3600, "subaccountId": subaccount}
    return {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='HS256')}"}


# ── webhook ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_handshake_is_answered_with_the_bare_challenge_and_reported_to_ingest(function, cloud):
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}

    answer = function("webhook").invoke(from_api("GET", WEBHOOK, ids=IDS, query=query))

    assert (answer["statusCode"], answer["body"]) == (200, "1158201444")
    assert answer["headers"]["Content-Type"].startswith("text/plain")
    (queued,) = cloud.take("InboxQueue")
    assert json.loads(queued)["route"] == {"subaccount_id": SUBACCOUNT, "agent_id": AGENT}
    taken = function("ingest").invoke(from_queue("arn:aws:sqs:eu-central-1:123456789012:inbox", queued))
    assert taken == {"batchItemFailures": []}


def test_a23_a_handshake_with_a_wrong_token_is_forbidden(function):
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "another-token"}

    answer = function("webhook").invoke(from_api("GET", WEBHOOK, ids=IDS, query=query))

    assert answer["statusCode"] == 403
    assert "1158201444" not in answer["body"]


def test_a_signed_post_through_the_api_puts_one_message_on_the_inbox_queue(function, cloud):
    body = dm("hello")

    answer = function("webhook").invoke(from_api("POST", WEBHOOK, ids=IDS, headers=signed(body), body=body))

    assert answer["statusCode"] == 200, answer
    (queued,) = cloud.take("InboxQueue")
    assert json.loads(queued)["notification"]["item"]["message"]["text"] == "hello"
    assert json.loads(queued)["route"] == {"subaccount_id": SUBACCOUNT, "agent_id": AGENT}


@pytest.mark.parametrize(
    "headers",
    [signed(dm("hello"), "another-secret"), signed(dm("something else")), {"Content-Type": "application/json"}],
    ids=["another-secret", "another-body", "no-signature"],
)
def test_a1_a2_a_forged_post_is_unauthorized_and_queues_nothing(function, cloud, headers):
    answer = function("webhook").invoke(from_api("POST", WEBHOOK, ids=IDS, headers=headers, body=dm("hello")))

    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["error"]["code"] == "unauthorized"
    assert cloud.take("InboxQueue") == []


def test_a_function_url_hands_over_the_same_requests_and_gets_the_same_answers(function, cloud):
    body = dm("héllo, wörld 🙂")
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": VERIFY_TOKEN}
    webhook = function("webhook")

    handshake = webhook.invoke(from_function_url("GET", WEBHOOK_PATH, query=query))
    taken = webhook.invoke(from_function_url("POST", WEBHOOK_PATH, headers=signed(body), body=body))
    forged = webhook.invoke(from_function_url("POST", WEBHOOK_PATH, headers=signed(body + b" "), body=body))

    assert (handshake["statusCode"], handshake["body"]) == (200, "42")
    assert (taken["statusCode"], forged["statusCode"]) == (200, 401)
    (queued,) = [one for one in map(json.loads, cloud.take("InboxQueue")) if "notification" in one]
    assert queued["notification"]["item"]["message"]["text"] == "héllo, wörld 🙂"


def test_the_route_of_a_whole_app_names_no_connection(function, cloud):
    body = dm("hello")
    event = from_api("POST", "/api/instagram/webhook", headers=signed(body), body=body)

    assert function("webhook").invoke(event)["statusCode"] == 200
    (queued,) = cloud.take("InboxQueue")
    assert json.loads(queued)["route"] is None


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_answers_a_caller_with_a_jwt(function):
    answer = function("status").invoke(from_api("GET", f"{CONNECTION}/status", ids=IDS, headers=bearer()))

    assert answer["statusCode"] == 200, answer
    told = json.loads(answer["body"])
    assert told["success"] is True
    assert told["data"]["isConnected"] is True
    assert told["data"]["username"] == "the_shop"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthorized"),
        (bearer(key="another-key-of-32-bytes-or-more-!!!!"), 401, "unauthorized"),
        (bearer(subaccount="sub_2"), 404, "not_found"),
    ],
    ids=["no-jwt", "another-key", "another-subaccount"],
)
def test_status_tells_a_stranger_nothing(function, headers, status, code):
    answer = function("status").invoke(from_api("GET", f"{CONNECTION}/status", ids=IDS, headers=headers))

    assert answer["statusCode"] == status
    told = json.loads(answer["body"])
    assert (told["success"], told["error"]["code"]) == (False, code)
    assert "the_shop" not in answer["body"]


# ── ingest ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ingest_takes_what_the_webhook_has_queued_and_schedules_a_turn(function, cloud, database_uri):
    text, customer = f"hello {uuid4().hex}", str(uuid4().int)[:16]
    body = dm(text, customer)
    function("webhook").invoke(from_api("POST", WEBHOOK, ids=IDS, headers=signed(body), body=body))
    (queued,) = cloud.take("InboxQueue")

    answer = function("ingest").invoke(from_queue("arn:aws:sqs:eu-central-1:123456789012:inbox", queued))

    assert answer == {"batchItemFailures": []}
    with MongoClient[dict[str, Any]](database_uri) as client:
        chat = client.get_default_database()["chats"].find_one({"messages.text": text})
    assert chat is not None, "the message is in no chat"
    assert (chat["metadata"]["channel"], chat["metadata"]["userId"]) == ("instagram", customer)
    (turn,) = (json.loads(one) for one in cloud.take("TurnQueue") if customer in one)
    assert turn["user_id"] == customer


def test_b6_b12_ingest_reports_the_one_record_that_it_cannot_take(function, cloud):
    body = dm("hello")
    function("webhook").invoke(from_api("POST", WEBHOOK, ids=IDS, headers=signed(body), body=body))
    (queued,) = cloud.take("InboxQueue")

    answer = function("ingest").invoke(from_queue("arn:aws:sqs:eu-central-1:123456789012:inbox", "not ours", queued))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


# ── All of them ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_log_of_the_runtime_holds_a_secret_or_a_customers_word(function):
    word = f"canary{uuid4().hex}"
    body = dm(word)
    headers = bearer()
    function("webhook").invoke(from_api("POST", WEBHOOK, ids=IDS, headers=signed(body), body=body))
    function("status").invoke(from_api("GET", f"{CONNECTION}/status", ids=IDS, headers=headers))

    logs = "".join(function(folder).log for folder in ("webhook", "status", "ingest"))
    for secret in (word, APP_SECRET, VERIFY_TOKEN, JWT_KEY, headers["Authorization"].partition(" ")[2], USER):
        assert secret not in logs
