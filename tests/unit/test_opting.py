"""Opting out and back by a word: `conversation.opting`."""

import pytest

from connector.conversation.opting import OptingWords

WORDS = OptingWords.of("stop, Unsubscribe,ОТПИСАТЬСЯ, stop promoting", "start,  ")


@pytest.mark.parametrize(
    "text",
    ["stop", "STOP", " Stop. ", "“stop”", "stop!!!", "unsubscribe", "отписаться", "Stop promoting", "🛑 stop 🛑"],
)
def test_a_word_alone_is_a_wish_whatever_its_case_and_the_marks_around_it(text):
    assert WORDS.wish_in(text) is True


def test_the_word_that_takes_it_back_is_another_wish():
    assert WORDS.wish_in("Start!") is False


@pytest.mark.parametrize(
    "text", [None, "", "  ", "!", "please stop", "stop it", "stopp", "when do you start?", "s t o p"]
)
def test_anything_else_is_no_wish(text):
    assert WORDS.wish_in(text) is None


def test_a_deployment_may_have_no_such_words():
    assert OptingWords.of("", "").wish_in("stop") is None
    assert OptingWords.of(" , ", "").wish_in("") is None
