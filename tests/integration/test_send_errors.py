"""Meta's errors without a known number, on the whole stack: an answer comes once, or its refusal is told."""

from datetime import timedelta

import pytest

from tests.integration.test_whole_turns import ANSWER, DELIVERED, QUESTION

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

UNKNOWN = 98765


def error(status, **fields):
    return {"status": status, "body": {"error": {"message": "no"} | fields}}


NOT_DONE = [
    error(429),
    error(429, code=UNKNOWN, is_transient=True),
    error(400, message="Application request limit reached"),
    error(200, code=429),
    error(400, is_transient=True),
    error(200, is_transient="true", code=str(UNKNOWN)),
    error(401, is_transient=True, type="OAuthException"),
    error(500, is_transient=True, code=100),
    error(400, code=1200),
    error(500, code="1200", error_subcode="2018024"),
    error(401, type="OAuthException"),
]
PERHAPS_DONE = [
    error(500),
    error(503, is_transient=True),
    error(502, code=UNKNOWN),
    error(500, type="OAuthException", is_transient=True),
    error(408, is_transient=True),
    error(200, code=500),
    error(200, code="2"),
    error(400, code="-1", is_transient=True),
    {"status": 500, "body": "<html>Sorry</html>"},
]
WHETHER = [(fault, True, False) for fault in PERHAPS_DONE]
WHETHER += [(PERHAPS_DONE[1], done, echo) for done, echo in ((True, True), (False, True), (False, False))]
REFUSED = [
    (error(400), "graph_refused"),
    (error(200, code=UNKNOWN), "graph_refused"),
    (error(400, type="OAuthException"), "graph_refused"),
    (error(403, code=str(UNKNOWN), type="OAuthException"), "graph_refused"),
    (error(500, code="10", error_subcode="2534022", is_transient=True), "window_closed"),
    (error(200, code="190"), "reconnect_needed"),
]


def ask(stack):
    mid = stack.write(QUESTION)
    stack.settle()
    return mid


@pytest.mark.parametrize("fault", NOT_DONE, ids=str)
def test_an_error_that_passes_delays_the_answer(stack, fault):
    stack.simulate("PUT", "faults", fail_sends=fault)
    assert stack.waited_for(ask(stack)) < timedelta(minutes=3)
    assert (stack.received(), stack.questions(), stack.statuses()) == ([ANSWER], [QUESTION], DELIVERED)
    assert stack.call("GET", "status").json()["data"]["lastError"] is None


@pytest.mark.parametrize(("fault", "is_done", "echo"), WHETHER, ids=str)
def test_an_error_after_which_a_send_may_be_done_doubles_nothing(stack, fault, is_done, echo):
    stack.simulate("PUT", "faults", **{"misanswer_sends" if is_done else "fail_sends": fault}, no_echo=not echo)
    assert stack.waited_for(ask(stack)) < timedelta(seconds=30)
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    assert [one[1] for one in stack.statuses()] == ["answered", "delivered" if echo else "sent"]


@pytest.mark.parametrize(("fault", "code"), REFUSED, ids=str)
def test_an_error_that_refuses_ends_the_turn_after_one_send(stack, fault, code):
    stack.simulate("PUT", "faults", fail_sends=fault)
    ask(stack)
    assert (stack.received(), stack.questions()) == ([], [QUESTION])
    assert [one[1:] for one in stack.statuses()] == [("unanswered", code), ("failed", code)]
