"""A person removes the app or wants their data deleted: what the app is then told."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask, Response, jsonify, request

from local.simulators.meta.signed_requests import sign_request
from local.simulators.server import serve
from tests.unit.local.conftest import APP_SECRET
from tests.unit.local.meta_client import ACCOUNT, INSTAGRAM_TOKEN, PAGE, PAGE_TOKEN, MetaClient
from tests.unit.local.test_meta_tokens import refusal

OWNER = "10220000000000001"
APP_SCOPED = "28978671838402975"


@pytest.fixture
def told() -> Iterator[tuple[str, list[str]]]:
    """An app with both callbacks: its address, and the signed requests that came."""
    came: list[str] = []
    app = Flask(__name__)

    @app.post("/deauthorize")
    def deauthorize() -> Response:
        came.append(request.form["signed_request"])
        return Response("gone")

    @app.post("/delete")
    def delete() -> Response:
        came.append(request.form["signed_request"])
        return jsonify(url="https://app.example/deletion?id=abc123", confirmation_code="abc123")

    running = serve(app)
    yield running.url, came
    running.stop()


def decode(secret: str, signed: str) -> Any:
    signature, payload = signed.split(".")
    assert "=" not in signed
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def set_urls(meta: MetaClient, url: str) -> None:
    urls = {"deauthorizeUrl": f"{url}/deauthorize", "dataDeletionUrl": f"{url}/delete"}
    assert meta.control("POST", "/callbacks", urls) == urls
    assert meta.control("GET", "/state")["callbacks"] == urls


def instagram_secret(meta: MetaClient) -> str:
    secret = meta.control("GET", "/state")["apps"]["instagram"]["secret"]
    assert isinstance(secret, str)
    return secret


def test_a_signed_request_is_that_of_the_test_vector():
    payload = {"algorithm": "HMAC-SHA256", "expires": 1291840400, "issued_at": 1291836800, "user_id": "218471"}
    assert sign_request("test_app_secret", payload) == (
        "MgChNJTM9CJ75wlk7iDsf-5_LH4rMfst5fvUhiJRiqg.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMiOjEyOTE4NDA0MDAsIm"
        "lzc3VlZF9hdCI6MTI5MTgzNjgwMCwidXNlcl9pZCI6IjIxODQ3MSJ9"
    )


def test_the_owner_of_a_page_is_named_as_debug_token_does(meta: MetaClient, told: tuple[str, list[str]]):
    url, came = told
    set_urls(meta, url)
    answer = meta.control("POST", "/data-deletion", {"accountId": ACCOUNT})
    assert answer["status"] == 200
    assert json.loads(answer["body"])["confirmation_code"] == "abc123"
    assert came == [answer["signedRequest"]]
    payload = decode(APP_SECRET, came[0])
    assert set(payload) == {"algorithm", "expires", "issued_at", "user_id"}
    assert (payload["algorithm"], payload["user_id"], answer["userId"]) == ("HMAC-SHA256", OWNER, OWNER)
    assert payload["expires"] - payload["issued_at"] == 3600
    shown = meta.read(f"/debug_token?input_token={PAGE_TOKEN}", f"900000000000001|{APP_SECRET}")
    assert shown["data"]["user_id"] == OWNER
    assert meta.graph("GET", "/me").ok


def test_the_owner_of_an_account_of_instagram_login_is_named_as_me_does(meta: MetaClient, told: tuple[str, list[str]]):
    url, came = told
    set_urls(meta, url)
    answer = meta.control("POST", "/data-deletion", {"accountId": ACCOUNT, "login": "instagram"})
    assert answer["userId"] == meta.read("/me", INSTAGRAM_TOKEN)["id"] == APP_SCOPED
    assert decode(instagram_secret(meta), came[0])["user_id"] == APP_SCOPED


def test_whoever_removes_the_app_takes_its_tokens_and_webhooks_with_them(
    connected: MetaClient, told: tuple[str, list[str]]
):
    url, came = told
    set_urls(connected, url)
    answer = connected.control("POST", "/deauthorize", {"userId": OWNER})
    assert (answer["status"], answer["body"]) == (200, "gone")
    assert decode(APP_SECRET, came[0])["user_id"] == OWNER
    assert refusal(connected.graph("GET", "/me"))["error_subcode"] == 458
    assert connected.control("GET", f"/accounts/{ACCOUNT}")["subscribedFields"] == []
    assert connected.graph("GET", "/me", INSTAGRAM_TOKEN).ok
    connected.control("POST", "/deauthorize", {"userId": APP_SCOPED})
    assert decode(instagram_secret(connected), came[1])["user_id"] == APP_SCOPED
    assert refusal(connected.graph("GET", "/me", INSTAGRAM_TOKEN))["error_subcode"] == 458


def test_an_app_without_urls_is_told_nothing_and_loses_its_tokens_all_the_same(meta: MetaClient):
    answer = meta.control("POST", "/deauthorize", {"accountId": ACCOUNT})
    assert (answer["status"], answer["body"]) == (None, "No URL is set.")
    assert refusal(meta.graph("GET", "/me"))["error_subcode"] == 458


def test_an_app_that_does_not_answer_is_reported(meta: MetaClient):
    meta.control("POST", "/callbacks", {"dataDeletionUrl": "http://127.0.0.1:9/delete"})
    answer = meta.control("POST", "/data-deletion", {"accountId": ACCOUNT})
    assert (answer["status"], answer["body"]) == (None, "No answer: ConnectionError")


def test_anybody_can_be_named_and_anything_signed(meta: MetaClient, told: tuple[str, list[str]]):
    url, came = told
    set_urls(meta, url)
    meta.control("POST", "/deauthorize", {"userId": "1", "payload": {"user_id": "0", "profile_id": PAGE}})
    payload = decode(APP_SECRET, came[0])
    assert (payload["user_id"], payload["profile_id"]) == ("0", PAGE)


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"accountId": "1"}, 404)])
def test_somebody_must_be_named(meta: MetaClient, body: dict[str, str], status: int):
    assert requests.post(f"{meta.url}/_simulator/deauthorize", json=body, timeout=5).status_code == status
