"""The control API of the Meta simulator."""

import requests

from tests.unit.local.meta_client import ACCOUNT, ANA, PAGE, PAGE_TOKEN, UNLINKED_PAGE, MetaClient


def test_the_state_names_accounts_users_callback_and_faults(meta: MetaClient):
    state = meta.control("GET", "/state")
    assert state["appId"] == "900000000000001"
    assert state["accounts"][0] == {
        "instagramAccountId": ACCOUNT,
        "pageId": PAGE,
        "username": "acme_coffee",
        "name": "Acme Coffee",
        "ownerId": "10220000000000001",
        "appScopedId": "28978671838402975",
        "accessToken": PAGE_TOKEN,
        "instagramAccessToken": "IGAAsimulatedInstagramToken0001",
        "accountType": "BUSINESS",
        "professional": True,
        "allowsMessages": True,
        "hasRole": True,
        "subscribedFields": [],
    }
    assert state["accounts"][1]["username"] == "acme_bakery"
    assert [page["pageId"] for page in state["unlinkedPages"]] == [UNLINKED_PAGE]
    assert state["users"][0] == {"userId": ANA, "username": "ana.lima", "name": "Ana Lima"}
    assert (state["callback"], state["faults"]) == (None, {})


def test_an_added_account_works_at_once(meta: MetaClient):
    account = meta.control("POST", "/accounts", {"username": "acme_tea"})
    got = meta.read("/me?fields=instagram_business_account{username}", account["accessToken"])
    assert got["instagram_business_account"]["username"] == "acme_tea"


def test_an_account_without_a_page_has_only_an_instagram_token(meta: MetaClient):
    account = meta.control("POST", "/accounts", {"pageId": None})
    assert account["accessToken"] == account["instagramAccessToken"]
    assert meta.read("/me?fields=user_id", account["accessToken"])["user_id"] == account["instagramAccountId"]


def test_an_added_user_can_write(meta: MetaClient):
    user = meta.control("POST", "/users", {})["userId"]
    assert meta.write_as_customer("Hi", user=user)
    assert meta.send(to=user).ok


def test_an_id_is_given_only_once(meta: MetaClient):
    answer = requests.post(f"{meta.url}/_simulator/users", json={"userId": ANA}, timeout=5)
    assert answer.status_code == 409


def test_unknown_people_and_accounts_are_404(meta: MetaClient):
    for path, body in (
        ("/users/1/messages", {"accountId": ACCOUNT, "text": "x"}),
        (f"/users/{ANA}/messages", {"accountId": "1", "text": "x"}),
    ):
        assert requests.post(f"{meta.url}/_simulator{path}", json=body, timeout=5).status_code == 404


def test_a_wrong_body_is_400_and_says_what_is_wrong(meta: MetaClient):
    answer = requests.post(f"{meta.url}/_simulator/users", json={"nick": "x"}, timeout=5)
    assert answer.status_code == 400
    assert "nick" in answer.json()["error"]


def test_a_message_says_something(meta: MetaClient):
    answer = requests.post(f"{meta.url}/_simulator/users/{ANA}/messages", json={"accountId": ACCOUNT}, timeout=5)
    assert answer.status_code == 400
    assert meta.control("GET", f"/threads/{ACCOUNT}/{ANA}")["messages"] == []
