"""Every error a caller may meet: `errors`, and how `gateway` tells them."""

import json
import re
from http import HTTPStatus

import pytest

from connector import errors
from connector.errors import ConnectorError, Detail, InvalidRequest, Misconfigured, NotFound, Refused, Unavailable
from connector.gateway import Request, answer_error, answer_text
from connector.instagram.errors import _REASONS
from tests.unit.payloads import http_event


def _kinds(kind=ConnectorError):
    return [kind, *(below for one in kind.__subclasses__() for below in _kinds(one))]


def _codes():
    return [kind.__dict__["code"] for kind in _kinds() if "code" in kind.__dict__]


def test_each_code_is_unique():
    assert len(set(_codes())) == len(_codes()), sorted(_codes())


def test_each_code_is_snake_case():
    reasons = [code for code, _ in _REASONS.values()]
    assert [code for code in [*_codes(), *reasons] if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_every_kind_stands_in_the_modules_own_table_with_its_status_and_code():
    table = errors.__doc__
    missing = []
    for kind in _kinds():
        code = r"\(its reason\)" if kind is Refused else kind.code
        if not re.search(rf"\b{kind.__name__} +{kind.status:d} +{code}", table):
            missing.append(kind.__name__)
    assert missing == []


def test_every_message_ends_as_a_sentence():
    messages = [NotFound().message, errors.NotConnected().message, errors.AccountInUse().message]
    assert [one for one in messages + [text for _, text in _REASONS.values()] if not one.endswith(".")] == []


def test_only_what_may_work_next_time_is_retryable():
    assert {kind.__name__ for kind in _kinds() if kind.retryable} == {"Unavailable", "TryLater"}


def _told(error):
    answer = answer_error(error)
    assert answer["headers"]["Content-Type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def test_a_failure_has_one_shape():
    """H18."""
    error = InvalidRequest("See to: to.", details=[Detail("to", "must be digits")])
    assert _told(error) == (
        400,
        {
            "success": False,
            "error": {
                "code": "invalid_request",
                "message": "See to: to.",
                "details": [{"field": "to", "problem": "must be digits"}],
            },
        },
    )
    assert _told(Unavailable("Later."))[1] == {"success": False, "error": {"code": "unavailable", "message": "Later."}}


@pytest.mark.parametrize("error", [Misconfigured("The parameter /secret is missing."), ConnectorError("unexpected")])
def test_what_went_wrong_inside_is_for_the_log_and_not_for_the_caller(error):
    """H18."""
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
def test_a5_a_body_marked_as_base64_that_is_none_is_an_invalid_request(text):
    with pytest.raises(InvalidRequest):
        Request.of(http_event("POST", "/", text=text, is_base64=True))


def test_a24_a_text_answer_is_taken_for_nothing_else():
    answer = answer_text(200, "1158201444")
    assert answer["body"] == "1158201444"
    assert answer["headers"]["Content-Type"].startswith("text/plain")
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
