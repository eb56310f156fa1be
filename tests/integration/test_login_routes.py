"""The two functions of a login, as API Gateway calls them: who may ask for one, and where browsers may be sent."""

import importlib
import json
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests

from connector.storage.authorizations import COLLECTION
from connector.storage.documents import now
from connector.storage.mongodb import database as connector_database
from connector.tenancy import Tenant
from connector.wiring import outside, stores
from tests.integration.forms import Form
from tests.integration.owners import owners
from tests.unit.payloads import connection_path, http_event

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

KEY = "k" * 32
TENANT = Tenant("sub_1", "agent_1")
OTHER = Tenant("sub_2", "agent_2")
BACK = "https://app.example.com/settings?tab=2"
CALLBACK = "/api/instagram/oauth/callback"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="id")

both_logins = pytest.mark.parametrize("login", ["facebook", "instagram"])


@dataclass
class Front:
    """A frontend, and the browser of an account's owner."""

    world: Any
    database: Any

    def authorize(self, *, tenant=TENANT, caller=None, headers=None, **query):
        """Ask for the address of a login; return the status and the body."""
        at = int(time.time())
        claims = {"sub": "user_1", "iat": at, "exp": at + 600, "subaccountId": (caller or tenant).subaccount_id}
        claims |= {"retellAgentIds": [tenant.agent_id, "agent_x"]}
        event = http_event(
            "GET",
            connection_path(tenant.subaccount_id, tenant.agent_id).removesuffix("webhook") + "authorize",
            query=query,
            headers={"authorization": f"Bearer {jwt.encode(claims, KEY)}", "x-forwarded-proto": "https"}
            | (headers or {}),
            path_parameters={"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id},
        )
        told = importlib.import_module("functions.authorize.app").handler(event, CONTEXT)
        return told["statusCode"], json.loads(told["body"])

    def url(self, login="instagram", **query):
        status, told = self.authorize(login=login, **query)
        assert status == 200, told
        return told["data"]["url"]

    def come_back(self, url, account):
        """Log in as an account's owner, and return the query with which the browser comes back."""
        self.world.meta.control("PUT", "dialog", accountId=account["instagramAccountId"])
        back = requests.get(url, timeout=10, allow_redirects=False).headers["Location"]
        return {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}

    def come(self, query, **headers):
        """Have the browser come back; return the whole answer."""
        return self._call(http_event("GET", CALLBACK, query=query, headers=headers))

    def submit(self, answer, button="Connect"):
        """Press a button of a page, and return the whole answer."""
        form = Form(answer["body"])
        return self.post(form.fields | {"account": form.buttons[button]})

    def post(self, fields, **headers):
        text = b64encode(urlencode(fields).encode()).decode()  # API Gateway takes a form for bytes
        headers = {"content-type": "application/x-www-form-urlencoded"} | headers
        return self._call(http_event("POST", CALLBACK, text=text, headers=headers, is_base64=True))

    def finish(self, query, **headers):
        """Have the browser come back, and the owner confirm where they are asked."""
        answer = self.come(query, **headers)
        return self.submit(answer) if "<form" in answer.get("body", "") else answer

    def _call(self, event):
        return importlib.import_module("functions.finish_login.app").handler(event, CONTEXT)

    def pending(self):
        return [*self.database[COLLECTION].find()]


@pytest.fixture
def front(aws, functions_environment, mongodb_uri, database, monkeypatch):
    _forget()
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    with owners(aws, database) as world:
        for variable in ("FACEBOOK_GRAPH_URL", "INSTAGRAM_GRAPH_URL", "FACEBOOK_LOGIN_URL", "INSTAGRAM_LOGIN_URL"):
            monkeypatch.setenv(variable, world.meta.url)
        monkeypatch.setenv("INSTAGRAM_API_URL", world.meta.url)
        monkeypatch.setenv("RETELL_URL", world.retell_url)
        monkeypatch.setenv("RETURN_URLS", f"https://a.example/,{BACK}")
        apps = {f"{login}App": {"id": app.app_id, "secret": app.secret} for login, app in world.apps.items()}
        aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "x", **apps}))
        aws.put_secret("jwt", json.dumps({"keys": [KEY]}))
        aws.put_secret("mongodb-uri", uri)
        aws.put_secret("retell-api-key", "key_local")
        yield Front(world, database)
    connector_database(uri).client.close()
    _forget()


def _forget():
    for kept in (stores.secrets, connector_database, outside._retell):
        kept.cache_clear()


@pytest.fixture
def account(front):
    return front.world.meta.account()


# ── the whole way


@both_logins
def test_a_login_connects_the_account_and_sends_the_browser_back(front, account, login):
    answer = front.finish(front.come_back(front.url(login, returnUrl=BACK), account))
    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, f"{BACK}&instagram=connected#")
    assert front.world.connections.get(TENANT).account.account_id == account["instagramAccountId"]


@both_logins
def test_without_a_return_url_a_page_says_that_it_is_connected(front, account, login):
    answer = front.finish(front.come_back(front.url(login), account))
    assert (answer["statusCode"], account["username"] in answer["body"]) == (200, True)


@both_logins
def test_a_login_that_fails_sends_the_browser_back_with_the_code(front, account, login):
    front.finish(front.come_back(front.url(login, tenant=OTHER), account))
    answer = front.finish(front.come_back(front.url(login, returnUrl=BACK), account))
    assert answer["headers"]["Location"] == f"{BACK}&instagram=failed&code=account_in_use#"
    answer = front.finish(front.come_back(front.url(login), account))
    assert (answer["statusCode"], "already connected to another chat agent" in answer["body"]) == (409, True)


@both_logins
@pytest.mark.parametrize(
    "body",
    [
        {"error_type": "IGApiException", "code": 100, "error_message": "Unsupported request - method type: get"},
        {"error": {"message": "Unsupported request - method type: post", "type": "IGApiException", "code": 100}},
        {"error": {"message": "Unsupported post request.", "code": "100"}},
    ],
    ids=["flat", "post", "string"],
)
def test_an_unsupported_request_in_a_login_names_the_invitation(front, account, login, body):
    query = front.come_back(front.url(login, returnUrl=BACK), account)
    again = front.come_back(front.url(login), account)
    front.world.meta.control("PUT", "faults", fail_token_calls={"body": body, "times": 2})
    assert front.finish(query)["headers"]["Location"] == f"{BACK}&instagram=failed&code=app_access_missing#"
    page = front.finish(again)["body"]
    assert "Instagram Tester" in page
    assert "is not live" in page


@both_logins
def test_an_address_is_good_for_ten_minutes_and_leads_back_to_where_it_was_asked_for(front, login):
    status, told = front.authorize(login=login, retellAgentId="agent_x", instagramAccountId="178", returnUrl=BACK)
    assert status == 200
    expires_at = datetime.fromisoformat(told["data"]["expiresAt"])
    assert timedelta(minutes=9) < expires_at - now() <= timedelta(minutes=10)
    query = {name: value for name, (value,) in parse_qs(urlsplit(told["data"]["url"]).query).items()}
    assert query["redirect_uri"] == f"https://api.example.com{CALLBACK}"
    (stored,) = front.pending()
    asked = {name: stored[name] for name in ("subaccountId", "agentId", "login", "retellAgentId", "returnUrl")}
    assert asked == {
        "subaccountId": "sub_1",
        "agentId": "agent_1",
        "login": login,
        "retellAgentId": "agent_x",
        "returnUrl": BACK,
    }
    assert (stored["instagramAccountId"], stored["redirectUri"]) == ("178", query["redirect_uri"])


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x-forwarded-proto": "https"}, "https://api.example.com"),
        ({"X-Forwarded-Proto": "https,http"}, "https://api.example.com"),
        ({"x-forwarded-proto": "http"}, "http://api.example.com"),
        ({"host": "evil.example", "x-forwarded-host": "evil.example"}, "https://api.example.com"),
    ],
)
def test_meta_sends_browsers_back_to_the_host_that_the_gateway_serves(front, headers, origin):
    front.authorize(login="instagram", headers=headers)
    assert front.pending()[0]["redirectUri"] == origin + CALLBACK


# ── who may ask, and for what


def test_h5_nobody_asks_for_another_tenants_login(front):
    for tenant, caller in ((OTHER, TENANT), (TENANT, OTHER)):
        status, told = front.authorize(tenant=tenant, caller=caller, login="instagram")
        assert (status, told["error"]["code"]) == (404, "not_found")
    assert front.pending() == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "login"),
        ({"login": "tiktok"}, "login"),
        ({"login": "instagram,facebook"}, "login"),
        ({"login": "instagram", "returnurl": BACK}, "returnurl"),
        ({"login": "instagram", "retellAgentId": "a/b"}, "retellAgentId"),
        ({"login": "instagram", "instagramAccountId": "1 or 1"}, "instagramAccountId"),
        ({"login": "instagram", "returnUrl": ""}, "returnUrl"),
        ({"login": "instagram", "returnUrl": "https://app.example.com/" + "a" * 2048}, "returnUrl"),
    ],
)
def test_what_cannot_be_asked_for_is_named(front, query, field):
    status, told = front.authorize(**query)
    assert (status, [one["field"] for one in told["error"]["details"]]) == (400, [field])
    assert front.pending() == []


@both_logins
def test_a_deployment_without_an_app_says_which_parameter_to_fill(front, aws, login):
    aws.put_secret("app-secrets", json.dumps({"appSecrets": ["test_app_secret"], "verifyToken": "x"}))
    stores.secrets.cache_clear()
    status, told = front.authorize(login=login)
    assert (status, told["error"]["code"]) == (409, "login_not_set_up")
    assert f'app-secrets, as "{login}App"' in told["error"]["message"]
    assert front.pending() == []


STRANGE = [
    "https://app.example.com/settings",
    "https://app.example.com/settings?tab=2&",
    "https://app.example.com/settings?tab=2#",
    "https://app.example.com/settings?tab=2/../../evil",
    "https://APP.example.com/settings?tab=2",
    "HTTPS://app.example.com/settings?tab=2",
    "http://app.example.com/settings?tab=2",
    "https://app.example.com:443/settings?tab=2",
    "https://app.example.com./settings?tab=2",
    "https://app.example.com@evil.example/settings?tab=2",
    "https://user:pass@app.example.com/settings?tab=2",
    "https://app.example.com.evil.example/settings?tab=2",
    "https://evil.example/https://app.example.com/settings?tab=2",
    "https://evil.example/?https://app.example.com/settings?tab=2",
    "https://evil.example#https://app.example.com/settings?tab=2",
    "https:\\\\app.example.com\\settings?tab=2",
    "https://evil.example\\@app.example.com/settings?tab=2",
    "https:/app.example.com/settings?tab=2",
    "https:app.example.com/settings?tab=2",
    "//app.example.com/settings?tab=2",
    "/settings?tab=2",
    "javascript:alert(1)//https://app.example.com/settings?tab=2",
    "data:text/html,https://app.example.com/settings?tab=2",
    " https://app.example.com/settings?tab=2",
    "https://app.example.com/settings?tab=2 ",
    "https://app.example.com/settings?tab=2\r\nSet-Cookie: a=b",
    "https://app.example.com/settings?tab=2%0d%0aSet-Cookie: a=b",
    "https://app.example.com/settings?tab=2\x00",
    "https://app\u3002example.com/settings?tab=2",
    "https://\uff41pp.example.com/settings?tab=2",
    "https://\u0430pp.example.com/settings?tab=2",
    "https://app.example.com/settings?tab=\uff12",
    "https://app.example.com/settings?tab%3D2",
    "https://a.example/,https://app.example.com/settings?tab=2",
    ",",
    "*",
    "null",
]


@pytest.mark.parametrize("address", STRANGE)
def test_h12_h14_only_an_address_of_the_list_is_taken_and_only_to_the_letter(front, address):
    status, told = front.authorize(login="instagram", returnUrl=address)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert [one["field"] for one in told["error"]["details"]] == ["returnUrl"]
    assert front.pending() == []


def test_h14_without_a_list_no_address_is_taken(front, monkeypatch):
    monkeypatch.setenv("RETURN_URLS", "")
    assert front.authorize(login="instagram", returnUrl=BACK)[0] == 400
    assert front.authorize(login="instagram")[0] == 200


def test_h14_the_callback_sends_nobody_where_its_own_query_says(front, account):
    query = front.come_back(front.url(), account)
    elsewhere = {"returnUrl": "https://evil.example/", "redirect_uri": "https://evil.example/"}
    answer = front.finish(query | elsewhere, **{"referer": "https://evil.example/", "x-forwarded-host": "evil.example"})
    assert (answer["statusCode"], "evil" in json.dumps(answer)) == (200, False)


# ── states


@pytest.mark.parametrize(
    "query", [None, {"code": "x"}, {"state": "x"}, {"error": "access_denied"}, {"state": "A" * 43}]
)
def test_h13_whoever_comes_without_a_good_state_gets_a_page_that_says_so(front, query):
    answer = front.finish(query)
    assert answer["statusCode"] == 400
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "was never asked for" in answer["body"]
    assert "Location" not in answer["headers"]


@both_logins
def test_h13_a_state_is_good_once(front, account, login):
    query = front.come_back(front.url(login, returnUrl=BACK), account)
    first = front.finish(query)
    again = front.finish(query)
    assert (first["statusCode"], again["statusCode"]) == (303, 400)
    assert front.world.connections.get(TENANT).generation == 1


@both_logins
def test_h13_a_state_connects_the_agent_of_whoever_asked_for_it_whoever_brings_it(front, account, login):
    at = int(time.time())
    token = jwt.encode({"sub": "user_1", "iat": at, "exp": at + 600, "subaccountId": "sub_1"}, KEY)
    query = front.come_back(front.url(login, tenant=OTHER), account)
    front.finish(query | {"subaccountId": "sub_1", "agentId": "agent_1"}, authorization=f"Bearer {token}")
    assert front.world.connections.get(TENANT) is None
    assert front.world.connections.get(OTHER).is_connected


# ── the confirmation


@both_logins
def test_h13_an_attackers_address_connects_nothing_without_the_confirmation(front, account, login, monkeypatch):
    """The attacker asks for an address, a victim opens it: the page names the attacker's agent, and only asks."""
    monkeypatch.setenv("PLATFORM_NAME", "Acme & Sons")
    url = front.url(login, tenant=OTHER, returnUrl=BACK)
    page = front.come(front.come_back(url, account))
    assert page["statusCode"] == 200
    asked = f"Connect @{account['username']} to the agent agent_2 of Acme &amp; Sons (subaccount sub_2)?"
    assert asked in page["body"]
    assert front.world.connections.get(OTHER) is None
    assert front.world.parameters().keys().isdisjoint({"connections"})
    assert not [one for one in front.world.parameters() if one.startswith("connections/")]
    # The attacker knows the state. Without Meta's code it opens nothing.
    state = parse_qs(urlsplit(url).query)["state"][0]
    account_id = account["instagramAccountId"]
    for ticket in ("", "A" * 44, state, "\ud83d"):
        answer = front.post({"state": state, "ticket": ticket.encode("utf-8", "replace"), "account": account_id})
        assert answer["statusCode"] == 400
    assert "ticket" not in front.come({"state": state, "code": "another code"})["body"]
    assert "ticket" not in front.come({"state": state}).get("body", "")
    assert front.world.connections.get(OTHER) is None
    cancelled = front.submit(page, "Cancel")
    assert (cancelled["statusCode"], cancelled["headers"]["Location"]) == (
        303,
        f"{BACK}&instagram=failed&code=login_denied#",
    )
    assert front.submit(page)["statusCode"] == 400
    assert (front.world.connections.get(OTHER), front.pending()) == (None, [])


@both_logins
def test_the_page_can_be_loaded_again_and_either_tab_connects_once(front, account, login):
    query = front.come_back(front.url(login, returnUrl=BACK), account)
    first, second = front.come(query), front.come(query)
    assert first["body"] == second["body"]
    assert [front.submit(one)["statusCode"] for one in (second, first, second)] == [303, 400, 400]
    assert front.come(query)["statusCode"] == 400
    assert front.world.connections.get(TENANT).generation == 1


@both_logins
def test_of_requests_at_the_same_time_one_exchanges_the_code_and_one_connects(front, account, login, race):
    query = front.come_back(front.url(login), account)
    pages = race(4, lambda _: front.come(query))
    assert {one["statusCode"] for one in pages} == {200}
    assert all("<form" in one["body"] or one["headers"]["Refresh"] == "2" for one in pages)
    page = front.come(query)
    assert sorted(one["statusCode"] for one in race(4, lambda _: front.submit(page))) == [200, 400, 400, 400]
    assert front.world.connections.get(TENANT).generation == 1


@both_logins
def test_what_was_found_is_stored_encrypted_and_for_ten_minutes(front, account, login):
    page = front.come(front.come_back(front.url(login), account))
    (stored,) = front.pending()
    issued = [one["token"] for one in front.world.meta.control("GET", "tokens")["tokens"]]
    form = Form(page["body"])
    for secret in (*issued, account["username"], form.fields["ticket"], form.fields["state"]):
        assert secret.encode() not in bytes(stored["sealed"])
        assert secret not in str(stored)
    assert not [token for token in issued if token in json.dumps(page)]
    assert timedelta(minutes=9) < stored["expiresAt"] - now() <= timedelta(minutes=10)
    front.database[COLLECTION].update_one({}, {"$set": {"expiresAt": now() - timedelta(seconds=1)}})
    assert front.submit(page)["statusCode"] == 400
    assert front.world.connections.get(TENANT) is None


def test_a_request_that_died_during_the_exchange_leaves_a_login_that_is_over(front, account):
    query = front.come_back(front.url(), account)
    front.database[COLLECTION].update_one({}, {"$set": {"claimedAt": now() - timedelta(seconds=5)}})
    assert front.come(query)["headers"]["Refresh"] == "2"
    front.database[COLLECTION].update_one({}, {"$set": {"claimedAt": now() - timedelta(seconds=41)}})
    assert front.come(query)["statusCode"] == 400
    assert front.world.connections.get(TENANT) is None


def test_the_page_is_not_kept_framed_or_scripted_and_its_form_leads_back(front, account):
    page = front.come(front.come_back(front.url(returnUrl=BACK), account))
    headers = page["headers"]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    policy = dict(one.strip().split(" ", 1) for one in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'self' https:",
        "frame-ancestors": "'none'",
    }
    assert Form(page["body"]).action == ("post", "callback")
    assert "<script" not in page["body"]


@pytest.mark.parametrize("body", ["", "x" * 5000, "&".join(["a=b"] * 20), "state=%ff&ticket=é"])
def test_a_form_that_is_not_ours_is_refused_with_a_page(front, body):
    event = http_event("POST", CALLBACK, text=body)
    assert front._call(event)["statusCode"] == 400
