"""When a conversation looks like one of two machines: `conversation.policy.is_loop`. (Who may write: `test_judge`.)"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Chat, Message, MessageStatus, Role
from connector.conversation.policy import is_loop
from tests.unit.payloads import ACCOUNT, USER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = "I am out of the office until Monday."
SHORT = "yes"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def _message(turn_id, text, at, role=Role.USER):
    return Message(f"{role}:{turn_id}:{at}", role, text, MessageStatus.ANSWERED, at, turn_id=turn_id)


def _chat(*messages):
    return Chat("c", ACCOUNT, USER, messages=tuple(sorted(messages, key=lambda one: one.created_at)))


def _said(*texts, every=MINUTE, until=NOW):
    """Return a chat in which the customer said these, each in a turn of its own, the last of them just now."""
    first = until - every * (len(texts) - 1)
    return _chat(*(_message(f"t{number}", text, first + every * number) for number, text in enumerate(texts)))


def _is_loop(chat, moment=NOW):
    """Judge the turn of the newest message."""
    return is_loop(chat, chat.messages[-1].turn_id, moment)


@pytest.mark.parametrize(
    ("texts", "loops"),
    [
        pytest.param([LONG] * 2, False, id="twice-may-be-a-mistake"),
        pytest.param([LONG] * 3, True, id="a-sentence-three-times"),
        pytest.param([LONG] * 4, True, id="and-again"),
        pytest.param([LONG, LONG, "no", LONG], False, id="with-something-else-between"),
        pytest.param(["no", LONG, LONG, LONG], True, id="after-something-else"),
        pytest.param([LONG, LONG, LONG.upper()], False, id="not-the-same"),
        pytest.param([f" {LONG}", LONG, f"{LONG}\n"], True, id="the-same-but-for-blanks"),
        pytest.param([SHORT] * 5, False, id="yes-five-times"),
        pytest.param([SHORT] * 6, True, id="yes-six-times"),
        pytest.param(["x" * 20] * 5, False, id="20-characters-are-short"),
        pytest.param(["x" * 21] * 3, True, id="21-are-not"),
        pytest.param([None] * 9, False, id="pictures-are-not-compared"),
        pytest.param([" "] * 9, False, id="nor-is-nothing"),
    ],
)
def test_e11_the_same_again_and_again_is_a_loop(texts, loops):
    assert _is_loop(_said(*texts, every=SECOND * 10)) is loops


def test_e11_what_is_said_in_several_messages_of_one_turn_is_compared_as_one():
    def turn(number):
        at = NOW - MINUTE * (3 - number)
        return [
            _message(f"t{number}", text, at + SECOND * index) for index, text in enumerate(("Out of office.", LONG))
        ]

    assert is_loop(_chat(*turn(1), *turn(2), *turn(3)), "t3", NOW)
    same_in_one = _chat(*(_message("t1", LONG, NOW - SECOND * number) for number in range(9)))
    assert not is_loop(same_in_one, "t1", NOW), "a customer who sends everything thrice is answered once"


@pytest.mark.parametrize(("every", "loops"), [(MINUTE * 4.9, True), (MINUTE * 5, False), (MINUTE * 60, False)])
def test_e11_the_same_over_more_than_ten_minutes_is_no_loop(every, loops):
    """Who asks the same each hour wants to know."""
    assert _is_loop(_said(LONG, LONG, LONG, every=every)) is loops


def test_what_waited_so_long_that_it_is_old_itself_is_no_loop():
    chat = _said(LONG, LONG, LONG, until=NOW - MINUTE * 20)
    assert not _is_loop(chat)


def _answers(turns, *, age=SECOND, parts=1):
    """Return what the agent said in so many turns, the newest of it `age` ago."""
    return [
        _message(f"t{number}", "Sure!", NOW - age - SECOND * 0.1 * part, Role.AGENT)
        for number in range(turns)
        for part in range(parts)
    ]


@pytest.mark.parametrize(
    ("answers", "loops"),
    [
        pytest.param(_answers(9), False, id="nine"),
        pytest.param(_answers(10), True, id="ten"),
        pytest.param(_answers(9, parts=10), False, id="nine-of-many-parts"),
        pytest.param(_answers(30, age=MINUTE), False, id="a-minute-ago"),
    ],
)
def test_e11_ten_answers_within_a_minute_are_a_loop(answers, loops):
    chat = _chat(*answers, _message("now", "and now?", NOW))
    assert is_loop(chat, "now", NOW) is loops


def test_a_turn_does_not_count_what_it_has_itself_answered():
    """A worker that comes back to a turn finds its own parts."""
    chat = _chat(*_answers(10), _message("t3", "and now?", NOW))
    assert not is_loop(chat, "t3", NOW)


WORDS = st.sampled_from([LONG, LONG + "!", SHORT, "no", None])


@given(st.lists(WORDS, min_size=1, max_size=12))
def test_e11_it_is_a_loop_if_and_only_if_the_last_few_said_the_same(texts):
    chat = _said(*texts, every=SECOND * 7)
    last = texts[-1] or ""
    few = 3 if len(last) > 20 else 6
    assert _is_loop(chat) is (last != "" and len(texts) >= few and set(texts[-few:]) == {last})


@given(st.lists(WORDS, max_size=8), st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_conversation_nobody_has_said_anything_new_in_is_judged_without_failing(texts, later):
    chat = _said(*texts) if texts else Chat("c", ACCOUNT, USER)
    assert is_loop(chat, "another", NOW + later) is False
