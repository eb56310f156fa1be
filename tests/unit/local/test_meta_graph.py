"""The Graph API's answers to lookups, subscriptions and conversations."""

import json
import re
from typing import Any

import pytest

from tests.unit.local.meta_client import (
    ACCOUNT,
    ANA,
    BAKERY,
    BEN,
    INSTAGRAM_TOKEN,
    PAGE,
    PAGE_TOKEN,
    UNLINKED_PAGE,
    UNLINKED_PAGE_TOKEN,
    MetaClient,
)


def error_of(answer: Any) -> tuple[int, int, int | None, str]:
    """HTTP status, code, subcode and type."""
    error = answer.json()["error"]
    assert error["fbtrace_id"].startswith("A")
    return answer.status_code, error["code"], error.get("error_subcode"), error["type"]


@pytest.mark.parametrize("version", ["", "/v26.0", "/v25.0"])
def test_a_page_token_reads_its_linked_account_with_and_without_a_version(meta: MetaClient, version: str):
    assert meta.read(f"{version}/{ACCOUNT}?fields=id,username,name,followers_count") == {
        "id": ACCOUNT,
        "username": "acme_coffee",
        "name": "Acme Coffee",
        "followers_count": 1234,
    }


def test_a_page_shows_the_linked_account_in_the_asked_fields(meta: MetaClient):
    got = meta.read(f"/v26.0/{PAGE}?fields=name,instagram_business_account{{id,username}}")
    assert got == {
        "name": "Acme Coffee",
        "instagram_business_account": {"id": ACCOUNT, "username": "acme_coffee"},
        "id": PAGE,
    }


def test_an_unlinked_page_has_no_key_for_an_account(meta: MetaClient):
    got = meta.read(f"/{UNLINKED_PAGE}?fields=instagram_business_account", UNLINKED_PAGE_TOKEN)
    assert got == {"id": UNLINKED_PAGE}


def test_me_is_the_page_for_a_page_token(meta: MetaClient):
    assert meta.read("/me") == {"name": "Acme Coffee", "id": PAGE}


def test_me_with_an_instagram_token_has_an_id_that_is_not_the_user_id(meta: MetaClient):
    got = meta.read("/v26.0/me?fields=user_id,username", INSTAGRAM_TOKEN)
    assert got["user_id"] == ACCOUNT
    assert got["id"] != ACCOUNT


def test_the_token_is_also_taken_from_the_query(meta: MetaClient):
    assert meta.graph("GET", "/me?access_token=EAAsimulatedPageToken0001", None).status_code == 200


def test_a_profile_is_readable_once_the_user_has_written(meta: MetaClient):
    assert meta.read(f"/{ANA}?fields=name,username")["error"]["code"] == 230
    meta.write_as_customer()
    got = meta.read(f"/{ANA}?fields=name,username,profile_pic")
    assert got == {"name": "Ana Lima", "username": "ana.lima", "id": ANA}


def test_errors_name_the_type_of_the_login_flavour(meta: MetaClient):
    assert error_of(meta.graph("GET", f"/{BAKERY}")) == (400, 100, 33, "GraphMethodException")
    assert error_of(meta.graph("GET", f"/{BAKERY}", INSTAGRAM_TOKEN)) == (400, 100, 33, "IGApiException")
    assert error_of(meta.graph("GET", "/me", None)) == (400, 104, None, "OAuthException")
    assert error_of(meta.graph("GET", "/me", "EAAother")) == (401, 190, None, "OAuthException")
    assert error_of(meta.graph("GET", "/me", "IGAAother")) == (401, 190, None, "IGApiException")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/me?fields=nonsense", 100),
        ("/me?fields=name{", 2500),
        ("/me?fields=na*me", 2500),
        ("/me/nothing", 2500),
        ("/me/messages", 100),
    ],
)
def test_a_wrong_question_gets_metas_error(meta: MetaClient, path: str, code: int):
    answer = meta.graph("GET", path)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_a_page_is_subscribed_read_and_unsubscribed(meta: MetaClient):
    edge = f"/v26.0/{PAGE}/subscribed_apps"
    assert meta.read(edge) == {"data": []}
    fields = {"subscribed_fields": "messages,message_reactions"}
    assert meta.graph("POST", edge, params=fields).json() == {"success": True}
    (app,) = meta.read(edge)["data"]
    assert app["id"] == "900000000000001"
    assert app["subscribed_fields"] == ["messages", "message_reactions"]
    assert meta.control("GET", "/state")["accounts"][0]["subscribedFields"] == ["message_reactions", "messages"]
    assert meta.graph("DELETE", edge).json() == {"success": True}
    assert meta.read(edge) == {"data": []}


@pytest.mark.parametrize(("node", "token"), [(PAGE, PAGE_TOKEN), (ACCOUNT, INSTAGRAM_TOKEN)])
def test_a_subscription_shows_the_app_in_either_flavour(meta: MetaClient, node: str, token: str):
    edge = f"/v26.0/{node}/subscribed_apps"
    assert meta.graph("POST", edge, token, json={"subscribed_fields": ["messages"]}).json() == {"success": True}
    app = {
        "category": "Business",
        "link": "https://www.facebook.com/games/?app_id=900000000000001",
        "name": "Simulated app",
        "id": "900000000000001",
        "subscribed_fields": ["messages"],
    }
    assert meta.read(edge, token) == {"data": [app]}
    assert meta.graph("DELETE", edge, token).json() == {"success": True}


@pytest.mark.parametrize("token", [PAGE_TOKEN, INSTAGRAM_TOKEN])
def test_a_profile_shows_what_is_known_of_the_person(meta: MetaClient, token: str):
    known = {"profilePic": "https://cdn.example/p.jpg", "followerCount": 1234, "isBusinessFollowUser": True}
    peter = meta.control("POST", "/users", {"username": "peter_chang_live", "name": "Peter Chang", **known})["userId"]
    nameless = meta.control("POST", "/users", {"username": "nobody", "name": None})["userId"]
    fields = "name,username,profile_pic,follower_count,is_user_follow_business,is_business_follow_user,is_verified_user"
    for user in (peter, nameless):
        meta.write_as_customer(user=user)
    assert meta.read(f"/v26.0/{peter}?fields={fields}", token) == {
        "name": "Peter Chang",
        "username": "peter_chang_live",
        "profile_pic": "https://cdn.example/p.jpg",
        "follower_count": 1234,
        "is_user_follow_business": False,
        "is_business_follow_user": True,
        "is_verified_user": False,
        "id": peter,
    }
    assert meta.read(f"/v26.0/{nameless}?fields=name,username,profile_pic", token) == {
        "username": "nobody",
        "id": nameless,
    }


def test_fields_are_named_as_the_login_flavour_names_them(meta: MetaClient):
    wanted = {"subscribed_fields": ["messages", "messaging_seen"]}
    assert meta.graph("POST", "/me/subscribed_apps", json=wanted).json()["error"]["code"] == 100
    assert meta.graph("POST", f"/{ACCOUNT}/subscribed_apps", INSTAGRAM_TOKEN, json=wanted).ok


def test_subscribing_without_fields_is_refused(meta: MetaClient):
    assert meta.graph("POST", "/me/subscribed_apps").json()["error"]["code"] == 100


def test_conversations_lead_to_messages_and_their_details(meta: MetaClient):
    meta.write_as_customer("from Ben", user=BEN)
    mid = meta.write_as_customer("Hi")
    sent = meta.send("Hello").json()["message_id"]
    (thread,) = meta.read(f"/{PAGE}/conversations?platform=instagram&user_id={ANA}")["data"]
    listed = meta.read(f"/{thread['id']}?fields=messages")["messages"]["data"]
    assert [message["id"] for message in listed] == [sent, mid]
    got = meta.read(f"/{sent}?fields=id,from,to,message,created_time")
    assert got["from"] == {"username": "acme_coffee", "id": ACCOUNT}
    assert got["to"] == {"data": [{"username": "ana.lima", "id": ANA}]}
    assert got["message"] == "Hello"
    nested = meta.read("/me/conversations?platform=instagram&fields=messages.limit(1){message}")["data"]
    assert nested[0]["messages"]["data"] == [{"message": "Hello", "id": sent}]
    assert len(meta.read("/me/conversations", INSTAGRAM_TOKEN)["data"]) == 2


def test_the_newest_messages_of_one_user_are_read_in_two_calls(meta: MetaClient):
    meta.write_as_customer("from Ben", user=BEN)
    mids = [meta.write_as_customer("Hi"), meta.send("Hello").json()["message_id"], meta.write_as_customer("Bye")]
    (thread,) = meta.read(f"/v26.0/{PAGE}/conversations?platform=instagram&user_id={ANA}")["data"]
    wanted = "messages.limit({}){{id,created_time,from,message}}"
    got = meta.read(f"/v26.0/{thread['id']}?fields={wanted.format(20)}")
    assert [message["id"] for message in got["messages"]["data"]] == mids[::-1]
    assert [(message["from"]["id"], message["message"]) for message in got["messages"]["data"]] == [
        (ANA, "Bye"),
        (ACCOUNT, "Hello"),
        (ANA, "Hi"),
    ]
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}\+0000", one["created_time"]) for one in got["messages"]["data"])
    assert set(got) == {"messages", "id"}
    two = meta.read(f"/v26.0/{thread['id']}?fields={wanted.format(2)}")["messages"]["data"]
    assert [message["id"] for message in two] == [mids[2], mids[1]]


def test_a_user_who_never_wrote_has_no_conversation(meta: MetaClient):
    meta.write_as_customer("from Ben", user=BEN)
    assert meta.read(f"/{PAGE}/conversations?platform=instagram&user_id={ANA}") == {"data": []}


def test_a_page_without_a_platform_lists_no_instagram_threads(meta: MetaClient):
    meta.write_as_customer()
    assert meta.read("/me/conversations") == {"data": []}


def test_only_the_20_newest_messages_are_readable(meta: MetaClient):
    mids = [meta.write_as_customer(f"message {number}") for number in range(21)]
    assert meta.read(f"/{mids[0]}?fields=message")["error"]["code"] == 9000001
    assert meta.read(f"/{mids[1]}?fields=message")["message"] == "message 1"
    thread = meta.read("/me/conversations?platform=instagram&fields=messages{message}")["data"][0]
    assert [("message" in message) for message in thread["messages"]["data"]] == [True] * 20 + [False]


def test_calls_are_logged_without_tokens(meta: MetaClient):
    meta.graph("GET", "/v26.0/me?access_token=EAAsimulatedPageToken0001", None)
    meta.send()
    calls = meta.control("GET", "/calls")["calls"]
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [
        ("GET", "/v26.0/me", 200),
        ("POST", f"/v26.0/{PAGE}/messages", 400),
    ]
    assert "EAA" not in json.dumps(calls)
