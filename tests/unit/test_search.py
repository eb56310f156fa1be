"""What a text is found by: `search`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.search import MOST_BEGINNINGS, beginning, beginnings, has, words


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("hello", "Oh HELLO there"),
        ("hel", "Oh HELLO there"),
        ("there oh", "Oh HELLO there"),
        ("delivery", "About my deliveryman"),
        ("STRASSE", "Straße 5"),
        ("café", "CAFE\u0301"),
        ("привет", "Привет 👋"),
        ("ok", "ok, thanks"),
        ("don't", "I don’t know"),
        ("(a+)+$", "what is (A+)+$?"),
        ("ﬁn", "the FINE"),
        ("555-123", "call (555) 1234567"),
        ("दुनि", "नमस्ते दुनिया"),
        ("开门", "请问几点开门？"),
        ("几点开门", "请问几点开门？"),
        ("開", "営業開始"),
        ("ครับ", "สวัสดีครับ"),
        ("手机 iphone", "我的iPhone手机"),
        ("안녕", "안녕하세요"),
    ],
)
def test_h11_a_text_is_found_by_how_its_words_begin_in_any_case_and_is_no_pattern(asked, text):
    """Nothing that anybody asks for is ever run as a pattern."""
    assert has(text, words(asked))
    assert not has("something else", words(asked))
    assert all(beginning(word) in beginnings(text) for word in words(asked))


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("pen", "open"),
        ("he", "hello"),
        ("hello you", "hello there"),
        ("openings", "opening"),
        ("门开", "请问几点开门？"),
        ("ß", "s"),
    ],
)
def test_a_text_is_not_found_by_what_its_words_do_not_begin_with(asked, text):
    assert not has(text, words(asked))


TEXTS = st.text(st.sampled_from("abcdefghАбé 手机开门ครั9_-.’\ufe0f\u0301"), max_size=40) | st.text(max_size=40)


@given(TEXTS, TEXTS)
def test_what_a_text_has_the_index_knows(text, asked):
    wanted = words(asked)
    if wanted and has(text, wanted):
        assert {beginning(word) for word in wanted} <= set(beginnings(text))


@given(TEXTS)
def test_a_text_has_its_own_words_and_all_that_they_begin_with(text):
    assert has(text, words(text))
    assert all(has(text, words(one)) for one in beginnings(text) if words(one) == (one,))


@given(st.text(max_size=3000))
def test_a_text_has_no_more_beginnings_than_an_index_should_hold(text):
    found = beginnings(text)
    assert len(found) == len(set(found)) <= MOST_BEGINNINGS
    assert all(0 < len(one) <= 6 for one in found)


def test_a_text_as_long_as_instagram_takes_is_known_whole():
    for letter in ("x", "п", "字"):
        distinct = "".join(chr(ord(letter) + number) for number in range(1000 // len(letter.encode())))
        assert len(beginnings(distinct.encode()[:1000].decode(errors="ignore"))) < MOST_BEGINNINGS
