"""How Meta's errors are understood, in every form: `instagram.complaints`, `errors`, `refusals`, `graph`."""

import re

import pytest

from connector.accounts import AccessToken, App
from connector.chat import Message, MessageStatus, Role
from connector.errors import (
    NotShown,
    OutcomeUnknown,
    RateLimited,
    ReconnectNeeded,
    Refused,
    TokenInDoubt,
    TryLater,
    Undeliverable,
    quote_of,
)
from connector.instagram.complaints import complaint_of
from connector.instagram.errors import error_of, is_error
from connector.instagram.graph import Graph
from connector.instagram.messenger import Messenger
from connector.instagram.tokens import Tokens
from connector.storage.documents import now
from connector.transport import Answer
from tests.unit.payloads import PAGE, SENT_AT, USER
from tests.unit.peer import answer, nobody, reset

IMAGE = "https://shop.example/cake.png"
DEAD = {"error": {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}}
DOUBTFUL = {"error": {"message": "Unauthorized", "type": "OAuthException"}}


def sorted_as(body, status=400):
    error = error_of(Answer(status, body, {}))
    return type(error), error.code


def said(message="no", **fields):
    return {"error": {"message": message} | fields}


# ── no number that is known


@pytest.mark.parametrize(
    ("status", "fields", "kind"),
    [
        (400, {}, Refused),
        (403, {}, Refused),
        (404, {}, Refused),
        (200, {}, Refused),
        (401, {}, TokenInDoubt),
        (400, {"type": "OAuthException"}, TokenInDoubt),
        (200, {"type": "OAuthException"}, TokenInDoubt),
        (400, {"message": "Error validating access token: it has expired"}, TokenInDoubt),
        (429, {}, RateLimited),
        (429, {"type": "OAuthException"}, RateLimited),
        (400, {"message": "Application request limit reached"}, RateLimited),
        (200, {"code": 429}, RateLimited),
        (408, {}, OutcomeUnknown),
        (500, {}, OutcomeUnknown),
        (503, {"type": "OAuthException"}, OutcomeUnknown),
        (500, {"is_transient": True}, OutcomeUnknown),
        (503, {"is_transient": "true", "code": 98765}, OutcomeUnknown),
        (408, {"is_transient": True}, OutcomeUnknown),
        (429, {"is_transient": True}, RateLimited),
        (400, {"is_transient": True, "message": "Too many calls"}, RateLimited),
        (400, {"is_transient": True, "code": 503}, OutcomeUnknown),
        (500, {"is_transient": True, "code": 100}, TryLater),
        (401, {"is_transient": True, "code": 98765}, TryLater),
        (400, {"is_transient": False}, Refused),
        (400, {"is_transient": "false", "type": "OAuthException"}, TokenInDoubt),
        (500, {"code": "1200"}, TryLater),
        (500, {"code": 1200, "error_subcode": 2018024, "is_transient": True}, TryLater),
        (400, {"code": 2, "is_transient": True}, OutcomeUnknown),
        (500, {"code": "190", "is_transient": True}, ReconnectNeeded),
        (500, {"message": "This message is sent outside of allowed window."}, OutcomeUnknown),
        (200, {"code": 500}, OutcomeUnknown),
        (400, {"is_transient": True}, TryLater),
        (200, {"is_transient": "true"}, TryLater),
        (401, {"is_transient": True, "type": "OAuthException"}, TryLater),
        (400, {"code": 98765, "is_transient": True}, TryLater),
        (400, {"code": 98765, "type": "OAuthException"}, Refused),
        (401, {"code": 98765}, TokenInDoubt),
        (429, {"code": 98765}, RateLimited),
        (502, {"code": 98765}, OutcomeUnknown),
        (400, {"code": 400}, Refused),
        (401, {"code": "401"}, TokenInDoubt),
    ],
    ids=str,
)
def test_e7_an_unknown_number_is_sorted_by_the_status(status, fields, kind):
    assert sorted_as(said(**fields), status)[0] is kind


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        ("190", "463", ReconnectNeeded),
        (190.0, None, ReconnectNeeded),
        (" 4 ", None, RateLimited),
        ("10", "2534022", Undeliverable),
        ("2", None, OutcomeUnknown),
        (True, None, Refused),
        ("1e400", None, Refused),
        (float("inf"), None, Refused),
        ("9" * 5000, None, Refused),
        ([190], None, Refused),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_number_is_read_however_it_is_written(code, subcode, kind):
    assert sorted_as({"error": {"code": code, "error_subcode": subcode}})[0] is kind


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": "(#10) This message is sent outside of allowed window."}, 400, Undeliverable),
        ({"error": "(#190) Error validating access token"}, 400, ReconnectNeeded),
        ({"error": "temporarily broken"}, 500, OutcomeUnknown),
        ({"error": "temporarily broken"}, 400, Refused),
        ({"error": "invalid_token", "error_description": "The access token expired"}, 400, TokenInDoubt),
        ({"error": [{"code": 190}]}, 400, ReconnectNeeded),
        ({"error": [None, "(#4) Application request limit reached"]}, 403, RateLimited),
        ({"error": 190}, 400, ReconnectNeeded),
        ({"error": True}, 400, Refused),
        ({"error_type": "OAuthException", "code": 400, "error_message": "No"}, 400, TokenInDoubt),
        ({"error_code": 190, "error_message": "No"}, 400, ReconnectNeeded),
    ],
    ids=str,
)
def test_an_error_is_read_in_every_form(body, status, kind):
    assert sorted_as(body, status)[0] is kind
    assert is_error(Answer(200, body, {}))


@pytest.mark.parametrize(
    "body", [None, {}, {"error": None}, {"error": {}}, {"error": []}, {"error": ""}, {"error": False}, {"error": 0}]
)
def test_an_empty_error_is_none(body):
    assert not is_error(Answer(200, body, {}))
    assert complaint_of(body, 200) is None


def test_a_send_that_names_its_message_was_carried_out():
    assert not is_error(Answer(200, said(code=2) | {"message_id": "m"}, {}))
    assert is_error(Answer(400, said(code=2) | {"message_id": "m"}, {}))


# ── message text, for codes with several meanings


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        (10, "This message is sent outside of allowed window. Learn more about the new policy here", "window_closed"),
        (10, "The 24 hour window has closed", "window_closed"),
        (10, "Message sent outside of the 7 day window", "window_closed"),
        (10, "It is outside the 24h window", "window_closed"),
        (10, "It is outside the reply window", "window_closed"),
        (10, "More than 24 hours since the user's last message", "window_closed"),
        (10, "This app does not control the thread", "other_app_in_control"),
        (10, "You don't own this thread", "other_app_in_control"),
        (10, "The account is temporarily blocked from sending messages", "account_blocked"),
        (10, "Page is restricted", "account_blocked"),
        (10, "The app must be live", "app_access_missing"),
        (10, "User cannot be messaged", "user_unavailable"),
        (100, "The requested user cannot be found", "user_not_found"),
        (100, "App not installed", "app_not_installed"),
        (100, "The app has not been installed on this page", "app_not_installed"),
        (
            10,
            "Error: Your message couldn't be sent because another app is controlling this thread now",
            "other_app_in_control",
        ),
        (10, "You are not the thread owner", "other_app_in_control"),
        (
            10,
            "To use 'Human Agent', your use of this endpoint must be reviewed and approved by Facebook",
            "human_agent_missing",
        ),
        (10, "To use 'pages_messaging', your use of this endpoint must be reviewed and approved", "app_access_missing"),
        (10, "This person isn't receiving messages from you right now", "user_unavailable"),
        (10, "Application does not have permission for this action", "permission_missing"),
        (10, "", "permission_missing"),
        (10, "Something new", "permission_missing"),
        (200, "Cannot message users who are not admins, developers or testers of the app", "app_access_missing"),
        (200, "Permissions error", "permission_missing"),
        (200, "Requires pages_manage_metadata permission to manage the object", "permission_missing"),
        (200, "The user hasn't authorized the application to perform this action", "permission_missing"),
        (200, "", "app_access_missing"),
        (3, "Application does not have the capability to make this API call.", "app_access_missing"),
        (100, "Unsupported request - method type: get", "app_access_missing"),
        (100, "No matching user found", "user_not_found"),
        (100, "App is not installed", "app_not_installed"),
        (200, "App is not installed: 1234", "app_not_installed"),
        (None, "App is not installed", "app_not_installed"),
        (None, "This message is sent outside the allowed window", "window_closed"),
        (100, "Invalid parameter", "graph_refused"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_words_decide_where_numbers_do_not(code, words, reason):
    assert sorted_as(said(words, code=code))[1] == reason


@pytest.mark.parametrize("subcode", [33, None])
def test_an_object_that_is_not_shown_is_no_refusal(subcode):
    words = "Unsupported get request. Object with ID '178' does not exist, cannot be loaded due to missing permissions"
    assert sorted_as(said(words, code=100, error_subcode=subcode))[0] is NotShown


# ── what is quoted


@pytest.mark.parametrize(
    "secret",
    [
        "EAAGm0PX4ZCpsBAcanary123",
        "IGAAcanary_12-34567",
        "Bearer canary.abc",
        "access_token=canary",
        "123456|canarysecret",
        "canary" * 8,
    ],
)
def test_a_quote_holds_no_secret(secret):
    quote = error_of(Answer(400, said(f"Bad token {secret} given", code=190), {})).quote
    assert "canary" not in quote.message
    assert re.fullmatch(r"Bad token .*\[redacted\] given", quote.message)


def test_a_quote_is_one_bounded_line():
    quote = error_of(Answer(400, said("a\r\nb\x1b[31m \ud800 " + "word " * 1000, code=100), {})).quote
    assert quote.message.startswith("a b [31m word")
    assert len(quote.message) == 300


def test_a_refusal_quotes_metas_numbers():
    quote = error_of(Answer(403, said("(#10) Outside.", code="10", error_subcode="2534022"), {})).quote
    assert (quote.message, quote.code, quote.subcode) == ("(#10) Outside.", 10, 2534022)


# ── a probe tells whether a token is dead


def graph_at(url):
    return Graph(f"{url}/v26.0", AccessToken("EAAtoken", proof="p"), PAGE)


def send(url, **message):
    fields = {"text": "hi"} | message
    written = Message("key", Role.HUMAN, status=MessageStatus.SENDING, created_at=SENT_AT, **fields)
    return Messenger(graph_at(url)).send(USER, written)


@pytest.mark.parametrize(
    ("refusal", "probe", "kind"),
    [
        (answer(DOUBTFUL, 401), answer(DEAD, 401), ReconnectNeeded),
        (answer(DOUBTFUL, 401), answer(DOUBTFUL, 401), ReconnectNeeded),
        (answer(b"<html>", 401), answer(DEAD, 200), ReconnectNeeded),
        (answer(DOUBTFUL, 401), answer({"id": PAGE}), TryLater),
        (answer(DOUBTFUL, 400), answer({"id": PAGE}), Refused),
        (answer(DOUBTFUL, 200), answer({"id": PAGE}), Refused),
        (answer(DOUBTFUL, 400), answer(said(code=4)), TryLater),
        (answer(DOUBTFUL, 400), answer(b"<html>", 502), TryLater),
        (answer(DOUBTFUL, 400), reset, TryLater),
    ],
    ids=["dead", "refused-again", "html", "401-alive", "alive", "alive-200", "limited", "down", "lost"],
)
def test_a_doubtful_refusal_is_decided_by_one_probe(other_side, refusal, probe, kind):
    other_side.script(refusal, probe)
    with pytest.raises(kind) as raised:
        send(other_side.url)
    assert isinstance(raised.value, ReconnectNeeded) is (kind is ReconnectNeeded)
    sent, probed = other_side.requests
    assert (sent.method, probed.method, probed.path) == ("POST", "GET", "/v26.0/me")
    assert probed.query == {"fields": "id", "appsecret_proof": "p"}


@pytest.mark.parametrize("refusal", [answer(DEAD, 401), answer(said(code=10), 403), answer(said(), 429)])
def test_a_clear_refusal_is_not_probed(other_side, refusal):
    other_side.behave = refusal
    with pytest.raises((Refused, ReconnectNeeded, RateLimited)):
        send(other_side.url)
    assert len(other_side.requests) == 1


def test_an_error_inside_a_200_is_the_error(other_side):
    other_side.behave = answer(said("(#10) outside of allowed window", code=10, error_subcode=2534022))
    with pytest.raises(Undeliverable) as refusal:
        send(other_side.url)
    assert refusal.value.code == "window_closed"
    with pytest.raises(Undeliverable):
        graph_at(other_side.url).get(PAGE, {})


# ── what only the message explains


@pytest.mark.parametrize(
    ("body", "content", "named"),
    [
        (said(code=546), {"type": "image", "urls": [IMAGE]}, IMAGE),
        (said(code=100, error_subcode=2018008), {"type": "file", "url": IMAGE}, IMAGE),
        (said("(#100) Failed to fetch the file from the url", code=100), {"type": "video", "url": IMAGE}, IMAGE),
        (said("The type of file is not supported", code=100), {"type": "audio", "url": IMAGE}, IMAGE),
        (said(code=546), {"type": "cards", "elements": [{"title": "a"}, {"title": "b", "imageUrl": IMAGE}]}, IMAGE),
        (said(code=546), {"type": "image", "urls": [f"{IMAGE}?1", f"{IMAGE}?2"]}, f"{IMAGE}?1, {IMAGE}?2"),
        (
            said(f"Cannot load {IMAGE}?2", code=546),
            {"type": "image", "urls": [f"{IMAGE}?1", f"{IMAGE}?2"]},
            f"{IMAGE}?2",
        ),
    ],
    ids=str,
)
def test_a_file_that_meta_cannot_use_is_named_by_its_url(other_side, body, content, named):
    other_side.behave = answer(body, 400)
    with pytest.raises(Undeliverable) as refusal:
        send(other_side.url, text=None, content=content)
    assert refusal.value.code == "media_refused"
    assert f"use {named}: it cannot be fetched" in refusal.value.message


def test_words_about_a_url_are_not_believed_of_a_text(other_side):
    other_side.behave = answer(said("Invalid url", code=100), 400)
    with pytest.raises(Refused) as refusal:
        send(other_side.url)
    assert refusal.value.code == "graph_refused"


@pytest.mark.parametrize(
    ("words", "by_person", "reason"),
    [
        ("", True, "human_agent_missing"),
        ("Application does not have permission for this action", True, "human_agent_missing"),
        ("outside of allowed window", True, "window_closed"),
        ("", False, "permission_missing"),
    ],
)
def test_a_tagged_send_without_permission_lacks_human_agent(other_side, words, by_person, reason):
    other_side.behave = answer(said(words, code=10), 403)
    with pytest.raises(Refused) as refusal:
        send(other_side.url, by_person_only=by_person)
    assert refusal.value.code == reason
    assert quote_of(refusal.value).code == 10


# ── batches


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        ({"code": 400, "body": '{"error": {"code": 190}}'}, ReconnectNeeded),
        ({"code": 200, "body": '{"error": {"code": "100"}}'}, Refused),
        ({"code": 403, "body": '{"error": {"code": 4}}'}, RateLimited),
        ({"code": 500, "body": '{"error": {"code": 2}}'}, TryLater),
        ({"code": 502, "body": "<html>"}, TryLater),
        (None, TryLater),
        ({"code": 200, "body": "{}"}, Refused),
    ],
    ids=str,
)
def test_an_error_inside_a_batch_is_the_error(other_side, inner, kind):
    other_side.behave = answer([inner])
    tokens = Tokens(lambda token: Graph(f"{other_side.url}/v26.0", token, ""), lambda token: None, now)
    with pytest.raises(kind):
        tokens.inspect("EAAtoken", App("1", "s"))


def test_a_probe_that_cannot_be_made_decides_nothing():
    with pytest.raises(TryLater):
        send(nobody())
