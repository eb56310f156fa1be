"""The Lambda handlers, one after the other, on a real mongod, moto, and servers that play Meta and Retell."""

import importlib
import json
import time
from base64 import b64encode
from types import SimpleNamespace

import jwt
import pytest

from connector import settings
from connector.instagram.graph import SUBSCRIBED_FIELDS
from connector.storage.mongodb import database as connector_database
from connector.wiring import outside, stores
from tests.unit.payloads import (
    ACCOUNT,
    PAGE,
    USER,
    body,
    compact,
    connection_path,
    http_event,
    message,
    messaging,
    signed_headers,
)
from tests.unit.peer import answer, peer

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

JWT_KEY = "k" * 32
ROUTES = [("POST", "connect"), ("GET", "status"), ("POST", "send"), ("GET", "messages"), ("POST", "disconnect")]
CONNECT = {
    "accessToken": "EAAgood-token",
    "instagramAccountId": ACCOUNT,
    "pageId": PAGE,
    "webhookVerificationToken": "meatyhamhock",
}
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 30_000,
)


def _token(**changes):
    now = int(time.time())
    claims = {"sub": "u", "iat": now, "exp": now + 600, "subaccountId": "sub_1"} | changes
    return jwt.encode(claims, JWT_KEY, algorithm="HS256")


class Deployment:
    """The functions of one stack, as AWS calls them."""

    def __init__(self, aws, environment, meta, retell):
        self.aws = aws
        self.environment = environment
        self.meta = meta
        self.retell = retell
        self.sent = []
        meta.behave = self._meta
        retell.behave = self._retell
        self._said = 0

    def _meta(self, handler):
        request = self.meta.requests[-1]
        match request.method, request.path.rpartition("/")[2]:
            case "GET", node if node == ACCOUNT:
                reply = {"id": ACCOUNT, "username": "acme", "name": "Acme"}
            case "GET", _:
                reply = {"id": PAGE, "instagram_business_account": {"id": ACCOUNT}}
            case "POST", "messages":
                self.sent.append(request.json["message"]["text"])
                reply = {"recipient_id": USER, "message_id": f"out-{len(self.sent)}"}
            case _:
                reply = {"success": True}
        answer(reply)(handler)

    def _retell(self, handler):
        if self.retell.requests[-1].path == "/create-chat":
            return answer({"chat_id": "chat_1"}, 201)(handler)
        return answer({"messages": [{"role": "agent", "content": "We open at nine."}]}, 201)(handler)

    def function(self, name):
        """Return a function's handler, as a new execution environment loads it."""
        module = importlib.import_module(f"functions.{name}.app")
        return importlib.reload(module).handler

    def call(self, method, verb, *, token=None, payload=None, query=None, tenant=("sub_1", "agent_1")):
        """Call the documented API, and return the status and the body."""
        path = connection_path(*tenant).removesuffix("webhook") + verb
        event = http_event(
            method,
            path,
            query=query,
            headers={"authorization": f"Bearer {_token() if token is None else token}"} if token != "" else {},
            text=json.dumps(payload) if payload is not None else None,
            path_parameters={"subaccountId": tenant[0], "agentId": tenant[1]},
        )
        told = self.function(verb)(event, CONTEXT)
        return told["statusCode"], json.loads(told["body"])

    def post(self, raw, **changes):
        """Have Meta post to the webhook, and return the status."""
        headers = signed_headers(raw) | changes
        path = connection_path("sub_1", "agent_1")
        event = http_event("POST", path, headers=headers, text=b64encode(raw).decode(), is_base64=True)
        return self.function("webhook")(event, CONTEXT)["statusCode"]

    def deliver(self, name, *bodies):
        """Have SQS deliver these bodies to a function, and return which failed, by number."""
        records = [
            {
                "messageId": str(number),
                "receiptHandle": f"handle-{number}",
                "body": text,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:q",
            }
            for number, text in enumerate(bodies)
        ]
        told = self.function(name)({"Records": records}, CONTEXT)
        return [int(one["itemIdentifier"]) for one in told["batchItemFailures"]]

    def inbox(self):
        return self.aws.bodies(self.environment["INBOX_QUEUE_URL"])


@pytest.fixture
def deployment(aws, functions_environment, mongodb_uri, database, monkeypatch):
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "of the app"}))
    aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]}))
    aws.put_secret("mongodb-uri", uri)
    aws.put_secret("retell-api-key", "key_test")
    monkeypatch.setenv("QUIET_SECONDS", "0")
    _forget()
    with peer() as meta, peer() as retell:
        monkeypatch.setenv("FACEBOOK_GRAPH_URL", meta.url)
        monkeypatch.setenv("RETELL_URL", retell.url)
        yield Deployment(aws, functions_environment, meta, retell)
    connector_database(uri).client.close()
    _forget()


def _forget():
    """Forget what an execution environment keeps."""
    for kept in (stores.secrets, connector_database, outside.graph, outside._retell):
        kept.cache_clear()


def test_a_customer_is_answered_from_the_webhook_to_the_send_api_and_the_messages_show_it(deployment):
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert (status, told["success"]) == (200, True), told
    assert deployment.meta.requests[-1].query == {"subscribed_fields": SUBSCRIBED_FIELDS}

    assert deployment.post(body("text")) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    turns = deployment.aws.bodies(deployment.environment["TURN_QUEUE_URL"])
    assert deployment.deliver("reply", *turns) == []
    assert deployment.sent == ["We open at nine."]

    status, told = deployment.call("POST", "send", payload={"to": USER, "message": "And until six."})
    assert (status, told["data"]["status"], told["data"]["mid"]) == (200, "sent", "out-2"), told

    status, told = deployment.call("GET", "messages", query={"limit": "2"})
    assert [(one["role"], one["text"], one["status"]) for one in told["data"]["messages"]] == [
        ("human", "And until six.", "sent"),
        ("agent", "We open at nine.", "sent"),
    ]
    status, told = deployment.call("GET", "messages", query={"cursor": told["data"]["nextCursor"], "userId": USER})
    assert [(one["role"], one["status"]) for one in told["data"]["messages"]] == [("user", "answered")]
    assert told["data"]["nextCursor"] is None

    status, told = deployment.call("GET", "status")
    assert (told["data"]["isConnected"], told["data"]["webhookPath"]) == (True, connection_path("sub_1", "agent_1"))
    assert deployment.call("POST", "disconnect")[1] == {"success": True, "data": {"isConnected": False}}
    assert deployment.call("GET", "status")[1]["data"]["isConnected"] is False
    status, told = deployment.call("POST", "send", payload={"to": USER, "message": "Are you there?"})
    assert (status, told["error"]["code"]) == (409, "not_connected")


@pytest.mark.parametrize(("method", "verb"), ROUTES)
def test_every_route_lets_in_only_who_may_call_for_its_tenant(deployment, method, verb):
    """H1, H2, H5: and a stranger is told nothing of what a request must be."""
    nonsense = {"nonsense": 1} if method == "POST" else None
    expired = int(time.time()) - 3600
    for token in ("", "x", _token(exp=expired), _token(subaccountId=5)):
        status, told = deployment.call(method, verb, token=token, payload=nonsense)
        assert (status, told["error"]["code"]) == (401, "unauthorized")
    for token in (_token(subaccountId="sub_2"), _token(agentIds=["agent_2"])):
        status, told = deployment.call(method, verb, token=token, payload=nonsense)
        assert (status, told["error"]["code"]) == (404, "not_found")


@pytest.fixture
def failing_database(mongodb):
    """A mongod that refuses what the functions ask of it, and nobody else."""
    commands = ["find", "update", "findAndModify", "aggregate", "createIndexes"]
    data = {"failCommands": commands, "errorCode": 8000, "appName": "instagram-connector"}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    yield
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.usefixtures("failing_database")
@pytest.mark.parametrize(("method", "verb"), ROUTES)
def test_every_route_tells_a_database_that_fails_in_the_one_shape(deployment, method, verb):
    """F3, H18."""
    payload = {"connect": CONNECT, "send": {"to": USER, "message": "hi"}}.get(verb)
    status, told = deployment.call(method, verb, payload=payload)
    assert (status, told["success"], told["error"]["code"]) == (503, False, "unavailable")


@pytest.mark.parametrize("tenant", [("..", "a"), ("sub_1", "a b"), ("sub_1", "$ne"), ("sub_1", "x" * 65), ("ſub", "a")])
def test_a_path_with_an_id_that_cannot_be_one_is_refused(deployment, tenant):
    """H7."""
    status, told = deployment.call("GET", "status", tenant=tenant)
    assert (status, told["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "101"},
        {"limit": "1e9"},
        {"limit": "0x10"},
        {"limit": "١٢"},
        {"cursor": "x"},
        {"userId": "acme"},
        {"userId": '{"$gt":""}'},
    ],
    ids=str,
)
def test_a_query_that_cannot_be_one_is_refused(deployment, query):
    """H8, H9."""
    status, told = deployment.call("GET", "messages", query=query)
    assert (status, told["error"]["code"]) == (400, "invalid_request"), told


def test_a_body_that_is_none_is_refused_by_the_names_of_its_fields_and_not_by_their_values(deployment):
    """H10, J2."""
    status, told = deployment.call("POST", "connect", payload=CONNECT | {"accessToken": "EAA hush", "pageId": "x"})
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert {one["field"] for one in told["error"]["details"]} == {"accessToken", "pageId"}
    assert "hush" not in json.dumps(told)


def test_the_webhook_answers_meta_by_its_statuses(deployment):
    """A1, A9, A24."""
    assert deployment.post(body("text")) == 200
    assert deployment.post(b"null") == 200
    assert deployment.post(body("text"), **{"x-hub-signature-256": "sha256=" + "é" * 64}) == 401
    deployment.call("POST", "connect", payload=CONNECT)
    query = {"hub.mode": "subscribe", "hub.verify_token": "meatyhamhock", "hub.challenge": "1158201444"}
    event = http_event("GET", connection_path("sub_1", "agent_1"), query=query)
    told = deployment.function("webhook")(event, CONTEXT)
    assert (told["statusCode"], told["body"]) == (200, "1158201444")


def test_one_bad_record_of_a_batch_is_reported_and_the_others_are_done(deployment):
    """B6, B7, B12."""
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.post(compact(messaging(message("a"), message("b"))))
    first, second = deployment.inbox()
    assert deployment.deliver("ingest", first, "not ours", second) == [1]
    assert deployment.deliver("ingest", "not ours", "{}") == [0, 1]
    _, told = deployment.call("GET", "messages")
    assert len(told["data"]["messages"]) == 2


def test_a_record_that_is_put_off_comes_again_after_what_the_other_side_said(deployment):
    """B14, D3: its visibility is shortened; where that fails, it comes when its visibility ends."""
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.post(body("text"))
    deployment.deliver("ingest", *deployment.inbox())
    (turn,) = deployment.aws.bodies(deployment.environment["TURN_QUEUE_URL"])
    seen = []
    deployment.aws.sqs.meta.events.register(
        "provide-client-params.sqs.ChangeMessageVisibility", lambda params, **_: seen.append(params)
    )
    deployment.retell.behave = answer({"status": "error"}, 429, {"Retry-After": "7"})
    assert deployment.deliver("reply", turn) == [0]
    assert [(one["ReceiptHandle"], one["VisibilityTimeout"]) for one in seen] == [("handle-0", 7)]
    deployment.retell.behave = deployment._retell
    assert deployment.deliver("reply", turn) == []
    assert deployment.sent == ["We open at nine."]


def test_a_setting_that_is_missing_or_no_number_is_misconfigured(deployment, monkeypatch):
    for value in ("", "-1", "901", "5.5", "٥", "five"):
        monkeypatch.setenv("QUIET_SECONDS", value)
        with pytest.raises(Exception, match="QUIET_SECONDS"):
            settings.quiet_seconds()
