"""Every branch of a turn through the deployed handlers: what the customer received, what the agent was asked, how soon.

The clock is moved, so each time is what a customer would have waited.
"""

from datetime import timedelta

import pytest

from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

QUESTION = "When do you open?"
ANSWER = "We are open every day from 7:00 to 19:00, on Sundays from 8:00. ☕"
SOON = timedelta(seconds=10)
AFTER_A_DEATH = timedelta(seconds=75)
DELIVERED = [("user", "answered", None), ("agent", "delivered", None)]


def ask(stack, text=QUESTION, **message):
    """Have the customer write and everything done that follows; return how long they waited."""
    mid = stack.write(text, **message)
    stack.settle()
    return stack.waited_for(mid)


def test_a_dm_is_answered_within_seconds(stack):
    assert ask(stack) < SOON
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    assert stack.statuses() == DELIVERED
    assert [one["action"] for one in stack.simulate("GET", f"threads/{ACCOUNT}/{USER}")["senderActions"]][:1] == [
        "mark_seen"
    ]


# ── the agent's session has ended


ENDED = [
    {},
    {"message": "Chat chat_98c1a2157aa0559144d67bb0729 has already ended."},
    {"message": "Chat {chat_id} has already ended.", "key": "error"},
    {"message": "chat is not ongoing", "key": "error_message"},
    {"status": 404, "message": "Not Found"},
    {"status": 409, "message": "The chat {chat_id} is no longer active"},
    {"status": 410, "message": "Gone"},
    {"status": 422, "message": "chat is not ongoing"},
]


@pytest.mark.parametrize("form", ENDED, ids=lambda form: f"{form.get('status', 400)}-{form.get('key', 'message')}")
def test_a_customer_who_returns_after_an_hour_is_answered_in_a_new_session(stack, form):
    ask(stack)
    stack.agent("PUT", "faults", ended_chat=form)
    stack.run_for(timedelta(hours=2))
    assert ask(stack, "And the menu?") < SOON
    assert stack.questions() == [QUESTION, "And the menu?"]
    assert len(stack.agent("GET", "state")["chats"]) == 2
    assert len(stack.received()) == 2
    assert stack.statuses() == DELIVERED * 2


def test_a_session_that_has_vanished_is_replaced_by_a_new_one(stack):
    ask(stack)
    stack.agent("PUT", "faults", forget_chats=True)
    assert ask(stack, "And the menu?") < SOON
    assert stack.questions() == ["And the menu?"]
    assert stack.statuses() == DELIVERED * 2


def test_a_session_that_ends_again_at_once_ends_the_turn_with_a_reason(stack):
    ask(stack)
    stack.agent("PUT", "faults", fail_completions={"status": 409, "times": 2, "message": "Chat already closed"})
    stack.write("And the menu?")
    stack.settle()
    assert stack.statuses()[-1] == ("user", "unanswered", "session_ended")
    assert stack.received() == [ANSWER]


# ── the agent's answer is lost, or the agent fails


def test_a_lost_answer_is_read_back_and_the_agent_is_not_asked_again(stack):
    stack.agent("PUT", "faults", lose_completion_answer=1)
    assert ask(stack) < timedelta(seconds=15)
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    assert stack.statuses() == DELIVERED


def test_a_question_that_never_reached_the_agent_is_asked_again(stack):
    stack.agent("PUT", "faults", lose_completion_request=1)
    assert ask(stack) < timedelta(seconds=60)
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])


def test_an_answer_that_is_lost_with_the_end_of_its_session_is_read_back(stack):
    stack.agent("PUT", "faults", lose_completion_answer=1)
    stack.calls.interrupt("POST create-chat-completion", lambda: stack.agent("PUT", "faults", lose_completion_answer=1))
    mid = stack.write("Good bye")
    stack.settle()
    assert stack.waited_for(mid) < timedelta(seconds=15)
    assert len(stack.received()) == len(stack.questions()) == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["first question", "later question"])
@pytest.mark.parametrize("end", ["end_chats", "forget_chats"])
def test_a_lost_answer_whose_session_is_over_reaches_the_customer(stack, is_first, end):
    if not is_first:
        ask(stack)
    stack.agent("PUT", "faults", lose_completion_answer=1)
    mid = stack.write("And the menu?")
    stack.run_for(timedelta(seconds=4))
    stack.agent("PUT", "faults", **{end: True})
    stack.settle()
    assert stack.waited_for(mid) < timedelta(seconds=45)
    assert len(stack.received()) == (1 if is_first else 2)
    asked = [QUESTION] if not is_first and end == "end_chats" else []
    assert stack.questions() == [*asked, "And the menu?"]
    assert stack.statuses()[-2:] == DELIVERED


def test_an_answer_that_is_lost_with_two_sessions_gives_the_fallback_text(stack, monkeypatch):
    monkeypatch.setenv("FALLBACK_TEXT", "A colleague will answer you.")
    stack.agent("PUT", "faults", lose_completion_answer=9)
    stack.write(QUESTION)
    for seconds in (4, 40):
        stack.run_for(timedelta(seconds=seconds))
        assert stack.questions() == [QUESTION]
        stack.agent("PUT", "faults", forget_chats=True)
    stack.settle()
    assert (stack.received(), stack.questions()) == (["A colleague will answer you."], [])
    assert stack.statuses() == [("user", "unanswered", "answer_lost"), ("agent", "delivered", None)]


TAILS = {
    "tool result": [
        {"role": "tool_call_invocation", "tool_call_id": "t", "name": "book", "arguments": "{}", "type": "custom"},
        {"role": "tool_call_result", "tool_call_id": "t", "content": "{}"},
    ],
    "node transition": [{"role": "node_transition", "former_node_id": "a", "new_node_id": "b"}],
    "state transition": [{"role": "state_transition", "former_state_name": "a", "new_state_name": "b"}],
    "unknown role": [{"role": "injected", "content": "x"}],
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("is_over", [False, True], ids=["ongoing", "ended"])
def test_a_lost_answer_is_found_before_entries_that_are_not_words(stack, tail, is_over):
    said = [{"content": "It is booked."}, *tail]
    end = [{"role": "tool_call_invocation", "tool_call_id": "e", "name": "end_call", "type": "end_call"}]
    stack.agent("POST", "answers", answers=[said + end * is_over])
    stack.agent("PUT", "faults", lose_completion_answer=1)
    assert ask(stack, "Book a table") < timedelta(seconds=60)
    assert (stack.received(), len(stack.questions())) == (["It is booked."], 1)
    assert stack.statuses() == DELIVERED


FAILURES = [
    ({"fail_completions": {"status": 429, "message": "throttled"}}, timedelta(seconds=20)),
    ({"rate_limit": {"times": 2, "retryAfter": 7}}, timedelta(seconds=60)),
    ({"fail_completions": {"status": 408, "message": "Request timeout."}}, SOON),
    ({"fail_completions": {"status": 409, "message": "Resource update conflict."}}, SOON),
    ({"fail_completions": {"status": 500, "times": 1}}, timedelta(seconds=60)),
    ({"fail_completions": {"status": 503, "times": 2}}, timedelta(minutes=3)),
]


@pytest.mark.parametrize(("faults", "within"), FAILURES, ids=str)
def test_an_agent_that_fails_for_the_moment_is_asked_again(stack, faults, within):
    stack.agent("PUT", "faults", **faults)
    assert ask(stack) < within
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    assert stack.statuses() == DELIVERED


@pytest.mark.parametrize(
    ("status", "code"), [(401, "agent_key_refused"), (402, "agent_unpaid"), (400, "agent_refused")]
)
def test_an_agent_that_refuses_ends_the_turn_and_status_says_why(stack, status, code):
    stack.agent("PUT", "faults", fail_completions={"status": status, "times": 9, "message": "no"})
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.statuses()) == ([], [("user", "unanswered", code)])
    assert stack.call("GET", "status").json()["data"]["lastError"]["code"] == code


# ── what the agent says


INVOCATION = {"role": "tool_call_invocation", "tool_call_id": "t", "name": "look_up", "type": "custom"}
RESULT = {"role": "tool_call_result", "tool_call_id": "t", "content": "{}"}
END_CALL = {"role": "tool_call_invocation", "tool_call_id": "e", "name": "bye", "type": "end_call"}


def test_several_messages_of_the_agent_arrive_in_order(stack):
    said = [{"content": "One moment."}, INVOCATION, RESULT, {"content": "Nine."}, {"content": "Anything else?"}]
    stack.agent("POST", "answers", answers=[said])
    assert ask(stack) < SOON
    assert stack.received() == ["One moment.", "Nine.", "Anything else?"]


@pytest.mark.parametrize("said", [[], [INVOCATION, RESULT], [END_CALL]], ids=["nothing", "tools only", "end only"])
def test_an_agent_that_says_nothing_is_not_asked_again(stack, said):
    stack.agent("POST", "answers", answers=[said])
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [QUESTION])
    assert stack.statuses() == [("user", "unanswered", "empty_answer")]


def test_after_the_agent_ends_the_chat_the_next_question_opens_another(stack):
    assert ask(stack, "Good bye") < SOON
    assert ask(stack, QUESTION) < SOON
    assert [chat["status"] for chat in stack.agent("GET", "state")["chats"]] == ["ended", "ongoing"]
    assert stack.statuses() == DELIVERED * 2


# ── sending


@pytest.mark.parametrize("echo", ["with an echo", "without"])
def test_a_send_whose_answer_is_lost_is_not_repeated(stack, echo):
    stack.simulate("PUT", "faults", lose_send_answer=1, no_echo=echo == "without")
    assert ask(stack) < SOON
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    assert stack.statuses()[0] == ("user", "answered", None)
    assert stack.statuses()[1][1] in ("sent", "delivered")


def test_a_send_that_never_arrived_is_repeated_once(stack):
    stack.simulate("PUT", "faults", lose_send_request=1)
    assert ask(stack) < timedelta(seconds=30)
    assert (stack.received(), stack.statuses()) == ([ANSWER], DELIVERED)


REFUSALS = [
    ({"close_window": True}, "window_closed", None),
    ({"fail_sends": {"code": 551, "subcode": 1545041}}, "user_unavailable", None),
    ({"fail_sends": {"code": 190, "subcode": 460, "status": 401}}, "reconnect_needed", "reconnect_needed"),
    ({"fail_sends": {"code": 100, "subcode": 2534037}}, "other_app_in_control", None),
]


@pytest.mark.parametrize(
    ("faults", "code", "last_error"), REFUSALS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_an_answer_that_instagram_refuses_names_its_reason(stack, faults, code, last_error):
    stack.simulate("PUT", "faults", **faults)
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [QUESTION])
    assert [one[1:] for one in stack.statuses()] == [("unanswered", code), ("failed", code)]
    if last_error is not None:
        assert stack.call("GET", "status").json()["data"]["lastError"]["code"] == last_error


def test_a_rate_limit_of_instagram_is_waited_for(stack):
    stack.simulate("PUT", "faults", rate_limit={"code": 613, "times": 1, "regainMinutes": 1})
    assert timedelta(seconds=50) < ask(stack) < timedelta(minutes=3)
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])


# ── a person takes over


PICTURE = [{"type": "image", "payload": {"url": "https://lookaside.fbsbx.com/p.jpg"}}]


def take_over(stack, attachments=None):
    """Have a person at the business write in the Instagram app, and that stored."""
    if attachments is None:
        stack.type_in_app("I take this.")
    else:
        item = {"message": {"is_echo": True, "attachments": attachments}}
        item |= {"sender": {"id": ACCOUNT}, "recipient": {"id": USER}}
        stack.simulate("POST", "events", accountId=ACCOUNT, userId=USER, item=item)
    stack.take_in()


@pytest.mark.parametrize("attachments", [None, PICTURE], ids=["text", "picture"])
def test_a_person_who_takes_over_before_the_agent_is_asked_silences_it(stack, attachments):
    stack.write(QUESTION)
    stack.take_in()
    take_over(stack, attachments)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [])
    assert stack.statuses()[0] == ("user", "unanswered", "paused")


@pytest.mark.parametrize("attachments", [None, PICTURE], ids=["text", "picture"])
@pytest.mark.parametrize("after", [False, True], ids=["while it thinks", "as it answers"])
def test_a_person_who_takes_over_while_the_agent_thinks_is_not_talked_over(stack, attachments, after):
    stack.calls.interrupt("POST create-chat-completion", lambda: take_over(stack, attachments), after=after)
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [QUESTION])
    assert ("agent", "failed", "paused") in stack.statuses()


@pytest.mark.parametrize("attachments", [None, PICTURE], ids=["text", "picture"])
def test_a_person_who_takes_over_after_the_answer_silences_the_next(stack, attachments):
    ask(stack)
    take_over(stack, attachments)
    stack.write("And the menu?")
    stack.settle()
    assert (stack.received(), stack.questions()) == ([ANSWER], [QUESTION])
    stack.run_for(timedelta(hours=2))
    assert ask(stack, "Anybody?") < SOON
    assert "And the menu?" in stack.questions()[-1]


# ── the customer or the owner leaves


def test_a_customer_who_opts_out_while_the_agent_thinks_hears_nothing_more(stack):
    def opt_out():
        stack.write("STOP")
        stack.take_in()

    stack.calls.interrupt("POST create-chat-completion", opt_out)
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [QUESTION])


def test_an_agent_that_is_disconnected_while_it_thinks_says_nothing(stack):
    stack.calls.interrupt("POST create-chat-completion", lambda: stack.call("POST", "disconnect", {}))
    stack.write(QUESTION)
    stack.settle()
    assert (stack.received(), stack.questions()) == ([], [QUESTION])
    assert stack.statuses()[-1] == ("agent", "failed", "disconnected")


# ── a worker dies


def killed_at_each_call(stack, function):
    """Yield the number of each call that a function makes of one DM, and whether the worker dies before or after it.

    To die after a call is to die before the next one: nothing outside has changed in between.
    """
    stack.write(QUESTION)
    stack.settle()
    calls = len(stack.calls.steps[function])
    yield 0, False
    for at in range(calls):
        yield at, True


@pytest.mark.parametrize("function", ["ingest", "reply"])
def test_a_customer_waits_75_seconds_at_most_for_a_killed_worker(stack, function):
    waited = {}
    for number, (at, after) in enumerate(killed_at_each_call(stack, function)):
        user = str(2_000_000_000_000_000 + number)
        stack.simulate("POST", "users", userId=user)
        stack.calls.kill(function, at, after=after)
        mid = stack.write(f"{QUESTION} ({number})", user=user)
        stack.settle()
        assert stack.calls.has_killed, f"no worker died at call {at}"
        assert stack.received(user) == [ANSWER], (at, after, stack.statuses(user))
        asked = [question for question in stack.questions() if f"({number})" in question]
        assert len(asked) == 1, (at, after)
        assert stack.statuses(user)[0] == ("user", "answered", None)
        waited[at, after] = stack.waited_for(mid, user)
    assert max(waited.values()) <= AFTER_A_DEATH, waited
    assert len(waited) >= 8


def test_a_customer_who_writes_on_after_a_worker_died_does_not_wait_for_the_sweep(stack):
    ask(stack)
    stack.calls.kill("reply", stack.calls.steps["reply"].index("POST create-chat-completion"), after=True)
    mid = stack.write("And the menu?")
    stack.run_for(timedelta(seconds=4))
    assert stack.calls.has_killed
    stack.write("Hello?")
    stack.settle()
    assert stack.waited_for(mid) < timedelta(seconds=30)
    assert stack.questions() == [QUESTION, "And the menu?", "Hello?"]
