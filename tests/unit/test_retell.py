"""Retell's chat API: `agents.retell`, against a real server."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.agents.answers import Answer, Transcript
from connector.agents.retell import Retell, RetellChats
from connector.errors import OutcomeUnknown, OutsideError, Refused, SessionEnded, TryLater
from tests.unit import peer as behaviour


@pytest.fixture
def retell(other_side):
    return Retell(other_side.url, "key_test", "agent_1")


def _error(message="no"):
    return {"status": "error", "message": message}


def _said(*messages):
    return behaviour.answer({"messages": list(messages)}, 201)


def _agent(content, **fields):
    return {"message_id": "m", "role": "agent", "content": content, "created_timestamp": 1703302428855, **fields}


def test_a_chat_is_opened_with_the_agent_and_what_its_prompt_needs(retell, other_side):
    other_side.behave = behaviour.answer({"chat_id": "chat_1", "chat_status": "ongoing"}, 201)
    assert retell.open({"channel": "instagram"}, {"userId": "1"}) == "chat_1"
    (request,) = other_side.requests
    assert (request.method, request.path, request.headers["authorization"]) == (
        "POST",
        "/create-chat",
        "Bearer key_test",
    )
    assert request.json == {
        "agent_id": "agent_1",
        "metadata": {"userId": "1"},
        "retell_llm_dynamic_variables": {"channel": "instagram"},
    }


def test_a_question_is_asked_in_its_chat_and_the_answer_is_what_the_agent_says(retell, other_side):
    other_side.behave = _said(_agent("We open at nine."))
    assert retell.ask("chat_1", "When?") == Answer(("We open at nine.",), ends_session=False)
    (request,) = other_side.requests
    assert (request.path, request.json) == ("/create-chat-completion", {"chat_id": "chat_1", "content": "When?"})


def test_only_what_the_agent_says_is_for_the_customer(retell, other_side):
    other_side.behave = _said(
        _agent("One moment, please."),
        {"role": "tool_call_invocation", "name": "look_up", "arguments": '{"customer": "other"}'},
        {"role": "tool_call_result", "content": "internal"},
        {"role": "node_transition"},
        {"role": "user", "content": "When?"},
        {"role": "injected", "content": "internal"},
        {"role": "of tomorrow", "content": "internal"},
        _agent("  We open at nine. \n"),
    )
    assert retell.ask("chat_1", "When?").texts == ("One moment, please.", "We open at nine.")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [_agent("")],
        [_agent(" \n")],
        [_agent(None)],
        [{"role": "agent"}],
        [5, None, "x"],
        [{"role": "tool_call_result", "content": "x"}],
    ],
)
def test_d8_an_agent_that_says_nothing_has_said_nothing(retell, other_side, messages):
    other_side.behave = _said(*messages)
    assert retell.ask("chat_1", "hi").texts == ()


@pytest.mark.parametrize("content", ["half \ud800 a pair", "\udfff", "nul \0 nul", "\u202e rtl", "👩‍👩‍👧‍👦"])
def test_d10_what_the_agent_says_can_be_written_as_utf8(retell, other_side, content):
    """JSON may hold half a surrogate pair; nothing after this could send or store it."""
    other_side.behave = behaviour.answer(json.dumps({"messages": [_agent(content)]}).encode("ascii"), 201)
    for text in retell.ask("chat_1", "hi").texts:
        text.encode()


# ── the agent closes the conversation


@pytest.mark.parametrize(
    ("entry", "ends"),
    [
        pytest.param({"role": "tool_call_invocation", "name": "end_call", "arguments": "{}"}, True, id="by-its-name"),
        pytest.param({"role": "tool_call_invocation", "name": "goodbye", "type": "end_call"}, True, id="by-its-type"),
        pytest.param({"role": "tool_call_invocation", "name": "look_up", "type": "custom"}, False, id="another-tool"),
        pytest.param({"role": "tool_call_invocation", "name": ["end_call"]}, False, id="no-name"),
        pytest.param({"role": "tool_call_result", "name": "end_call", "content": "end_call"}, False, id="a-result"),
        pytest.param({"role": "agent", "content": "end_call"}, False, id="words"),
        pytest.param({"role": "user", "type": "end_call", "content": "end_call"}, False, id="the-customers-words"),
    ],
)
def test_an_agent_that_calls_the_tool_that_ends_the_chat_has_ended_it(retell, other_side, entry, ends):
    other_side.behave = _said(_agent("Goodbye!"), entry)
    assert retell.ask("chat_1", "bye").ends_session is ends


def test_an_agent_may_end_the_chat_without_a_word(retell, other_side):
    other_side.behave = _said({"role": "tool_call_invocation", "name": "end_call"})
    assert retell.ask("chat_1", "bye") == Answer((), ends_session=True)


ENDED = [
    (400, "Chat already ended"),
    (400, "chat is not ongoing"),
    (400, "This chat has been closed"),
    (404, "The requested resource was not found."),
    (422, "Cannot find requested asset under given api key."),
    (400, "Chat chat_98c1a2157aa0559144d67bb0729 has already ended."),
    (400, "The conversation is over."),
    (409, "Session chat_98c1a2157aa0559144d67bb0729 is no longer active"),
    (409, "Cannot write to an ended chat"),
    (408, "The chat has timed out"),
    (400, "This chat is already over"),
    (400, "chat_status is ended"),
]


@pytest.mark.parametrize(("status", "message"), ENDED)
def test_d6_a_chat_that_is_over_or_gone_is_told_apart_because_nothing_was_said_in_it(
    retell, other_side, status, message
):
    other_side.behave = behaviour.answer(_error(message), status)
    with pytest.raises(SessionEnded):
        retell.ask("chat_1", "hi")


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Chat already ended"},
        {"error_message": "Chat already ended"},
        {"error": {"message": "Chat already ended"}},
        {"message": None, "error": "x", "detail": "chat is not ongoing"},
    ],
    ids=str,
)
def test_d6_an_ended_chat_is_understood_wherever_its_words_stand(retell, other_side, body):
    other_side.behave = behaviour.answer(body, 400)
    with pytest.raises(SessionEnded):
        retell.ask("chat_1", "hi")


@pytest.mark.parametrize("status", [400, 409, 410, 418])
@pytest.mark.parametrize("is_over", [False, True], ids=["ongoing", "ended"])
def test_d6_a_refusal_that_does_not_say_why_is_told_apart_by_the_chat(retell, other_side, status, is_over):
    def behave(handler):
        is_read = other_side.requests[-1].method == "GET"
        chat = {"chat_id": "chat_1", "chat_status": "ended" if is_over else "ongoing"}
        behaviour.answer(chat if is_read else {"message": "No."}, 200 if is_read else status)(handler)

    other_side.behave = behave
    with pytest.raises(SessionEnded if is_over else Refused if status != 409 else TryLater):
        retell.ask("chat_1", "hi")


@pytest.mark.parametrize("status", [408, 409, 425])
def test_d1_an_agent_that_is_busy_is_asked_later(retell, other_side, status):
    other_side.behave = behaviour.answer({"message": "Resource update conflict."}, status)
    with pytest.raises(TryLater):
        retell.ask("chat_1", "hi")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "agent_refused"),
        (401, "agent_key_refused"),
        (402, "agent_unpaid"),
        (403, "agent_key_refused"),
        (413, "agent_refused"),
    ],
)
def test_d5_a_refusal_is_for_good_and_says_why(retell, other_side, status, code):
    other_side.behave = behaviour.answer(_error("Invalid request format, please check API reference."), status)
    for call in (lambda: retell.ask("chat_1", "hi"), lambda: retell.open({}, {})):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.code == code
        assert "Invalid request format" not in refusal.value.message


@pytest.mark.parametrize("status", [404, 422])
def test_an_agent_that_retell_does_not_know_is_refused(retell, other_side, status):
    other_side.behave = behaviour.answer(_error("Item agent_1 not found from agent"), status)
    with pytest.raises(Refused) as refusal:
        retell.open({}, {})
    assert refusal.value.code == "agent_not_found"


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (None, 1, 60),
        ("0", 1, 60),
        ("1000000000", 300, 300),
        ("9" * 5000, 1, 300),
        ("-5", 1, 60),
        ("soon", 1, 60),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1, 300),
        ("٣", 1, 60),
    ],
)
def test_d3_a_limited_rate_is_tried_later_by_as_much_as_retell_says_within_reason(
    retell, other_side, header, least, most
):
    headers = {"Retry-After": header.encode().decode("latin-1")} if header else {}
    other_side.behave = behaviour.answer(_error("Account rate limited"), 429, headers)
    with pytest.raises(TryLater) as later:
        retell.ask("chat_1", "hi")
    assert least <= later.value.after_seconds <= most


@pytest.mark.parametrize(
    "how",
    [
        behaviour.answer(_error("An unexpected server error occurred."), 500),
        behaviour.answer(b"<html>", 502),
        behaviour.answer(b"", 503),
        behaviour.answer(b"", 504),
        behaviour.answer(b"", 302, {"Location": "https://elsewhere.invalid/"}),
        behaviour.answer({"chat_id": "x"}, 201),
        behaviour.answer(b"not json", 201),
        behaviour.answer({"messages": None}, 201),
        behaviour.reset,
        behaviour.close,
        behaviour.truncate,
    ],
    ids=["500", "502", "503", "504", "redirect", "no-messages", "no-json", "null", "reset", "closed", "truncated"],
)
def test_d2_d4_d11_an_answer_that_was_lost_is_unknown_and_the_question_is_not_asked_again(retell, other_side, how):
    """A completion is neither idempotent nor free."""
    other_side.behave = how
    with pytest.raises(OutcomeUnknown):
        retell.ask("chat_1", "hi")
    assert len(other_side.requests) == 1


@pytest.mark.parametrize(
    "how",
    [behaviour.answer(_error(), 500), behaviour.answer({}, 201), behaviour.reset, behaviour.truncate],
    ids=["500", "no-chat-id", "reset", "truncated"],
)
def test_a_chat_whose_opening_was_lost_is_opened_again_later(retell, other_side, how):
    other_side.behave = how
    with pytest.raises(TryLater):
        retell.open({}, {})


def test_d1_a_retell_that_cannot_be_reached_is_tried_later():
    retell = Retell(behaviour.nobody(), "key_test", "agent_1")
    for call in (
        lambda: retell.open({}, {}),
        lambda: retell.ask("chat_1", "hi"),
        lambda: retell.transcript("chat_1"),
    ):
        with pytest.raises(TryLater):
            call()


# ── what a chat holds


def _user(content):
    return {"message_id": "m", "role": "user", "content": content, "created_timestamp": 1703302428855}


def _holds(*messages, status="ongoing"):
    return behaviour.answer({"chat_id": "chat_1", "chat_status": status, "message_with_tool_calls": list(messages)})


CALL = {"role": "tool_call_invocation", "tool_call_id": "t", "name": "look_up", "type": "custom", "arguments": "{}"}
RESULT = {"role": "tool_call_result", "tool_call_id": "t", "content": '{"in_stock":true}'}
MOVE = {"role": "node_transition", "new_node_name": "Counter"}
END = {"role": "tool_call_invocation", "tool_call_id": "t", "name": "end_call", "arguments": "{}"}
ANSWERED = Answer(("Yes.",))


def test_a_transcript_is_read_from_its_chat_and_changes_nothing(retell, other_side):
    other_side.behave = _holds(_user("hi"), _agent("Yes."))
    assert retell.transcript("chat_1") == Transcript(1, ANSWERED, is_over=False)
    (request,) = other_side.requests
    assert (request.method, request.path, request.body) == ("GET", "/get-chat/chat_1", b"")
    assert request.headers["authorization"] == "Bearer key_test"


@pytest.mark.parametrize(
    ("messages", "questions", "answer"),
    [
        pytest.param([], 0, None, id="nobody-has-spoken"),
        pytest.param([_agent("Welcome!")], 0, None, id="the-agent-has-greeted"),
        pytest.param([_user("a")], 1, None, id="it-thinks"),
        pytest.param([_user("a"), _agent("Yes.")], 1, ANSWERED, id="it-has-answered"),
        pytest.param([_user("a"), _agent("No."), _user("b")], 2, None, id="it-thinks-about-the-second"),
        pytest.param([_user("a"), _agent("No."), _user("b"), _agent("Yes.")], 2, ANSWERED, id="it-has-answered-both"),
        pytest.param([_user("a"), _agent("One moment."), CALL], 1, None, id="a-tool-is-at-work"),
        pytest.param(
            [_user("a"), _agent("One moment."), CALL, RESULT, MOVE, _agent("Yes.")],
            1,
            Answer(("One moment.", "Yes.")),
            id="it-has-answered-after-a-tool",
        ),
        pytest.param([_user("a"), _agent("Yes."), MOVE], 1, ANSWERED, id="it-has-moved-on-within-its-flow"),
        pytest.param([_user("a"), _agent("Yes."), END], 1, Answer(("Yes.",), ends_session=True), id="it-ends-the-chat"),
        pytest.param([_user("a"), END], 1, Answer((), ends_session=True), id="it-ends-the-chat-without-a-word"),
        pytest.param([_user("a"), _agent("x"), END, _user("b")], 2, None, id="what-ended-was-another-question"),
        pytest.param([_user("a"), 5, None, "x", _agent("Yes.")], 1, ANSWERED, id="with-what-nobody-has-announced"),
        pytest.param([_user(None), _agent(" Yes. ")], 1, ANSWERED, id="a-question-without-words"),
    ],
)
def test_c4_c5_a_transcript_tells_how_often_the_customer_spoke_and_what_was_answered_last(
    retell, other_side, messages, questions, answer
):
    other_side.behave = _holds(*messages)
    assert retell.transcript("chat_1") == Transcript(questions, answer, is_over=False)


@pytest.mark.parametrize(
    ("messages", "so_far"),
    [
        ([_user("a"), CALL, RESULT], Answer(())),
        ([_user("a"), _agent("Yes."), CALL, RESULT], ANSWERED),
        ([_user("a"), MOVE], Answer(())),
    ],
    ids=["a-tool-is-done", "a-tool-is-done-after-words", "it-has-only-moved"],
)
def test_c5_a_transcript_tells_what_was_said_so_far_and_when(retell, other_side, messages, so_far):
    other_side.behave = _holds(*messages)
    assert retell.transcript("chat_1") == Transcript(1, None, is_over=False, so_far=so_far)
    other_side.behave = _holds(*messages[:-1], messages[-1] | {"created_timestamp": 1703302428855})
    assert retell.transcript("chat_1").newest_at == datetime(2023, 12, 23, 3, 33, 48, 855000, UTC)


@pytest.mark.parametrize("status", ["ended", "error"])
@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        pytest.param([_user("a"), _agent("Yes.")], ANSWERED, id="answered"),
        pytest.param([_user("a"), _agent("Yes."), CALL], ANSWERED, id="in-the-middle-of-a-tool"),
        pytest.param([_user("a")], None, id="before-it-answered"),
        pytest.param([_user("a"), CALL, RESULT], Answer(()), id="without-a-word"),
        pytest.param([_user("a"), END], Answer((), ends_session=True), id="ended-by-the-agent-without-a-word"),
    ],
)
def test_c5_of_a_chat_that_is_over_nothing_more_will_come(retell, other_side, messages, answer, status):
    other_side.behave = _holds(*messages, status=status)
    assert retell.transcript("chat_1") == Transcript(1, answer, is_over=True)


@pytest.mark.parametrize("held", [{}, {"message_with_tool_calls": None}, {"message_with_tool_calls": "x"}, []])
def test_c5_an_agent_that_keeps_no_transcripts_does_not_tell(retell, other_side, held):
    """`data_storage_setting: basic_attributes_only`: nobody may conclude that nothing was asked."""
    other_side.behave = behaviour.answer(held)
    assert retell.transcript("chat_1") == Transcript(None, None, is_over=False)


@pytest.mark.parametrize("status", [404, 422])
def test_c5_retells_404_and_422_end_the_session(retell, other_side, status):
    other_side.behave = behaviour.answer(_error(), status)
    with pytest.raises(SessionEnded):
        retell.transcript("chat_1")


@pytest.mark.parametrize(
    "how",
    [behaviour.answer(_error(), 500), behaviour.answer(b"<html>", 502), behaviour.reset, behaviour.truncate],
    ids=["500", "502", "reset", "truncated"],
)
def test_c5_a_transcript_that_cannot_be_read_now_is_read_later(retell, other_side, how):
    """Reading changes nothing, so no outcome is unknown."""
    other_side.behave = how
    with pytest.raises(TryLater):
        retell.transcript("chat_1")


def test_c5_a_transcript_that_the_key_may_not_read_is_refused(retell, other_side):
    other_side.behave = behaviour.answer(_error(), 401)
    with pytest.raises(Refused):
        retell.transcript("chat_1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "message_with_tool_calls", "role", "content", "type", "name", "message", "error_message"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, st.sampled_from([200, 201, 400, 404, 429, 500]))
def test_no_answer_of_retells_raises_anything_but_what_it_means(retell, other_side, body, status):
    other_side.behave = behaviour.answer(body, status)
    with suppress(OutsideError):
        assert all(text.strip() for text in retell.ask("chat_1", "hi").texts)
    with suppress(OutsideError):
        answer = retell.transcript("chat_1").answer
        assert answer is None or all(text.strip() for text in answer.texts)


# ── deleting a chat


def _page(status):
    def behave(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"<p/>")

    return behave


def _delete(other_side, chat_id="chat_1"):
    return RetellChats(other_side.url, "key_test").delete(chat_id)


def test_a_chat_is_deleted_by_its_id_under_the_key(other_side):
    other_side.behave = behaviour.answer({}, 204)
    assert _delete(other_side)
    (request,) = other_side.requests
    assert (request.method, request.path) == ("DELETE", "/delete-chat/chat_1")
    assert request.headers["authorization"] == "Bearer key_test"


@pytest.mark.parametrize("status", [404, 422])
def test_a_chat_that_retell_does_not_have_is_not_deleted(other_side, status):
    other_side.behave = behaviour.answer({"status": "error", "message": "Cannot find requested asset"}, status)
    assert not _delete(other_side)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Refused, "agent_refused"),
        (401, Refused, "agent_key_refused"),
        (402, Refused, "agent_unpaid"),
        (403, Refused, "agent_key_refused"),
        (409, TryLater, "try_later"),
        (429, TryLater, "try_later"),
        (500, TryLater, "try_later"),
        (503, TryLater, "try_later"),
    ],
)
def test_a_refused_deletion_is_told_by_its_kind(other_side, status, kind, code):
    other_side.behave = behaviour.answer({"status": "error", "message": "no"}, status)
    with pytest.raises(kind) as refused:
        _delete(other_side)
    assert refused.value.code == code


@pytest.mark.parametrize("status", [404, 422])
def test_a_proxys_error_page_does_not_confirm_a_deletion(other_side, status):
    other_side.behave = _page(status)
    with pytest.raises(TryLater):
        _delete(other_side)


def test_a_lost_answer_to_a_deletion_is_tried_again(other_side):
    other_side.behave = behaviour.reset
    with pytest.raises(TryLater):
        _delete(other_side)


@pytest.mark.parametrize("chat_id", ["", ".", "..", "...", "a b", "a\n", "\u0661", "x" * 257, "\ud800", "a\0"])
def test_an_invalid_chat_id_causes_no_call(other_side, chat_id):
    assert not _delete(other_side, chat_id)
    assert other_side.requests == []


def test_discarding_a_chat_tells_no_failure(other_side):
    other_side.behave = behaviour.answer({"status": "error", "message": "no"}, 500)
    Retell(other_side.url, "key_test", "agent_1").discard("chat_1")
    assert [one.method for one in other_side.requests] == ["DELETE"]
