"""Cutting an answer into parts that Instagram takes: `conversation.text`."""

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from connector.conversation.text import split

PIECES = [
    "a", "word ", "Sentence. ", "Frage? ", "\n", "\n\n", "\r\n", "\t", "  ", "…", "!”", "'»",
    "ä", "Жы", "שלום ", "مرحبا ", "नमस्ते ", "ক্ষ", "ภาษาไทย", "안녕하세요", "한", "你好。", "日本語！",
    "e\u0301", "\u0301", ".\u0301", " \u0301", "\n\u0301", "a\u0300\u0301\u0302", "\u200d", "\ufe0f", "\u200b",
    "👋", "👋🏽", "👩‍👩‍👧‍👦", "❤️", "🇪🇸", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "https://example.com/a?b=c ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=60).map("".join)
LIMITS = st.integers(60, 200) | st.just(1000)


def _graphemes(text):
    return regex.findall(r"\X", text)


def _storable(text):
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


@given(TEXTS.filter(_storable), LIMITS)
def test_d9_joining_the_parts_gives_the_text_back(text, limit):
    assert "".join(split(text, limit)) == text


@given(TEXTS.filter(_storable), st.integers(4, 200))
def test_d9_every_part_fits_and_none_is_empty(text, limit):
    assert all(0 < len(part.encode()) <= limit for part in split(text, limit))


@given(TEXTS.filter(_storable), LIMITS)
@example("x" * 30 + ".\u0301" + "y" * 60, 60)
@example("x" * 30 + " \u0301" + "y" * 60, 60)
@example("👩‍👩‍👧‍👦" * 50, 1000)
@example("🇪🇸" * 200, 1000)
def test_d9_no_part_cuts_through_what_a_reader_sees_as_one_character(text, limit):
    """Characters of more than the limit are nobody's writing; they are cut at code points."""
    if any(len(one.encode()) > limit for one in _graphemes(text)):
        return
    assert [one for part in split(text, limit) for one in _graphemes(part)] == _graphemes(text)


@given(TEXTS.filter(_storable), LIMITS)
def test_no_more_parts_than_three_times_the_fewest_possible(text, limit):
    parts = split(text, limit)
    if any(len(one.encode()) > 40 for one in _graphemes(text)):
        return
    assert len(parts) <= 3 * (len(text.encode()) // (limit - 40) + 1) + 1


def test_a_text_that_fits_is_one_part_to_the_byte():
    assert split("", 1000) == ()
    assert split("x" * 1000, 1000) == ("x" * 1000,)
    assert split("Ж" * 500, 1000) == ("Ж" * 500,)
    assert [len(part) for part in split("Ж" * 501, 1000)] == [500, 1]


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        pytest.param("One two. Three four. Five", 14, ("One two. ", "Three four. ", "Five"), id="sentence"),
        pytest.param("Eins zwei drei vier fünf", 17, ("Eins zwei drei ", "vier fünf"), id="word"),
        pytest.param("Ein Satz. Zwei\nDrei. vier", 22, ("Ein Satz. Zwei\n", "Drei. vier"), id="line"),
        pytest.param("Eins.\n\nZwei. Drei.", 16, ("Eins.\n\n", "Zwei. Drei."), id="paragraph"),
        pytest.param("你好。再见。谢谢。", 12, ("你好。", "再见。", "谢谢。"), id="chinese"),
        pytest.param("x" * 45, 20, ("x" * 20, "x" * 20, "x" * 5), id="nothing-to-cut-at"),
    ],
)
def test_a_cut_is_made_where_it_reads_best(text, limit, parts):
    assert split(text, limit) == parts


def test_a_border_in_the_first_third_is_no_reason_for_a_short_part():
    assert split("Yes. " + "x" * 40, 30) == ("Yes. " + "x" * 25, "x" * 15)


def test_a_single_character_larger_than_the_limit_is_cut_at_code_points():
    monster = "a" + "\u0301" * 100
    parts = split(monster, 60)
    assert "".join(parts) == monster
    assert all(len(part.encode()) <= 60 for part in parts)


def test_a_very_long_text_is_cut_in_reasonable_time():
    text = "Мы открыты с девяти. " * 20_000
    assert "".join(split(text, 1000)) == text
