"""Both logins: from the dialog by way of a code to tokens, and what goes wrong on that way."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.unit.local.conftest import APP_SECRET
from tests.unit.local.meta_client import (
    ACCOUNT,
    ANA,
    BAKERY,
    INSTAGRAM_TOKEN,
    PAGE,
    PAGE_TOKEN,
    UNLINKED_PAGE,
    MetaClient,
)
from tests.unit.local.test_meta_tokens import DAY, change_account, change_tokens, refusal

FACEBOOK_APP = "900000000000001"
INSTAGRAM_APP = "900000000000002"
BACK = "https://app.example/back?tab=2"
BASIC, MESSAGES = "instagram_business_basic", "instagram_business_manage_messages"
OWNER = "10220000000000001"
FACEBOOK_SCOPES = "instagram_basic,instagram_manage_messages,pages_show_list,pages_manage_metadata"


def dialog_answer(meta: MetaClient, login: str = "instagram", **more: str) -> Any:
    """What the browser is sent back with: the query, and the fragment."""
    answer = open_dialog(meta, login, **more)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://app.example/back"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert query.pop("tab") == "2"
    return query, parts.fragment


def open_dialog(meta: MetaClient, login: str = "instagram", **more: str) -> requests.Response:
    asked = {"redirect_uri": BACK, "response_type": "code", "state": "s=1"}
    if login == "instagram":
        path = "/oauth/authorize"
        asked |= {"client_id": INSTAGRAM_APP, "scope": f"{BASIC},{MESSAGES}"}
    else:
        path = "/v26.0/dialog/oauth"
        asked |= {"client_id": FACEBOOK_APP, "scope": FACEBOOK_SCOPES}
    return requests.get(f"{meta.url}{path}", asked | more, timeout=5, allow_redirects=False)


def instagram_secret(meta: MetaClient) -> str:
    secret = meta.control("GET", "/state")["apps"]["instagram"]["secret"]
    assert isinstance(secret, str)
    return secret


def exchange(meta: MetaClient, issued: str, **more: str) -> requests.Response:
    form = {
        "client_id": INSTAGRAM_APP,
        "client_secret": instagram_secret(meta),
        "grant_type": "authorization_code",
        "redirect_uri": BACK,
        "code": issued,
    }
    return requests.post(f"{meta.url}/oauth/access_token", form | more, timeout=5)


def short_token(meta: MetaClient, **dialog: Any) -> str:
    meta.control("PUT", "/dialog", dialog)
    query, _ = dialog_answer(meta)
    token = exchange(meta, query["code"]).json()["data"][0]["access_token"]
    assert isinstance(token, str)
    return token


def lengthen(meta: MetaClient, token: str, **more: str) -> requests.Response:
    asked = {"grant_type": "ig_exchange_token", "client_secret": instagram_secret(meta), "access_token": token}
    return requests.get(f"{meta.url}/access_token", asked | more, timeout=5)


def refresh(meta: MetaClient, token: str, **more: str) -> requests.Response:
    asked = {"grant_type": "ig_refresh_token", "access_token": token}
    return requests.get(f"{meta.url}/refresh_access_token", asked | more, timeout=5)


# ── Instagram Login ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_instagram_login_leads_to_a_token_of_60_days_and_that_to_another(meta: MetaClient):
    query, fragment = dialog_answer(meta)
    assert (set(query), query["state"], fragment) == ({"code", "state"}, "s=1", "_")
    answer = exchange(meta, query["code"])
    (given,) = answer.json()["data"]
    short = given.pop("access_token")
    assert answer.status_code == 200
    assert given == {"user_id": "28978671838402975", "permissions": f"{BASIC},{MESSAGES}"}
    assert meta.read("/v26.0/me?fields=user_id,username", short)["user_id"] == ACCOUNT
    long = lengthen(meta, short).json()
    assert (long["token_type"], long["expires_in"]) == ("bearer", 5183944)
    assert meta.control("GET", "/state")["accounts"][0]["instagramAccessToken"] == long["access_token"]
    change_tokens(meta, long["access_token"], issuedSecondsAgo=50 * DAY)
    newer = refresh(meta, long["access_token"]).json()
    assert set(newer) == {"access_token", "token_type", "expires_in"}
    assert newer["access_token"] != long["access_token"]
    assert meta.read("/me?fields=user_id", newer["access_token"])["user_id"] == ACCOUNT
    assert meta.graph("GET", "/me", long["access_token"]).ok


def test_the_person_can_refuse(meta: MetaClient):
    meta.control("PUT", "/dialog", {"answer": "deny"})
    assert dialog_answer(meta) == (
        {
            "error": "access_denied",
            "error_reason": "user_denied",
            "error_description": "The user denied your request",
            "state": "s=1",
        },
        "",
    )


def test_the_person_can_be_of_another_account_and_withhold_a_permission(meta: MetaClient):
    token = short_token(meta, accountId=BAKERY, declined=[MESSAGES])
    assert meta.read("/me?fields=username", token)["username"] == "acme_bakery"
    assert refusal(meta.graph("GET", "/me/conversations", token))["code"] == 10
    again, _ = dialog_answer(meta, simulator_account=ACCOUNT)
    token = exchange(meta, again["code"]).json()["data"][0]["access_token"]
    assert meta.read("/me?fields=username", token)["username"] == "acme_coffee"


def test_the_person_can_be_asked_in_a_page(meta: MetaClient):
    meta.control("PUT", "/dialog", {"answer": "ask"})
    page = open_dialog(meta)
    assert page.status_code == 200
    assert "Continue as acme_bakery" in page.text
    assert "Cancel" in page.text
    denied, _ = dialog_answer(meta, simulator_answer="deny")
    assert denied["error"] == "access_denied"
    chosen, _ = dialog_answer(meta, simulator_answer="allow", simulator_account=BAKERY)
    token = exchange(meta, chosen["code"]).json()["data"][0]["access_token"]
    assert meta.read("/me?fields=username", token)["username"] == "acme_bakery"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"client_id": FACEBOOK_APP}, "Invalid platform app"),
        ({"redirect_uri": "nowhere"}, "Invalid redirect_uri"),
        ({"response_type": "token"}, "Invalid response_type"),
        ({"scope": f"{BASIC},business_basic"}, "Invalid Scopes: business_basic"),
        ({"scope": ""}, "Invalid Scopes: none given"),
    ],
)
def test_a_wrong_dialog_leads_nowhere(meta: MetaClient, wrong: dict[str, str], message: str):
    answer = open_dialog(meta, **wrong)
    assert answer.status_code == 400
    assert answer.json() == {"error_type": "OAuthException", "code": 400, "error_message": message}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"client_id": FACEBOOK_APP}, "Invalid platform app"),
        ({"client_secret": APP_SECRET}, "Error validating client secret."),
        ({"grant_type": "password"}, "Invalid grant_type"),
        ({"code": "AQBother"}, "Matching code was not found or was already used"),
        (
            {"redirect_uri": "https://app.example/back"},
            (
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you "
                "used in the OAuth dialog request"
            ),
        ),
    ],
)
def test_a_wrong_exchange_is_refused_in_an_envelope_of_its_own(meta: MetaClient, wrong: dict[str, str], message: str):
    query, _ = dialog_answer(meta)
    answer = exchange(meta, query["code"], **wrong)
    assert answer.status_code == 400
    assert answer.json() == {"error_type": "OAuthException", "code": 400, "error_message": message}
    assert exchange(meta, query["code"]).ok


def test_a_code_works_once_for_an_hour_and_without_the_fragment(meta: MetaClient):
    query, fragment = dialog_answer(meta)
    assert exchange(meta, f"{query['code']}#{fragment}").status_code == 400
    assert exchange(meta, query["code"]).ok
    again = exchange(meta, query["code"])
    assert again.json()["error_message"] == "Matching code was not found or was already used"
    meta.control("PUT", "/dialog", {"codeAgeSeconds": 3601})
    query, _ = dialog_answer(meta)
    assert exchange(meta, query["code"]).json()["error_message"] == "This authorization code has expired"


def test_a_multipart_form_is_taken_and_a_query_is_not(meta: MetaClient):
    query, _ = dialog_answer(meta)
    form = {
        "client_id": INSTAGRAM_APP,
        "client_secret": instagram_secret(meta),
        "grant_type": "authorization_code",
        "redirect_uri": BACK,
        "code": query["code"],
    }
    assert requests.post(f"{meta.url}/oauth/access_token", params=form, timeout=5).status_code == 400
    parts = {name: (None, value) for name, value in form.items()}
    assert requests.post(f"{meta.url}/oauth/access_token", files=parts, timeout=5).ok


def test_the_answer_to_a_code_can_come_without_data_around_it(meta: MetaClient):
    meta.faults(flat_code_answer=True)
    query, _ = dialog_answer(meta)
    given = exchange(meta, query["code"]).json()
    assert given.pop("access_token").startswith("IGAA")
    assert given == {"user_id": 28978671838402975, "permissions": [BASIC, MESSAGES]}


def test_an_exchange_for_a_long_token_needs_the_instagram_apps_secret_and_a_short_token(meta: MetaClient):
    short = short_token(meta)
    wrong = lengthen(meta, short, client_secret=APP_SECRET)
    assert wrong.status_code == 400
    expected = {"message": "Error validating client secret.", "type": "IGApiException", "code": 1}
    assert refusal(wrong) == expected
    assert refusal(lengthen(meta, INSTAGRAM_TOKEN))["code"] == 452
    assert refusal(lengthen(meta, PAGE_TOKEN)) == {
        "message": "Invalid OAuth 2.0 Access Token",
        "type": "IGApiException",
        "code": 190,
    }
    assert refusal(lengthen(meta, ""))["code"] == 104
    assert refusal(lengthen(meta, short, grant_type="ig_refresh_token"))["code"] == 100
    change_tokens(meta, short, issuedSecondsAgo=3601)
    assert refusal(lengthen(meta, short))["error_subcode"] == 463


def test_an_account_without_a_role_gets_no_further_than_the_code(meta: MetaClient):
    short = short_token(meta)
    change_account(meta, hasRole=False)
    assert refusal(lengthen(meta, short)) == {
        "message": "Unsupported request - method type: get",
        "type": "IGApiException",
        "code": 100,
    }


def test_a_token_is_refreshed_from_its_second_day_until_it_expires(meta: MetaClient):
    assert refusal(refresh(meta, INSTAGRAM_TOKEN)) == {
        "message": "The access token must be at least 24 hours old to be refreshed",
        "type": "IGApiException",
        "code": 100,
    }
    change_tokens(meta, INSTAGRAM_TOKEN, issuedSecondsAgo=DAY)
    asked = f"{meta.url}/refresh_access_token?grant_type=ig_refresh_token"
    assert requests.get(asked, headers={"Authorization": f"Bearer {INSTAGRAM_TOKEN}"}, timeout=5).ok
    change_tokens(meta, INSTAGRAM_TOKEN, withoutScopes=[BASIC])
    assert refusal(refresh(meta, INSTAGRAM_TOKEN))["code"] == 10
    change_tokens(meta, INSTAGRAM_TOKEN, issuedSecondsAgo=61 * DAY)
    assert refusal(refresh(meta, INSTAGRAM_TOKEN))["error_subcode"] == 463
    short = short_token(meta)
    assert refusal(refresh(meta, short))["code"] == 452


def test_these_paths_have_no_version(meta: MetaClient):
    asked = {"grant_type": "ig_refresh_token", "access_token": INSTAGRAM_TOKEN}
    answer = requests.get(f"{meta.url}/v26.0/refresh_access_token", asked, timeout=5)
    assert refusal(answer)["error_subcode"] == 33


def test_exchanges_can_fail(meta: MetaClient):
    query, _ = dialog_answer(meta)
    meta.faults(fail_token_calls={"code": 2, "status": 503, "times": 2})
    answer = exchange(meta, query["code"])
    assert (answer.status_code, answer.json()["error_type"], answer.json()["code"]) == (503, "OAuthException", 2)
    assert refusal(refresh(meta, INSTAGRAM_TOKEN))["code"] == 2
    assert exchange(meta, query["code"]).ok


def test_the_answer_to_an_exchange_can_be_lost_and_the_code_with_it(meta: MetaClient):
    query, _ = dialog_answer(meta)
    meta.faults(lose_token_answer=1)
    with pytest.raises(requests.ConnectionError):
        exchange(meta, query["code"])
    assert exchange(meta, query["code"]).status_code == 400


# ── Facebook Login ───────────────────────────────────────────────────────────────────────────────────────────────────


def exchange_facebook(meta: MetaClient, method: str = "GET", **more: str) -> requests.Response:
    asked = {"client_id": FACEBOOK_APP, "client_secret": APP_SECRET, "redirect_uri": BACK} | more
    options = {"params": asked} if method == "GET" else {"data": asked}
    return requests.request(method, f"{meta.url}/v26.0/oauth/access_token", timeout=5, **options)


def user_token(meta: MetaClient, **dialog: Any) -> str:
    meta.control("PUT", "/dialog", dialog)
    query, _ = dialog_answer(meta, "facebook")
    token = exchange_facebook(meta, code=query["code"]).json()["access_token"]
    assert isinstance(token, str)
    return token


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_facebook_login_leads_to_a_page_token_for_ever(meta: MetaClient, method: str):
    query, fragment = dialog_answer(meta, "facebook")
    assert (set(query), query["state"], fragment) == ({"code", "state"}, "s=1", "_=_")
    short = exchange_facebook(meta, method, code=query["code"]).json()
    assert (short["token_type"], short["expires_in"]) == ("bearer", 3600)
    grant = {"grant_type": "fb_exchange_token", "fb_exchange_token": short["access_token"]}
    long = exchange_facebook(meta, method, **grant).json()
    assert (long["token_type"], long["expires_in"]) == ("bearer", 5183944)
    fields = "name,access_token,instagram_business_account{id,username}"
    page = meta.read(f"/v26.0/{PAGE}?fields={fields}", long["access_token"])
    token = page.pop("access_token")
    assert page == {
        "name": "Acme Coffee",
        "instagram_business_account": {"id": ACCOUNT, "username": "acme_coffee"},
        "id": PAGE,
    }
    (shown,) = meta.control("GET", f"/tokens/{token}")["tokens"]
    assert (shown["kind"], shown["expiresAt"], shown["ownerId"]) == ("page", None, OWNER)
    meta.write_as_customer()
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}}
    assert meta.graph("POST", f"/v26.0/{PAGE}/messages", token, json=body).ok


def test_a_persons_pages_are_listed_with_tokens(meta: MetaClient):
    token = user_token(meta)
    assert meta.read("/me", token) == {"name": "Clara Moreau", "id": OWNER}
    listed = meta.read("/v26.0/me/accounts?fields=name,access_token,tasks,instagram_business_account", token)["data"]
    first, second = listed
    page_token = first.pop("access_token")
    assert first == {
        "name": "Acme Coffee",
        "tasks": ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"],
        "instagram_business_account": {"id": ACCOUNT},
        "id": PAGE,
    }
    assert (second["id"], "instagram_business_account" in second) == (UNLINKED_PAGE, False)
    again = meta.read("/v26.0/me/accounts", token)["data"][0]
    assert set(again) == {"access_token", "category", "name", "id", "tasks"}
    assert again["access_token"] == page_token
    (shown,) = meta.control("GET", f"/tokens/{page_token}")["tokens"]
    assert shown["expiresAt"] is not None


def test_a_person_shows_only_the_pages_they_choose(meta: MetaClient):
    token = user_token(meta, ownerId=OWNER, pageIds=[UNLINKED_PAGE])
    assert [page["id"] for page in meta.read("/me/accounts", token)["data"]] == [UNLINKED_PAGE]
    assert refusal(meta.graph("GET", f"/{PAGE}", token))["error_subcode"] == 33


def test_a_person_who_does_not_let_pages_be_listed_shows_none(meta: MetaClient):
    token = user_token(meta, declined=["pages_show_list"])
    assert meta.read("/me/accounts", token) == {"data": []}


def test_the_owner_of_an_accounts_page_can_be_named_by_the_account(meta: MetaClient):
    token = user_token(meta, accountId=BAKERY)
    assert meta.read("/me", token)["name"] == "Dmitri Petrov"
    account = meta.read(f"/{BAKERY}?fields=username", token)
    assert account == {"username": "acme_bakery", "id": BAKERY}


def test_a_persons_token_does_not_speak_for_a_page(meta: MetaClient):
    token = user_token(meta)
    for method, path in (("POST", "messages"), ("GET", "conversations"), ("POST", "subscribed_apps")):
        assert refusal(meta.graph(method, f"/{PAGE}/{path}", token)) == {
            "message": "(#210) A page access token is required to request this resource.",
            "type": "OAuthException",
            "code": 210,
        }


def test_a_refusing_person_comes_back_from_facebook(meta: MetaClient):
    meta.control("PUT", "/dialog", {"answer": "deny"})
    query, _ = dialog_answer(meta, "facebook")
    assert query == {
        "error": "access_denied",
        "error_code": "200",
        "error_description": "Permissions error",
        "error_reason": "user_denied",
        "state": "s=1",
    }


@pytest.mark.parametrize(
    ("wrong", "code", "subcode"),
    [
        ({"client_id": INSTAGRAM_APP}, 101, None),
        ({"client_secret": "other"}, 1, None),
        ({"code": "AQBother"}, 100, None),
        ({"redirect_uri": "https://app.example/"}, 100, 36008),
        ({"grant_type": "fb_exchange_token", "fb_exchange_token": "EAAother"}, 190, None),
        ({"grant_type": "fb_exchange_token", "fb_exchange_token": PAGE_TOKEN}, 100, None),
    ],
)
def test_a_wrong_facebook_exchange_is_refused(meta: MetaClient, wrong: dict[str, str], code: int, subcode: int | None):
    query, _ = dialog_answer(meta, "facebook")
    error = refusal(exchange_facebook(meta, **({"code": query["code"]} | wrong)))
    assert (error["code"], error.get("error_subcode"), error["type"]) == (code, subcode, "OAuthException")


def test_a_facebook_code_works_once_and_for_an_hour(meta: MetaClient):
    query, _ = dialog_answer(meta, "facebook")
    assert exchange_facebook(meta, code=query["code"]).ok
    assert refusal(exchange_facebook(meta, code=query["code"])) == {
        "message": "This authorization code has been used.",
        "type": "OAuthException",
        "code": 100,
        "error_subcode": 36009,
    }
    meta.control("PUT", "/dialog", {"codeAgeSeconds": 3601})
    query, _ = dialog_answer(meta, "facebook")
    assert refusal(exchange_facebook(meta, code=query["code"]))["error_subcode"] == 36007


def test_a_code_is_good_for_one_flavour(meta: MetaClient):
    query, _ = dialog_answer(meta, "facebook")
    assert exchange(meta, query["code"]).status_code == 400
    query, _ = dialog_answer(meta)
    assert refusal(exchange_facebook(meta, code=query["code"]))["code"] == 100


def test_only_those_who_exist_can_be_put_before_the_dialog(meta: MetaClient):
    for body in ({"accountId": "1"}, {"ownerId": "1"}):
        answer = requests.put(f"{meta.url}/_simulator/dialog", json=body, timeout=5)
        assert answer.status_code == 404
    assert meta.control("GET", "/dialog") == {
        "answer": "allow",
        "accountId": None,
        "ownerId": None,
        "pageIds": None,
        "declined": [],
        "codeAgeSeconds": 0,
        "configId": None,
    }
