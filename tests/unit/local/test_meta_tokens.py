"""The life of an access token: ageing, dying, losing permissions; and what Meta then answers, word for word."""

from typing import Any

import pytest

from tests.unit.local.meta_client import (
    ACCOUNT,
    ANA,
    BAKERY,
    BAKERY_PAGE_TOKEN,
    INSTAGRAM_TOKEN,
    PAGE,
    PAGE_TOKEN,
    UNLINKED_PAGE,
    MetaClient,
)
from tests.unit.local.receiver import Receiver

DAY = 24 * 3600


def change_tokens(meta: MetaClient, name: str, **changes: Any) -> Any:
    return meta.control("PUT", f"/tokens/{name}", changes)["tokens"]


def change_account(meta: MetaClient, **changes: Any) -> Any:
    return meta.control("PUT", f"/accounts/{ACCOUNT}", changes)


def refusal(answer: Any) -> dict[str, Any]:
    """The body of a refusal without its trace."""
    error = answer.json()["error"]
    assert error.pop("fbtrace_id").startswith("A")
    return dict(error)


REVOCATIONS = [
    (190, None, "Invalid OAuth access token - Cannot parse access token"),
    (190, 458, "Error validating access token: The user has not authorized application 900000000000001."),
    (
        190,
        459,
        (
            "Error validating access token: You cannot access the app till you log in to www.facebook.com and follow "
            "the instructions given."
        ),
    ),
    (
        190,
        460,
        (
            "Error validating access token: The session has been invalidated because the user changed their password "
            "or Facebook has changed the session for security reasons."
        ),
    ),
    (190, 463, "Error validating access token: Session has expired."),
    (
        190,
        464,
        (
            "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed "
            "user."
        ),
    ),
    (
        190,
        467,
        "Error validating access token: This may be because the user logged out or may be due to a system error.",
    ),
    (
        190,
        492,
        (
            "Invalid Session: The user must be an administrator, editor, or moderator of the page in order to "
            "impersonate it. If the page business requires Two Factor Authentication, the user also needs to enable "
            "Two Factor Authentication."
        ),
    ),
    (102, None, "Session key invalid or no longer valid"),
]


@pytest.mark.parametrize(("code", "subcode", "message"), REVOCATIONS)
def test_a_revoked_token_is_refused_as_its_revocation_says(
    meta: MetaClient, code: int, subcode: int | None, message: str
):
    change_tokens(meta, PAGE_TOKEN, revoked={"code": code, "subcode": subcode})
    expected = {"message": message, "type": "OAuthException", "code": code}
    for answer in (meta.graph("GET", "/me"), meta.send(), meta.graph("POST", f"/{PAGE}/subscribed_apps")):
        assert answer.status_code == 401
        assert refusal(answer) == expected | ({} if subcode is None else {"error_subcode": subcode})
    assert meta.graph("GET", "/me", INSTAGRAM_TOKEN).ok
    change_tokens(meta, PAGE_TOKEN, revoked=None)
    assert meta.graph("GET", "/me").ok


def test_an_instagram_token_is_refused_in_the_words_of_its_host(meta: MetaClient):
    change_tokens(meta, INSTAGRAM_TOKEN, revoked={})
    expected = {"message": "Invalid OAuth 2.0 Access Token", "type": "IGApiException", "code": 190}
    assert refusal(meta.graph("GET", "/me", INSTAGRAM_TOKEN)) == expected
    assert refusal(meta.graph("GET", "/me", "IGAAother")) == expected


def test_a_token_ages_and_expires(meta: MetaClient):
    change_tokens(meta, INSTAGRAM_TOKEN, issuedSecondsAgo=59 * DAY)
    assert meta.graph("GET", "/me", INSTAGRAM_TOKEN).ok
    change_tokens(meta, INSTAGRAM_TOKEN, issuedSecondsAgo=61 * DAY)
    assert refusal(meta.graph("GET", "/me", INSTAGRAM_TOKEN)) == {
        "message": "Error validating access token: Session has expired.",
        "type": "IGApiException",
        "code": 190,
        "error_subcode": 463,
    }
    change_tokens(meta, INSTAGRAM_TOKEN, expiresInSeconds=None)
    assert meta.graph("GET", "/me", INSTAGRAM_TOKEN).ok


def test_all_tokens_of_an_account_can_be_meant_or_those_of_one_flavour(meta: MetaClient):
    both = change_tokens(meta, ACCOUNT, expiresInSeconds=-1)
    assert {token["token"] for token in both} == {PAGE_TOKEN, INSTAGRAM_TOKEN}
    assert [token["valid"] for token in both] == [False, False]
    (page,) = change_tokens(meta, ACCOUNT, expiresInSeconds=None, login="facebook")
    assert (page["token"], page["valid"], page["expiresAt"]) == (PAGE_TOKEN, True, None)
    assert meta.graph("GET", "/me", BAKERY_PAGE_TOKEN).ok


def test_a_made_token_works_like_any_other(meta: MetaClient):
    token = meta.control("POST", "/tokens", {"kind": "page", "accountId": ACCOUNT, "short": True})
    assert meta.read("/me", token["token"]) == {"name": "Acme Coffee", "id": PAGE}
    assert token["expiresAt"] is not None
    only_basic = {"kind": "instagram", "accountId": ACCOUNT, "scopes": ["instagram_business_basic"]}
    token = meta.control("POST", "/tokens", only_basic)
    assert meta.read("/me?fields=user_id", token["token"])["user_id"] == ACCOUNT


@pytest.mark.parametrize(
    ("scope", "method", "path", "code"),
    [
        ("instagram_basic", "GET", f"/{ACCOUNT}", 10),
        ("instagram_manage_messages", "GET", f"/{PAGE}/conversations?platform=instagram", 10),
        ("instagram_manage_messages", "GET", f"/{ANA}", 10),
        ("instagram_manage_messages", "POST", f"/{PAGE}/messages", 10),
        ("pages_manage_metadata", "POST", f"/{PAGE}/subscribed_apps?subscribed_fields=messages", 200),
        ("pages_manage_metadata", "GET", f"/{PAGE}/subscribed_apps", 200),
    ],
)
def test_a_permission_taken_away_is_missed_where_it_is_needed(
    meta: MetaClient, scope: str, method: str, path: str, code: int
):
    meta.write_as_customer()
    change_tokens(meta, PAGE_TOKEN, withoutScopes=[scope])
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}} if method == "POST" else None
    answer = meta.graph(method, path, json=body)
    words = {
        10: "(#10) Application does not have permission for this action",
        200: f"(#200) Requires {scope} permission to manage the object",
    }
    assert answer.status_code == 403
    assert refusal(answer) == {"message": words[code], "type": "OAuthException", "code": code}
    assert meta.graph("GET", "/me").ok


def test_without_instagram_basic_a_page_seems_to_be_linked_to_nothing(meta: MetaClient):
    change_tokens(meta, PAGE_TOKEN, withoutScopes=["instagram_basic"])
    assert meta.read(f"/{PAGE}?fields=instagram_business_account") == {"id": PAGE}


def test_an_instagram_token_needs_its_own_permissions(meta: MetaClient):
    change_tokens(meta, INSTAGRAM_TOKEN, withoutScopes=["instagram_business_manage_messages"])
    assert refusal(meta.graph("GET", "/me/conversations", INSTAGRAM_TOKEN)) == {
        "message": "Application does not have permission for this action",
        "type": "IGApiException",
        "code": 10,
    }
    assert meta.graph("GET", "/me", INSTAGRAM_TOKEN).ok
    change_tokens(meta, INSTAGRAM_TOKEN, withoutScopes=["instagram_business_basic"])
    assert refusal(meta.graph("GET", "/me", INSTAGRAM_TOKEN))["code"] == 10


@pytest.mark.parametrize("token", [PAGE_TOKEN, INSTAGRAM_TOKEN])
def test_an_owner_who_keeps_messages_from_apps_is_200_2534041(connected: MetaClient, receiver: Receiver, token: str):
    mid = connected.write_as_customer("heard")
    change_account(connected, allowsMessages=False)
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}}
    for answer in (
        connected.graph("GET", "/me/conversations?platform=instagram", token),
        connected.graph("GET", f"/{mid}", token),
        connected.graph("POST", "/me/messages", token, json=body),
    ):
        error = refusal(answer)
        assert (answer.status_code, error["code"], error["error_subcode"]) == (403, 200, 2534041)
        assert error["message"].endswith("The account owner has disabled access to instagram direct messages.")
    assert connected.graph("GET", "/me", token).ok
    connected.write_as_customer("unheard")
    change_account(connected, allowsMessages=True)
    connected.write_as_customer("heard again")
    receiver.wait_for(2)
    assert receiver.texts() == ["heard", "heard again"]


def test_an_unlinked_page_cannot_send_and_shows_no_account(meta: MetaClient):
    meta.write_as_customer()
    shown = change_account(meta, pageId=None)
    assert shown["pageId"] is None
    assert refusal(meta.send()) == {
        "message": "(#100) The Page is not linked to an Instagram account.",
        "type": "OAuthException",
        "code": 100,
        "error_subcode": 2534013,
    }
    assert meta.read(f"/{PAGE}?fields=instagram_business_account") == {"id": PAGE}
    change_account(meta, pageId=UNLINKED_PAGE)
    linked = meta.read("/me?fields=instagram_business_account", "EAAsimulatedPageToken0002")
    assert linked["instagram_business_account"] == {"id": ACCOUNT}


def test_a_personal_account_is_none_that_a_page_can_send_from(meta: MetaClient):
    meta.write_as_customer()
    change_account(meta, professional=False)
    got = meta.read(f"/{PAGE}?fields=instagram_business_account,connected_instagram_account")
    assert got == {"connected_instagram_account": {"id": ACCOUNT}, "id": PAGE}
    assert refusal(meta.graph("GET", f"/{ACCOUNT}"))["error_subcode"] == 33
    assert refusal(meta.send())["error_subcode"] == 2534013


@pytest.mark.parametrize("change", [{"professional": False}, {"hasRole": False}])
def test_graph_instagram_com_says_unsupported_request_of_an_account_it_may_not_serve(
    meta: MetaClient, change: dict[str, bool]
):
    change_account(meta, **change)
    answer = meta.graph("GET", "/me", INSTAGRAM_TOKEN)
    assert answer.status_code == 400
    assert refusal(answer) == {
        "message": "Unsupported request - method type: get",
        "type": "IGApiException",
        "code": 100,
    }


def test_an_app_with_standard_access_may_not_write_to_strangers(meta: MetaClient):
    meta.write_as_customer()
    change_account(meta, hasRole=False)
    error = refusal(meta.send())
    assert (error["code"], error.get("error_subcode")) == (200, None)
    assert meta.graph("GET", f"/{ACCOUNT}").ok


def test_meta_may_unsubscribe_the_app(connected: MetaClient, receiver: Receiver):
    assert change_account(connected, subscribed=False)["subscribedFields"] == []
    assert connected.read(f"/{PAGE}/subscribed_apps") == {"data": []}
    connected.write_as_customer("unheard")
    connected.subscribe()
    connected.write_as_customer("heard")
    receiver.wait_for(1)
    assert receiver.texts() == ["heard"]


def test_an_account_shows_what_it_was_told_to(meta: MetaClient):
    picture = "https://scontent.example/p.jpg"
    change_account(meta, accountType="MEDIA_CREATOR", profilePictureUrl=picture, followersCount=7, username="acme.new")
    fields = "user_id,username,name,account_type,profile_picture_url,followers_count,follows_count,media_count"
    assert meta.read(f"/v26.0/me?fields={fields}", INSTAGRAM_TOKEN) == {
        "user_id": ACCOUNT,
        "username": "acme.new",
        "name": "Acme Coffee",
        "account_type": "MEDIA_CREATOR",
        "profile_picture_url": picture,
        "followers_count": 7,
        "follows_count": 56,
        "media_count": 78,
        "id": "28978671838402975",
    }
    assert meta.read(f"/v26.0/{ACCOUNT}?fields=id,username,name,profile_picture_url,followers_count") == {
        "id": ACCOUNT,
        "username": "acme.new",
        "name": "Acme Coffee",
        "profile_picture_url": picture,
        "followers_count": 7,
    }


def test_a_page_links_one_account_and_a_token_has_one_owner(meta: MetaClient):
    for method, path, body in (
        ("PUT", f"/accounts/{BAKERY}", {"pageId": PAGE}),
        ("POST", "/accounts", {"accessToken": PAGE_TOKEN}),
        ("PUT", "/tokens/unknown", {}),
        ("POST", "/tokens", {"kind": "page", "accountId": "1"}),
    ):
        answer = meta.graph(method, f"/_simulator{path}", None, json=body)
        assert answer.status_code in {404, 409}, (path, answer.text)
