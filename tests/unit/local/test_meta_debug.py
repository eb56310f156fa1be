"""What an app may learn about its tokens, alone and in a batch; and the proof that it knows its own secret."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import pytest

from tests.unit.local.conftest import APP_SECRET
from tests.unit.local.meta_client import ACCOUNT, ANA, INSTAGRAM_TOKEN, PAGE, PAGE_TOKEN, MetaClient
from tests.unit.local.test_meta_tokens import REVOCATIONS, change_tokens, refusal

APP_ID = "900000000000001"
APP_TOKEN = f"{APP_ID}|{APP_SECRET}"
OWNER = "10220000000000001"
SCOPES = [
    "public_profile",
    "instagram_basic",
    "instagram_manage_messages",
    "pages_show_list",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_messaging",
    "business_management",
]


def debug(meta: MetaClient, token: str = PAGE_TOKEN) -> Any:
    answer = meta.graph("GET", f"/v26.0/debug_token?input_token={token}", APP_TOKEN)
    assert answer.status_code == 200
    return answer.json()["data"]


def seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def test_a_page_token_shows_its_page_its_owner_and_what_it_may_do(meta: MetaClient):
    (token,) = meta.control("GET", f"/tokens/{PAGE_TOKEN}")["tokens"]
    issued = seconds(token["issuedAt"])
    assert debug(meta) == {
        "app_id": APP_ID,
        "type": "PAGE",
        "application": "Simulated app",
        "data_access_expires_at": issued + 90 * 24 * 3600,
        "expires_at": 0,
        "is_valid": True,
        "issued_at": issued,
        "profile_id": PAGE,
        "user_id": OWNER,
        "scopes": SCOPES,
        "granular_scopes": [
            {"scope": "instagram_basic", "target_ids": [ACCOUNT]},
            {"scope": "instagram_manage_messages", "target_ids": [ACCOUNT]},
            {"scope": "pages_show_list", "target_ids": [PAGE]},
            {"scope": "pages_manage_metadata", "target_ids": [PAGE]},
            {"scope": "pages_read_engagement", "target_ids": [PAGE]},
            {"scope": "pages_messaging", "target_ids": [PAGE]},
        ],
    }


def test_a_token_that_lives_for_an_hour_says_until_when(meta: MetaClient):
    token = meta.control("POST", "/tokens", {"kind": "page", "accountId": ACCOUNT, "short": True})
    assert debug(meta, token["token"])["expires_at"] == seconds(token["expiresAt"])


def test_a_person_who_chose_no_pages_gave_all_of_them(meta: MetaClient):
    every = meta.control("POST", "/tokens", {"kind": "user", "ownerId": OWNER})
    some = meta.control("POST", "/tokens", {"kind": "user", "ownerId": OWNER, "pageIds": [PAGE]})
    shown = debug(meta, every["token"])
    assert (shown["type"], shown["user_id"], "profile_id" in shown) == ("USER", OWNER, False)
    assert {"scope": "pages_messaging"} in shown["granular_scopes"]
    shown = debug(meta, some["token"])
    assert {"scope": "pages_messaging", "target_ids": [PAGE]} in shown["granular_scopes"]
    assert {"scope": "instagram_basic", "target_ids": [ACCOUNT]} in shown["granular_scopes"]


def test_a_system_users_token_never_ends(meta: MetaClient):
    token = meta.control("POST", "/tokens", {"kind": "system_user", "ownerId": OWNER})
    shown = debug(meta, token["token"])
    assert (shown["type"], shown["expires_at"], shown["data_access_expires_at"]) == ("SYSTEM_USER", 0, 0)


@pytest.mark.parametrize(("code", "subcode", "message"), REVOCATIONS)
def test_an_invalid_token_says_why(meta: MetaClient, code: int, subcode: int | None, message: str):
    issued = debug(meta)["issued_at"]
    change_tokens(meta, PAGE_TOKEN, revoked={"code": code, "subcode": subcode})
    assert debug(meta) == {
        "app_id": APP_ID,
        "type": "PAGE",
        "application": "Simulated app",
        "data_access_expires_at": issued + 90 * 24 * 3600,
        "expires_at": 0,
        "is_valid": False,
        "issued_at": issued,
        "profile_id": PAGE,
        "user_id": OWNER,
        "scopes": [],
        "error": {"code": code, "message": message} | ({} if subcode is None else {"subcode": subcode}),
    }


@pytest.mark.parametrize("token", ["EAAunknown", INSTAGRAM_TOKEN])
def test_a_token_that_the_app_cannot_read_is_invalid(meta: MetaClient, token: str):
    assert debug(meta, token) == {
        "error": {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"},
        "is_valid": False,
        "scopes": [],
    }


def test_an_app_learns_nothing_of_another_apps_token_although_it_works(meta: MetaClient):
    change_tokens(meta, PAGE_TOKEN, appId="900000000000009")
    answer = meta.graph("GET", f"/debug_token?input_token={PAGE_TOKEN}&access_token={APP_TOKEN}", None)
    assert answer.status_code == 400
    assert refusal(answer) == {
        "message": "(#100) The App_id in the input_token did not match the Viewing App",
        "type": "OAuthException",
        "code": 100,
    }
    assert meta.graph("GET", "/me").ok


@pytest.mark.parametrize(
    ("token", "code"), [(None, 104), (f"{APP_ID}|wrong", 190), ("1|secret", 101), (PAGE_TOKEN, 100)]
)
def test_only_the_app_itself_may_ask(meta: MetaClient, token: str | None, code: int):
    answer = meta.graph("GET", f"/v26.0/debug_token?input_token={PAGE_TOKEN}", token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_looking_at_tokens_can_fail(meta: MetaClient):
    meta.faults(fail_token_calls={"code": 2, "status": 500})
    answers = [meta.graph("GET", f"/debug_token?input_token={PAGE_TOKEN}", APP_TOKEN) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 200]


@pytest.mark.parametrize("path", ["/v26.0/", "/v26.0", "/"])
@pytest.mark.parametrize("kind", ["json", "form"])
def test_tokens_are_debugged_in_a_batch_so_that_they_stand_in_no_url(meta: MetaClient, path: str, kind: str):
    calls = [
        {"method": "GET", "relative_url": f"debug_token?input_token={PAGE_TOKEN}"},
        {"method": "GET", "relative_url": f"me?fields=name&access_token={PAGE_TOKEN}"},
        {"method": "GET", "relative_url": "v26.0/nothing"},
    ]
    form = {"batch": json.dumps(calls), "include_headers": "false"}
    options = {"json": {"batch": calls, "include_headers": False}} if kind == "json" else {"data": form}
    answer = meta.graph("POST", path, APP_TOKEN, **options)
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert (set(first), first["code"]) == ({"code", "body"}, 200)
    assert json.loads(first["body"])["data"]["user_id"] == OWNER
    assert (second["code"], json.loads(second["body"])) == (200, {"name": "Acme Coffee", "id": PAGE})
    assert (third["code"], json.loads(third["body"])["error"]["code"]) == (401, 190)


def test_a_batch_posts_too_and_tells_headers(meta: MetaClient):
    meta.write_as_customer()
    body = "recipient=" + json.dumps({"id": ANA}) + "&message=" + json.dumps({"text": "Hello"})
    calls = [{"method": "POST", "relative_url": f"{PAGE}/messages", "body": body}]
    (answer,) = meta.graph("POST", "/v26.0/", json={"batch": calls}).json()
    assert answer["code"] == 200
    assert json.loads(answer["body"])["recipient_id"] == ANA
    assert {"name": "Content-Type", "value": "application/json"} in answer["headers"]


@pytest.mark.parametrize("batch", [None, "[", [], {"method": "GET"}, [{}] * 51])
def test_a_batch_is_a_list_of_at_most_50_calls(meta: MetaClient, batch: Any):
    assert refusal(meta.graph("POST", "/v26.0/", json={"batch": batch}))["code"] == 100


def proof(token: str, secret: str = APP_SECRET) -> str:
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def test_the_proof_is_that_of_the_test_vector():
    assert proof("EAAtesttoken") == "2f6c99f265a9e1644d725e8f9c96e439fcbf40a73357d1d98ba8b98fbfe445e4"


def test_a_wrong_proof_is_refused_wherever_it_is_given(meta: MetaClient):
    expected = {
        "message": "Invalid appsecret_proof provided in the API argument",
        "type": "GraphMethodException",
        "code": 100,
    }
    assert meta.graph("GET", f"/me?appsecret_proof={proof(PAGE_TOKEN)}").ok
    wrong = meta.graph("GET", f"/me?appsecret_proof={proof(PAGE_TOKEN, 'other')}")
    assert (wrong.status_code, refusal(wrong)) == (400, expected)
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}, "appsecret_proof": "0"}
    assert refusal(meta.graph("POST", "/me/messages", json=body)) == expected
    change_tokens(meta, PAGE_TOKEN, appId="900000000000009")
    assert refusal(meta.graph("GET", f"/me?appsecret_proof={proof(PAGE_TOKEN)}")) == expected


def test_an_instagram_tokens_proof_is_made_with_the_instagram_apps_secret(meta: MetaClient):
    secret = meta.control("GET", "/state")["apps"]["instagram"]["secret"]
    assert meta.graph("GET", f"/me?appsecret_proof={proof(INSTAGRAM_TOKEN, secret)}", INSTAGRAM_TOKEN).ok
    wrong = meta.graph("GET", f"/me?appsecret_proof={proof(INSTAGRAM_TOKEN)}", INSTAGRAM_TOKEN)
    assert refusal(wrong)["type"] == "IGApiException"


def test_an_app_can_require_the_proof(meta: MetaClient):
    meta.faults(require_proof=True)
    assert refusal(meta.graph("GET", "/me")) == {
        "message": "API calls from the server require an appsecret_proof argument",
        "type": "GraphMethodException",
        "code": 100,
    }
    assert meta.graph("GET", f"/me?appsecret_proof={proof(PAGE_TOKEN)}").ok
    assert meta.graph("GET", "/me", INSTAGRAM_TOKEN).ok


def test_both_apps_have_an_id_and_a_secret_of_their_own(meta: MetaClient):
    apps = meta.control("GET", "/state")["apps"]
    assert apps["facebook"] == {"id": APP_ID, "secret": APP_SECRET}
    assert apps["instagram"]["id"] == "900000000000002"
    assert len(apps["instagram"]["secret"]) == 32
