"""Every error a caller may meet: `errors`, and how `gateway` tells them."""

import json
import re
from http import HTTPStatus

import pytest

from connector import errors
from connector.conversation.ends import Unproven
from connector.errors import (
    ConnectorError,
    Detail,
    InvalidRequest,
    LoginFailed,
    Misconfigured,
    NotAllowed,
    NotFound,
    RateLimited,
    Refused,
    TryLater,
    Unavailable,
    Undeliverable,
)
from connector.gateway import Request, answer_error, answer_text, retry_after
from connector.instagram.errors import REASONS, TEXTS
from tests.unit.payloads import http_event


def _kinds(kind=ConnectorError):
    """Return every kind that a caller may be told. What a turn raises inside (`Unproven`) ends inside."""
    told = [kind] if kind.__module__ == errors.__name__ else []
    return [*told, *(below for one in kind.__subclasses__() for below in _kinds(one))]


def _codes():
    return [kind.__dict__["code"] for kind in _kinds() if "code" in kind.__dict__]


def test_each_code_is_unique():
    assert len(set(_codes())) == len(_codes()), sorted(_codes())


def test_each_code_is_snake_case():
    assert set(REASONS.values()) <= TEXTS.keys()
    assert [code for code in [*_codes(), *TEXTS] if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_every_kind_stands_in_the_modules_own_table_with_its_status_and_code():
    table = errors.__doc__
    missing = []
    for kind in _kinds():
        code = r"\(its reason\)" if kind in (LoginFailed, Refused, Undeliverable, NotAllowed) else kind.code
        if not re.search(rf"\b{kind.__name__} +{kind.status:d} +{code}", table):
            missing.append(kind.__name__)
    assert missing == []


def test_every_message_ends_as_a_sentence():
    messages = [NotFound().message, errors.NotConnected().message, errors.AccountInUse().message]
    assert [one for one in [*messages, *TEXTS.values()] if not one.endswith(".")] == []


def test_only_what_may_work_next_time_is_retryable():
    retryable = {kind.__name__ for kind in _kinds() if kind.retryable}
    assert retryable == {"Unavailable", "TryLater", "RateLimited", "NotShown", "TokenInDoubt", "InProgress"}


def test_whoever_may_try_again_is_told_when_and_nobody_else():
    for kind in _kinds():
        error = kind.__new__(kind)
        assert ("Retry-After" in retry_after(error)) is kind.retryable, kind.__name__
    assert answer_error(Unavailable("Later."), "r1")["headers"]["Retry-After"] == "5"
    assert "Retry-After" not in answer_error(Refused("window_closed", "No."), "r1")["headers"]


def test_e3_a_limited_rate_is_a_429_that_says_for_how_long():
    error = RateLimited("Meta takes no more messages of this account for now.", after_seconds=840)
    assert answer_error(error, "r1")["headers"]["Retry-After"] == "840"
    assert _told(error) == (
        429,
        {
            "success": False,
            "error": {
                "code": "rate_limited",
                "message": "Meta takes no more messages of this account for now.",
                "requestId": "r1",
            },
        },
    )


def test_what_is_unproven_inside_a_turn_is_nothing_more_than_try_later_to_others():
    error = Unproven("send_unknown", "It is too early to say.", after_seconds=7)
    assert (error.status, error.code, error.after_seconds) == (TryLater.status, TryLater.code, 7)


def _told(error):
    answer = answer_error(error, "r1")
    assert answer["headers"]["Content-Type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def test_h18_a_failure_has_one_shape():
    error = InvalidRequest("See to: to.", details=[Detail("to", "must be digits")])
    assert _told(error) == (
        400,
        {
            "success": False,
            "error": {
                "code": "invalid_request",
                "message": "See to: to.",
                "requestId": "r1",
                "details": [{"field": "to", "problem": "must be digits"}],
            },
        },
    )
    told = {"code": "unavailable", "message": "Later.", "requestId": "r1"}
    assert _told(Unavailable("Later."))[1] == {"success": False, "error": told}


@pytest.mark.parametrize("error", [Misconfigured("The parameter /secret is missing."), ConnectorError("unexpected")])
def test_h18_what_went_wrong_inside_is_for_the_log_and_not_for_the_caller(error):
    status, told = _told(error)
    assert (status, told["error"]["code"]) == (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")
    assert error.message not in told["error"]["message"]


# ── requests


def test_a_request_is_read_with_its_headers_in_lower_case():
    event = http_event("POST", "/x", query={"a": "b"}, headers={"X-Hub-Signature-256": "s"}, text="ü")
    request = Request.of(event)
    assert (request.method, request.path, request.query["a"]) == ("POST", "/x", "b")
    assert request.headers["x-hub-signature-256"] == "s"
    assert request.body == "ü".encode()


def test_a_request_of_nothing_has_empty_parts():
    event = {name: value for name, value in http_event("GET", "/").items() if name not in ("headers", "body")}
    request = Request.of(event)
    assert (dict(request.query), dict(request.headers), request.body) == ({}, {}, b"")


@pytest.mark.parametrize("text", ["{}", "a", "é", "ab=c", "YQ", "YQ==\n", "Y Q=="])
def test_a5_a_body_that_is_marked_as_base64_but_does_not_decode_is_an_invalid_request(text):
    with pytest.raises(InvalidRequest):
        Request.of(http_event("POST", "/", text=text, is_base64=True))


def test_a24_a_text_answer_is_taken_for_nothing_else():
    answer = answer_text(200, "1158201444")
    assert answer["body"] == "1158201444"
    assert answer["headers"]["Content-Type"].startswith("text/plain")
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
