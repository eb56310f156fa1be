"""The address of each login's dialog, and every way in which Meta may answer a code."""

from urllib.parse import parse_qs, urlsplit

import pytest

from connector.accounts import App, Login
from connector.errors import LoginFailed, OutcomeUnknown, RateLimited, TryLater
from connector.instagram.oauth import dialog_url, exchange
from tests.unit.peer import answer, close, nobody

APP = App("900000000000001", "an-app-secret")
BACK = "https://api.example.com/api/instagram/oauth/callback"


def code_answer(other_side, body, status=200):
    other_side.behave = answer(body, status)
    return exchange(other_side.url, APP, "AQB-code", BACK)


def instagram(text, status=400):
    return {"error_type": "OAuthException", "code": status, "error_message": text}


def facebook(code, text, subcode=None):
    return {"error": {"message": text, "type": "OAuthException", "code": code, "error_subcode": subcode}}


@pytest.mark.parametrize(
    ("login", "page", "scopes"),
    [
        (
            Login.INSTAGRAM,
            "https://www.instagram.com/oauth/authorize",
            "instagram_business_basic,instagram_business_manage_messages",
        ),
        (
            Login.FACEBOOK,
            "https://www.facebook.com/v26.0/dialog/oauth",
            (
                "instagram_basic,instagram_manage_messages,pages_messaging,pages_manage_metadata,pages_show_list,"
                "pages_read_engagement,business_management"
            ),
        ),
    ],
)
def test_the_dialog_is_asked_for_a_code_with_what_messages_need(login, page, scopes):
    url = dialog_url(page, login, App("9001", "s"), redirect_uri=BACK, state="s-_1")
    told = {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
    assert url.partition("?")[0] == page
    assert told.pop("auth_type", None) == ("rerequest" if login is Login.FACEBOOK else None)
    assert told == {
        "client_id": "9001",
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": scopes,
        "state": "s-_1",
    }


def test_what_stands_in_the_address_is_encoded():
    url = dialog_url(
        "https://d.example", Login.INSTAGRAM, App("9", "s"), redirect_uri="https://a/?x=1&y=2", state="a&b=c\r\nd"
    )
    assert "\n" not in url
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == ["https://a/?x=1&y=2"]
    assert parse_qs(urlsplit(url).query)["state"] == ["a&b=c\r\nd"]


def test_a_code_travels_in_the_body_with_the_redirect_uri_to_the_letter_and_no_secret_in_the_url(other_side):
    code_answer(other_side, {"access_token": "t"})
    (request,) = other_side.requests
    assert (request.method, request.path, request.query) == ("POST", "/oauth/access_token", {})
    assert "authorization" not in request.headers
    assert parse_qs(request.body.decode()) == {
        "client_id": [APP.app_id],
        "client_secret": [APP.secret],
        "grant_type": ["authorization_code"],
        "redirect_uri": [BACK],
        "code": ["AQB-code"],
    }


@pytest.mark.parametrize(
    ("body", "permissions"),
    [
        ({"data": [{"access_token": "t", "user_id": "1", "permissions": "b,a"}]}, ("a", "b")),
        ({"access_token": "t", "user_id": 1, "permissions": ["b", "a"]}, ("a", "b")),
        ({"access_token": "t", "permissions": "a, b"}, ("a", "b")),
        ({"access_token": "t", "token_type": "bearer", "expires_in": 3600}, None),
        ({"access_token": "t", "permissions": []}, None),
        ({"access_token": "t", "permissions": 7}, None),
    ],
)
def test_a_token_is_found_wrapped_or_not_with_what_it_allows_where_that_is_told(other_side, body, permissions):
    given = code_answer(other_side, body)
    assert (given.token, given.permissions) == ("t", permissions)
    assert "token='t'" not in repr(given)


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": ["t"]}, {"access_token": 7}, [], "t", {"data": {}}])
def test_an_answer_without_a_token_is_none(other_side, body):
    with pytest.raises(TryLater):
        code_answer(other_side, body)


@pytest.mark.parametrize(
    "body",
    [
        instagram("Matching code was not found or was already used"),
        instagram("This authorization code has expired"),
        facebook(100, "This authorization code has been used.", 36009),
        facebook(100, "This authorization code has expired.", 36007),
        facebook(100, "Dieser Code gilt nicht mehr.", 36009),
    ],
)
def test_i6_a_code_that_was_used_or_is_too_old_is_told_so(other_side, body):
    with pytest.raises(LoginFailed, match="used already, or took too long") as refusal:
        code_answer(other_side, body, 400)
    assert refusal.value.code == "login_over"


@pytest.mark.parametrize(
    "body",
    [
        instagram("Invalid platform app"),
        instagram("Error validating client secret."),
        instagram("Error validating verification code. Please make sure your redirect_uri is identical to the one"),
        facebook(1, "Error validating client secret."),
        facebook(101, "Error validating application. Cannot get application info due to a system error."),
        facebook(100, "Please make sure your redirect_uri is identical to the one you used", 36008),
    ],
)
def test_what_is_wrong_with_our_app_is_the_operators_to_mend(other_side, body):
    with pytest.raises(LoginFailed, match="The operator must check") as refusal:
        code_answer(other_side, body, 400)
    assert refusal.value.code == "login_refused"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (instagram("Invalid authorization code"), 400),
        (facebook(100, "Invalid verification code format."), 400),
        (facebook(190, "Error validating access token"), 401),
        (b"<html>", 404),
        ({}, 400),
    ],
)
def test_any_other_refusal_is_one_to_start_again(other_side, body, status):
    with pytest.raises(LoginFailed, match="Start again") as refusal:
        code_answer(other_side, body, status)
    assert refusal.value.code == "login_refused"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (facebook(4, "Application request limit reached"), 400, RateLimited),
        (b"", 429, RateLimited),
        (facebook(2, "An unexpected error has occurred."), 500, OutcomeUnknown),
        (b"<html>", 502, OutcomeUnknown),
    ],
)
def test_a_meta_that_is_in_trouble_has_not_refused(other_side, body, status, kind):
    with pytest.raises(kind):
        code_answer(other_side, body, status)


def test_a_code_is_sent_once_whatever_happens(other_side):
    other_side.behave = close
    with pytest.raises(OutcomeUnknown):
        exchange(other_side.url, APP, "AQB-code", BACK)
    assert len(other_side.requests) == 1
    with pytest.raises(TryLater):
        exchange(nobody(), APP, "AQB-code", BACK)
