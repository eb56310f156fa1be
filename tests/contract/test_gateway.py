"""The local gateway's events are AWS's: compared with what SAM's own local API makes of the same request."""

import base64
import io
import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from samcli.local.apigw.event_constructor import construct_v2_event_http
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from connector.gateway import Request as ConnectorRequest
from local.gateway import Gateway, event_of
from local.template import ROOT, Function, Route, read_template

CONNECTION = "/api/database/{subaccountId}/chat-agents/{agentId}/instagram"
IDS = {"subaccountId": "sub_1", "agentId": "agent-1"}
JSON = {"Content-Type": "application/json"}

# Where AWS itself differs from SAM, so that being like SAM would be wrong. Each is taken out of both events, and looked
# at on its own below.
NOT_COMPARED = {
    "accountId": "SAM's is 123456789012, ours all zeros: neither is an account",
    "apiId": "SAM's is 1234567890, ours `local`",
    "requestId": "SAM draws one for the life of its process, AWS one for each request",
    "time": "SAM takes the time at which it was started, AWS that of the request",
    "timeEpoch": "the same",
    "domainName": "SAM always says localhost, AWS what the Host header says",
    "domainPrefix": "the same",
    "userAgent": "SAM always says “Custom User Agent String”, AWS what the header says",
}

CONTENT_TYPES = [
    None,
    "",
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "application/ld+json",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "image/png",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/plain; charset=latin-1",
    "nonsense",
]


def request(method: str, path: str, *, data: bytes | None = None, **options: Any) -> Any:
    """Return a request that both can read: Flask's is one of Werkzeug's."""
    body = {} if data is None else {"input_stream": io.BytesIO(data), "content_length": len(data)}
    environ = EnvironBuilder(path=path, method=method, **body, **options).get_environ()
    environ["REMOTE_ADDR"] = "192.0.2.7"
    return Flask(__name__).request_class(environ)


def both(method: str, name: str, path: str | None = None, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return our event and SAM's of one request to a route of the connection in IDS."""
    route = Route(method, f"{CONNECTION}/{name}")
    url = path or route.path.format(**IDS)
    ours = event_of(request(method, url, **options), route, IDS)
    other = request(method, url, **options)
    other.view_args = dict(IDS)
    binary = ["application/octet-stream"]
    sams = construct_v2_event_http(other, port=80, binary_types=binary, route_key=f"{method} {route.path}")
    return ours, sams


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what AWS and SAM make differently."""
    context = {name: value for name, value in event["requestContext"].items() if name not in NOT_COMPARED}
    context["http"] = {name: value for name, value in context["http"].items() if name not in NOT_COMPARED}
    headers = {
        name.lower(): value  # SAM keeps the case, AWS lowers it
        for name, value in event["headers"].items()
        # AWS's own two, which a gateway on one machine has no use for; and cookies, which AWS moves to `cookies`.
        if name.lower() not in ("x-forwarded-proto", "x-forwarded-port", "cookie")
    }
    rest = {name: value for name, value in event.items() if name not in ("requestContext", "headers")}
    # AWS leaves out what is empty, SAM writes null, "" or [].
    return {name: value for name, value in rest.items() if value or name in ("rawQueryString", "isBase64Encoded")} | {
        "requestContext": context,
        "headers": headers,
    }


@pytest.mark.parametrize(
    ("method", "name", "options"),
    [
        ("GET", "status", {}),
        ("GET", "messages", {"query_string": "limit=10&userId=1234567890123456"}),
        ("GET", "messages", {"query_string": "limit=1&limit=2&cursor=a%2Bb%3D%3D&empty="}),
        ("GET", "webhook", {"query_string": "hub.mode=subscribe&hub.challenge=42&hub.verify_token=%C3%A9"}),
        ("POST", "send", {"data": json.dumps({"to": "1", "message": "héllo 🙂"}).encode(), "headers": JSON}),
        ("POST", "send", {"data": '{"message": "héllo 🙂"}'.encode(), "headers": JSON}),
        ("POST", "disconnect", {"headers": JSON}),
        ("POST", "webhook", {"data": b"{}", "headers": JSON | {"X-Hub-Signature-256": "sha256=00"}}),
        ("GET", "status", {"headers": {"Authorization": "Bearer e.y.J", "Cookie": "a=1; b=2", "X-Twice": "1, 2"}}),
        ("POST", "send", {"data": bytes(range(256)), "headers": {"Content-Type": "application/octet-stream"}}),
    ],
    ids=[
        *("get", "query", "repeated-query", "dotted-query", "json", "unicode-json", "no-body", "signed", "cookies"),
        "binary",
    ],
)
def test_an_event_is_what_sam_makes_of_the_same_request(method, name, options):
    ours, sams = both(method, name, **options)

    assert comparable(ours) == comparable(sams)


def test_where_aws_differs_from_sam_the_event_is_as_on_aws():
    headers = {"X-Mixed-Case": "Kept", "User-Agent": "curl/8", "Host": "api.example.com", "Cookie": "a=1"}

    ours, sams = both("GET", "status", headers=headers)

    assert ours["headers"]["x-mixed-case"] == sams["headers"]["X-Mixed-Case"] == "Kept"
    assert all(name == name.lower() for name in ours["headers"]), "AWS lowers the names of headers"
    assert "cookie" not in ours["headers"], "AWS moves cookies to `cookies`"
    assert ours["requestContext"]["http"]["userAgent"] == "curl/8"
    assert ours["requestContext"]["domainName"] == "api.example.com"
    assert ours["requestContext"]["domainPrefix"] == "api"
    assert not {"body", "queryStringParameters", "stageVariables"} & set(ours), "AWS leaves out what is empty"


def test_every_event_has_an_id_and_a_time_of_its_own():
    (first, _), (second, _) = both("GET", "status"), both("GET", "status")

    assert first["requestContext"]["requestId"] != second["requestContext"]["requestId"]
    assert first["requestContext"]["timeEpoch"] > 1_700_000_000_000, "in milliseconds"


def test_headers_sent_twice_are_joined_with_commas():
    route = Route("GET", f"{CONNECTION}/status")
    twice = Request(EnvironBuilder(path="/", headers=[("X-Twice", "1"), ("X-Twice", "2")]).get_environ())

    assert event_of(twice, route, IDS)["headers"]["x-twice"] in ("1,2", "1, 2")


def test_a_body_that_is_not_utf_8_arrives_in_base64():
    ours = event_of(request("POST", "/", data=b'{"\xff": 1}', headers=JSON), Route("POST", "/"), {})

    assert ours["isBase64Encoded"] is True
    assert base64.b64decode(ours["body"]) == b'{"\xff": 1}'


def test_a_form_arrives_in_base64_as_it_does_behind_an_http_api():
    """SAM leaves it as text."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ours = event_of(request("POST", "/", data=b"signed_request=a.b", headers=form), Route("POST", "/"), {})

    assert (ours["isBase64Encoded"], base64.b64decode(ours["body"])) == (True, b"signed_request=a.b")


def test_sam_itself_fails_on_a_body_that_is_not_utf_8():
    with pytest.raises(UnicodeDecodeError):
        both("POST", "send", data=b'{"\xff": 1}', headers=JSON)


@settings(deadline=None)  # a busy machine is no failure
@given(
    body=st.binary(max_size=2000) | st.text(max_size=500).map(lambda text: text.encode("utf-8", "ignore")),
    content_type=st.sampled_from(CONTENT_TYPES),
)
def test_a_handler_sees_the_bytes_that_were_sent(body, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}

    event = event_of(request("POST", "/x", data=body, headers=headers), Route("POST", "/x"), {})

    assert ConnectorRequest.of(json.loads(json.dumps(event))).body == body


@settings(deadline=None)  # a busy machine is no failure
@given(query=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=5))
def test_a_handler_sees_the_query_that_was_sent(query):
    event = event_of(request("GET", "/x", query_string=query), Route("GET", "/x"), {})

    assert ConnectorRequest.of(event).query == query


# ── Routing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Recorder:
    """A function behind the gateway, which remembers its event."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: Any) -> Any:
        self.events.append(event)
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}


@pytest.fixture
def gateway() -> tuple[Gateway, Recorder]:
    """A gateway with one function."""
    recorder = Recorder()
    route = Route("GET", f"{CONNECTION}/status")
    return Gateway([(Function("status", ROOT, 15, {}, (route,), None), recorder)]), recorder


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/database/sub_1/chat-agents/agent-1/instagram/unknown"),
        ("GET", "/api/database/sub_1/chat-agents/agent-1/instagram/status/more"),
        ("GET", "/api/database/sub_1/extra/chat-agents/agent-1/instagram/status"),
        ("GET", "/api/database//chat-agents/agent-1/instagram/status"),
        ("POST", "/api/database/sub_1/chat-agents/agent-1/instagram/status"),
    ],
)
def test_a25_an_unknown_route_is_404_in_the_gateways_words(gateway, method, path):
    answer = gateway[0].answer(request(method, path))

    assert answer.status_code == 404
    assert answer.json == {"message": "Not Found"}
    assert gateway[1].events == []


def test_a_known_route_hands_its_ids_over_as_path_parameters(gateway):
    answer = gateway[0].answer(request("GET", "/api/database/sub_1/chat-agents/agent-1/instagram/status"))

    assert answer.status_code == 200
    (event,) = gateway[1].events
    assert event["pathParameters"] == IDS
    assert event["routeKey"] == f"GET {CONNECTION}/status"


def test_the_gateway_serves_the_templates_routes_and_no_others(deployed):
    routes = {(route.method, route.path) for function in read_template().functions for route in function.routes}

    assert routes == set(deployed.routes)


def test_local_functions_have_the_environment_that_deploys(deployed):
    for function in read_template().functions:
        assert function.environment == deployed.variables(function.name)
        assert function.timeout_seconds == deployed.functions[function.name]["Timeout"]


# ── CORS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ORIGIN = "https://app.example.com"
STATUS = "/api/database/sub_1/chat-agents/agent-1/instagram/status"


@pytest.fixture
def cors_gateway() -> tuple[Gateway, Recorder]:
    """A gateway with one function and the template's CORS rules for two origins."""
    recorder = Recorder()
    route = Route("GET", f"{CONNECTION}/status")
    cors = read_template().cors_for(f"{ORIGIN},https://www.example.com")
    return Gateway([(Function("status", ROOT, 15, {}, (route,), None), recorder)], cors), recorder


def cors_headers(response) -> dict[str, str]:
    """Return the CORS headers of a response."""
    return {name: value for name, value in response.headers if name.startswith("Access-Control-")}


def test_h19_a_preflight_of_an_allowed_origin_needs_no_jwt(cors_gateway):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = cors_gateway[0].answer(request("OPTIONS", STATUS, headers=headers))

    assert answer.status_code == 204
    assert cors_headers(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET,POST",
        "Access-Control-Allow-Headers": "authorization,content-type,idempotency-key",
        "Access-Control-Max-Age": "600",
    }
    assert cors_gateway[1].events == [], "no function sees a preflight"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://sub.app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "null",
        "*",
    ],
)
def test_h19_another_origin_gets_no_cors_headers(cors_gateway, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        assert cors_headers(cors_gateway[0].answer(request(method, STATUS, headers=headers))) == {}


def test_h19_an_allowed_origin_may_read_the_answer(cors_gateway):
    answer = cors_gateway[0].answer(request("GET", STATUS, headers={"Origin": ORIGIN}))

    assert answer.status_code == 200
    assert cors_headers(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Expose-Headers": "retry-after,x-request-id",
    }


def test_h19_without_allowed_origins_there_are_no_cors_rules():
    assert read_template().cors_for("") is None
