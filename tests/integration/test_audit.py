"""The audit log: one line for each request that changes something or takes data out, and what it must not hold."""

import json
import time

import pytest

from connector.audit import ACTIONS
from local.openapi import document
from tests.integration.deployment import CONNECT, CONTEXT, heard, signed_token
from tests.unit.payloads import USER, http_event
from tests.unit.test_signed_requests import signed

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

WHO = "auth0|ada"
WORDS = "the customer's words"
MENU = {"iceBreakers": [{"question": WORDS, "payload": WORDS}]}
REQUESTS = {
    ("POST", "connect"): ("connect", CONNECT),
    ("POST", "send"): ("send", {"to": USER, "message": WORDS}),
    ("POST", "pause"): ("pause", {"userId": USER, "minutes": 30}),
    ("POST", "resume"): ("resume", {"userId": USER}),
    ("POST", "menu"): ("set_menu", MENU),
    ("POST", "recover"): ("recover", {}),
    ("GET", "export"): ("export", None),
    ("POST", "forget"): ("forget", {"userId": USER}),
    ("GET", "authorize"): ("authorize", None),
    ("POST", "disconnect"): ("disconnect", {}),
}


@pytest.fixture
def lines(log_text):
    """Return the audit lines, as they are written, since the last call."""

    def read():
        logged = [json.loads(line) for line in log_text().splitlines()]
        return [line for line in logged if line["message"] == "audit"]

    return read


def _told(line):
    return {name: line.get(name) for name in ("action", "who", "subaccountId", "agentId", "status")}


def _expected(action, status, who=WHO):
    return {"action": action, "who": who, "subaccountId": "sub_1", "agentId": "agent_1", "status": status}


@pytest.mark.parametrize(("method", "verb"), REQUESTS)
def test_a_request_writes_one_line_and_no_contents(deployment, lines, method, verb):
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.tell(heard("m1", WORDS))
    lines()
    action, body = REQUESTS[method, verb]
    query = {"login": "facebook"} if verb == "authorize" else None
    status, _ = deployment.call(method, verb, payload=body, query=query, token=signed_token(sub=WHO))
    (line,) = lines()
    assert _told(line) == _expected(action, status)
    assert line["timestamp"]
    text = json.dumps(line)
    assert not [secret for secret in (WORDS, USER, *CONNECT.values()) if secret in text]


def test_a_disconnect_that_deletes_is_a_purge(deployment, lines):
    deployment.call("POST", "disconnect", payload={"purge": True}, token=signed_token(sub=WHO))
    assert [_told(line) for line in lines()] == [_expected("purge", 200)]


def test_reading_writes_no_line(deployment, lines):
    for verb in ("status", "messages", "conversations", "menu"):
        deployment.call("GET", verb)
    assert lines() == []


def test_a_refused_request_of_a_proven_caller_is_recorded(deployment, lines):
    deployment.call("POST", "forget", payload={"userId": "x"}, token=signed_token(sub=WHO))
    deployment.call("POST", "connect", payload=CONNECT, token=signed_token(sub=WHO, subaccountId="sub_2"))
    deployment.call("POST", "send", payload={}, token=signed_token(sub=WHO, scope="instagram:read"))
    actions = (("forget", 400), ("connect", 404), ("send", 403))
    assert [_told(line) for line in lines()] == [_expected(*one) for one in actions]


def test_a_request_of_nobody_writes_no_line(deployment, lines):
    for token in ("", "x", signed_token(exp=1)):
        assert deployment.call("POST", "forget", payload={"userId": USER}, token=token)[0] == 401
    assert lines() == []


@pytest.mark.parametrize("route", ["deauthorize", "delete-data"])
def test_what_meta_has_done_is_recorded(deployment, lines, route):
    payload = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": "10220000000000001"}
    form = f"signed_request={signed(payload, 'test_app_secret')}"
    event = http_event("POST", f"/api/instagram/{route}", headers={"x-forwarded-proto": "https"}, text=form)
    assert deployment.function(route.replace("-", "_"))(event, CONTEXT)["statusCode"] == 200
    (line,) = lines()
    assert (line["action"], line["who"], line["status"]) == (route, "meta", 200)
    assert "10220000000000001" not in json.dumps(line)


def test_each_route_of_the_api_that_changes_something_is_audited():
    """A new one fails here until it has a name in `ACTIONS` and a request above."""
    described = document.document()["paths"]
    changing = {
        (method.upper(), path.rpartition("/")[2])
        for path, item in described.items()
        for method, operation in item.items()
        if method in ("post", "put", "patch", "delete") and operation.get("security") != []
    }
    assert changing, "the test reads nothing"
    assert changing | {("GET", "authorize"), ("GET", "export")} == set(ACTIONS) == set(REQUESTS)
