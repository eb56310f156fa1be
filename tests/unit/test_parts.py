"""The messages that carry an answer: `conversation.parts`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Chat, Message, MessageStatus, Role, Turn, TurnState
from connector.conversation.parts import MOST_PARTS, fallback_of, parts_of
from connector.instagram.limits import MAX_TEXT_BYTES
from tests.unit.payloads import ACCOUNT, USER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXCUSE = "Somebody will write to you."


def _chat(turn_id="t1", *messages):
    turn = Turn(turn_id, 1, TurnState.ASKING, NOW, 1, NOW)
    return Chat("c", ACCOUNT, USER, messages=messages, turn=turn)


def _texts(parts):
    return [part.text for part in parts]


def test_each_text_is_a_message_of_the_turn_that_waits_to_be_sent():
    first, second = parts_of(_chat(), ["One moment.", "We open at nine."], NOW, MAX_TEXT_BYTES)
    assert (first.text, second.text) == ("One moment.", "We open at nine.")
    assert first.created_at < second.created_at < NOW + timedelta(seconds=1), "the order in which they were said"
    for part in (first, second):
        assert (part.role, part.status, part.turn_id, part.mid) == (Role.AGENT, MessageStatus.PENDING, "t1", None)


def test_c7_a_turn_that_is_answered_twice_makes_messages_of_the_same_keys():
    """Whoever stores them a second time stores nothing new; those of another turn are others."""
    once, twice = (parts_of(_chat(), ["a", "b"], NOW + timedelta(n), MAX_TEXT_BYTES) for n in (0, 1))
    assert [part.key for part in once] == [part.key for part in twice]
    other = parts_of(_chat("t2"), ["a", "b"], NOW, MAX_TEXT_BYTES)
    assert len({part.key for part in [*once, *other]}) == 4


@pytest.mark.parametrize("texts", [[], [""], [" \n"], ["", " ", "\t"]])
def test_d8_an_answer_of_nothing_has_no_parts(texts):
    assert parts_of(_chat(), texts, NOW, MAX_TEXT_BYTES) == []


def test_an_answer_is_sent_as_instagram_shows_it_so_that_its_echo_says_the_same():
    assert _texts(parts_of(_chat(), ["  We open\n at nine. \n"], NOW, MAX_TEXT_BYTES)) == ["We open\n at nine."]


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        pytest.param(["x"] * 10, ["x"] * 10, id="ten"),
        pytest.param(["x"] * 11, [*["x"] * 9, "x…"], id="eleven"),
        pytest.param(["x"] * 5000, [*["x"] * 9, "x…"], id="five-thousand"),
        pytest.param(["y" * 60] * 11, [*["y" * 60] * 9, "y" * 57 + "…"], id="the-last-makes-room-for-the-dots"),
        pytest.param(["x " * 2000], None, id="one-endless-text"),
    ],
)
def test_d9_an_agent_that_finds_no_end_is_cut_off_after_ten_parts(texts, parts):
    told = _texts(parts_of(_chat(), texts, NOW, 60))
    assert len(told) == min(len(texts), MOST_PARTS) or len(texts) == 1
    assert parts is None or told == parts
    assert told[-1].endswith("…") is (len(texts) != 10)
    assert all(len(text.encode()) <= 60 for text in told)


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), max_size=14)


@given(TEXTS, st.integers(60, 200))
def test_d9_every_part_fits_is_not_empty_and_there_are_never_more_than_ten(texts, part_bytes):
    parts = parts_of(_chat(), texts, NOW, part_bytes)
    assert len(parts) <= MOST_PARTS
    assert all(0 < len(part.text.encode()) <= part_bytes for part in parts)
    assert all(part.text == part.text.strip() for part in parts)
    assert [part.created_at for part in parts] == sorted({part.created_at for part in parts})


@given(TEXTS, st.integers(60, 200))
def test_d9_nothing_is_left_out_where_ten_parts_are_enough(texts, part_bytes):
    parts = parts_of(_chat(), texts, NOW, part_bytes)
    if len(parts) < MOST_PARTS:
        assert "".join("".join(_texts(parts)).split()) == "".join("".join(texts).split())


# ── what is said in the agent's place


def _sent(key, role=Role.AGENT, turn_id="t0"):
    return Message(key, role, "…", MessageStatus.SENT, NOW, turn_id=turn_id)


def test_the_fallback_is_said_in_the_agents_place():
    (part,) = fallback_of(_chat(), EXCUSE, NOW, MAX_TEXT_BYTES)
    assert (part.text, part.role, part.status, part.turn_id) == (EXCUSE, Role.AGENT, MessageStatus.PENDING, "t1")


@pytest.mark.parametrize("text", ["", " "])
def test_a_deployment_without_a_fallback_says_nothing(text):
    assert fallback_of(_chat(), text, NOW, MAX_TEXT_BYTES) == []


def test_a_fallback_that_is_too_long_is_said_in_parts():
    parts = fallback_of(_chat(), "Sorry. " * 20, NOW, 60)
    assert len(parts) > 1
    assert all(len(part.text.encode()) <= 60 for part in parts)


def test_who_has_just_been_told_is_not_told_again_until_the_agent_has_spoken():
    said = fallback_of(_chat("t0"), EXCUSE, NOW, MAX_TEXT_BYTES)
    question = replace(_sent("mid:a"), role=Role.USER, turn_id="t1")
    assert fallback_of(_chat("t1", *said, question), EXCUSE, NOW, MAX_TEXT_BYTES) == []
    a_person = _sent("sent:1", Role.HUMAN)
    assert fallback_of(_chat("t1", *said, a_person, question), EXCUSE, NOW, MAX_TEXT_BYTES) == []
    the_agent = _sent("turn:t0b:0")
    assert _texts(fallback_of(_chat("t1", *said, the_agent, question), EXCUSE, NOW, MAX_TEXT_BYTES)) == [EXCUSE]


def test_the_fallback_of_several_parts_counts_as_said_too():
    said = fallback_of(_chat("t0"), "Sorry. " * 20, NOW, 60)
    assert fallback_of(_chat("t1", *said), EXCUSE, NOW, MAX_TEXT_BYTES) == []
