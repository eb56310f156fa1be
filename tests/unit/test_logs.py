"""What is logged, and what is not: `logs`."""

import io
import json
import logging

import pytest

from connector import logs
from connector.errors import InvalidRequest, Misconfigured, Quote, Refused, Undeliverable
from connector.logs import RedactingFormatter, log_crash, log_refusal, logger

CANARIES = [
    pytest.param("EAAGm0PX4ZCpsBAcanary123", id="page-token"),
    pytest.param("IGAAcanary_12-34", id="instagram-token"),
    pytest.param("Bearer abc.DEF-ghi_123~+/=", id="bearer-header"),
    pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl", id="jwt"),
]


@pytest.fixture
def lines(monkeypatch):
    """Everything that is logged, line by line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter())
    monkeypatch.setattr(logger._logger, "handlers", [handler])
    return lambda: stream.getvalue().removesuffix("\n").split("\n")


@pytest.mark.parametrize("secret", CANARIES)
def test_j1_j2_what_looks_like_a_token_is_struck_out_wherever_it_stands(lines, secret):
    logger.info(f"text {secret} text", extra={"field": secret, "deep": {"list": [f"x={secret}&y=1"]}})
    try:
        int(secret)
    except ValueError:
        logger.exception("with its text")
    assert len(lines()) == 2
    assert secret not in "\n".join(lines())
    assert "[redacted]" in lines()[0]


def test_a_line_stays_json_when_something_in_it_was_struck_out(lines):
    logger.info('{"a": "Bearer abc"}', extra={"x": 'quote " EAAcanary12345 "'})
    assert json.loads(lines()[0])["x"] == 'quote " [redacted] "'


def test_j1_j2_a_crash_logs_its_kind_and_where_it_was_and_no_text(lines):
    """The text of an exception may quote what it choked on."""
    try:
        {}["the customer's words"]
    except KeyError as error:
        log_crash(error)
    (line,) = lines()
    told = json.loads(line)
    assert (told["kind"], told["level"]) == ("KeyError", "ERROR")
    assert "a_crash_logs_its_kind" in told["where"][0]
    assert "customer" not in line


def test_a_refusal_is_logged_by_its_code(lines):
    log_refusal(Refused("window_closed", "The 24 hours are over."))
    log_refusal(Misconfigured("The SSM parameter jwt is missing."))
    told = [json.loads(line) for line in lines()]
    assert [(one["level"], one["code"], one["status"]) for one in told] == [
        ("WARNING", "window_closed", 502),
        ("ERROR", "internal_error", 500),
    ]


def test_what_a_caller_sent_is_not_repeated_in_the_log(lines):
    log_refusal(InvalidRequest("The request cannot be used. See to: canary."))
    log_refusal(Undeliverable("media_refused", "Meta could not use https://canary.example/a.png."))
    log_refusal(Refused("graph_refused", "Meta refused.").quoting(Quote("canary", 1, None)))
    assert len(lines()) == 3
    assert "canary" not in "".join(lines())


@pytest.mark.parametrize("text", ["a\r\nb", "a\x1b[31mb", '"},{"level":"ERROR', "\u2028"])
def test_j3_nothing_that_is_logged_makes_a_second_line(lines, text):
    logger.info(text, extra={"field": text})
    assert len(lines()) == 1
    assert json.loads(lines()[0])["message"] == text


def test_a_metric_is_counted_by_name():
    logs.metrics.clear_metrics()
    logs.count("Canary")
    logs.count("Canary")
    told = logs.metrics.serialize_metric_set()
    logs.metrics.clear_metrics()
    assert told["Canary"] == [1.0, 1.0]
