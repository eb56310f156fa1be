"""All routes work below a base path: an API mapping key of a custom domain, a stage, or both."""

import json
import re
from base64 import b64encode
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from local.template import ROOT, read_template
from tests.integration.deployment import CONNECT, CONTEXT, signed_token
from tests.unit.payloads import APP_PATH, compact, connection_path, http_event, message, messaging, signed_headers
from tests.unit.test_signed_requests import SECRET, signed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

IDS = {"subaccountId": "sub_1", "agentId": "agent_1"}
ROUTES = [(one.name, route) for one in read_template(ROOT / "template.yaml").functions for route in one.routes]
BASES = {  # base path and stage
    "mapping-key": ("/v1", "$default"),
    "mapping-key-of-segments": ("/team/api", "$default"),
    "mapping-key-like-ours": ("/api/database", "$default"),
    "stage": ("/prod", "prod"),
    "mapping-key-and-stage": ("/v1", "production"),
    "none-and-stage": ("", "prod"),
}
each_base = pytest.mark.parametrize(("base", "stage"), BASES.values(), ids=BASES)


def called(deployment, function, route, base="", stage="$default", **options):
    """Call a function as API Gateway does for one of its routes; return the whole answer."""
    names = re.findall(r"{(\w+)}", route.path)
    given = {name: IDS.get(name, "0" * 32) for name in names}
    headers = {"authorization": f"Bearer {signed_token()}", "x-forwarded-proto": "https"} | options.pop("headers", {})
    event = http_event(
        route.method, base + route.path.format(**given), path_parameters=given, headers=headers, **options
    )
    event["routeKey"] = f"{route.method} {route.path}"
    event["requestContext"] |= {"stage": stage, "routeKey": event["routeKey"]}
    return deployment.function(function)(event, CONTEXT)


def route_of(function, ending=""):
    """Return a route of a function."""
    return next(route for name, route in ROUTES if name == function and route.path.endswith(ending))


@pytest.fixture
def connected(deployment):
    deployment.take_in("m1")
    return deployment


@each_base
def test_every_route_answers_below_a_base_path_as_without_one(connected, subtests, base, stage):
    reads = [(name, route) for name, route in ROUTES if route.method == "GET"]
    writes = [(name, route) for name, route in ROUTES if route.method != "GET" and name != "connect"]
    for function, route in reads + writes:
        with subtests.test(f"{route.method} {route.path}"):
            plain = called(connected, function, route)
            below = called(connected, function, route, base, stage)
            assert below["statusCode"] == plain["statusCode"]
            if function in ("status", "messages", "conversations", "menu", "pause", "resume"):
                assert plain["statusCode"] in (200, 400)
            if plain["statusCode"] == 404:
                assert function == "deletion"


@each_base
def test_connect_works_below_a_base_path(deployment, base, stage):
    told = called(deployment, "connect", route_of("connect"), base, stage, text=json.dumps(CONNECT))
    assert (told["statusCode"], json.loads(told["body"])["success"]) == (200, True)


@each_base
@pytest.mark.parametrize("ending", ["{agentId}/instagram/webhook", "/api/instagram/webhook"])
def test_the_webhook_takes_events_and_handshakes_below_a_base_path(connected, monkeypatch, base, stage, ending):
    own = "{" in ending
    routes = [route for name, route in ROUTES if name == "webhook" and route.path.endswith(ending)]
    assert {route.method for route in routes} == {"GET", "POST"}
    (get,), (post,) = ([route for route in routes if route.method == method] for method in ("GET", "POST"))
    raw = compact(messaging(message("m2", "And on Sundays?")))
    body = {"headers": signed_headers(raw), "text": b64encode(raw).decode(), "is_base64": True}
    assert called(connected, "webhook", post, base, stage, **body)["statusCode"] == 200
    (queued,) = map(json.loads, connected.inbox())
    assert bool(queued.get("route")) is own
    query = {"hub.mode": "subscribe", "hub.challenge": "42"}
    query["hub.verify_token"] = CONNECT["webhookVerificationToken"] if own else "of the app"
    assert called(connected, "webhook", get, base, stage, query=query)["body"] == "42"


@pytest.mark.parametrize("path", [connection_path("sub_1", "agent_1"), APP_PATH])
@pytest.mark.parametrize("base", ["", "/v1", "/team/api", "/api/database"])
def test_the_webhooks_function_url_works_behind_a_proxy_with_a_base_path(connected, base, path):
    raw = compact(messaging(message("m2", "And on Sundays?")))
    event = http_event("POST", base + path, headers=signed_headers(raw), text=b64encode(raw).decode(), is_base64=True)
    event["routeKey"] = event["requestContext"]["routeKey"] = "$default"
    assert connected.function("webhook")(event, CONTEXT)["statusCode"] == 200
    assert len(connected.inbox()) == 1


@each_base
def test_addresses_that_are_told_keep_the_base_path(connected, base, stage):
    form = urlencode({"signed_request": signed({"algorithm": "HMAC-SHA256", "user_id": "1"}, SECRET)})
    body = {"text": b64encode(form.encode()).decode(), "is_base64": True}
    connected.aws.put_secret(
        "app-secrets", json.dumps({"appSecrets": [SECRET], "facebookApp": {"id": "1", "secret": "s"}})
    )
    stores_cleared(connected)
    told = json.loads(
        called(connected, "delete_data", route_of("delete_data", "/api/instagram/delete-data"), base, stage, **body)[
            "body"
        ]
    )
    assert told["url"] == f"https://api.example.com{base}/api/instagram/deletions/{told['confirmation_code']}"

    told = json.loads(called(connected, "forget", route_of("forget"), base, stage, text='{"userId": "123"}')["body"])
    assert told["data"]["statusUrl"].startswith(f"https://api.example.com{base}/api/instagram/deletions/")

    told = json.loads(
        called(connected, "authorize", route_of("authorize"), base, stage, query={"login": "facebook"})["body"]
    )
    (redirect_uri,) = parse_qs(urlsplit(told["data"]["url"]).query)["redirect_uri"]
    assert redirect_uri == f"https://api.example.com{base}/api/instagram/oauth/callback"

    told = json.loads(called(connected, "status", route_of("status"), base, stage)["body"])
    assert told["data"]["webhookPath"] == connection_path("sub_1", "agent_1"), "it goes after the base URL"


def stores_cleared(deployment):
    """Be an execution environment that has not read app-secrets."""
    from connector.wiring import stores

    stores.secrets.cache_clear()
