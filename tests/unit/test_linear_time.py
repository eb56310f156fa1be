"""A customer's text takes time in proportion to its length, whatever it says.

SQS carries 1 MiB. A function whose time grows with the square of that keeps one worker from everybody's events.
"""

import time

import pytest

from connector import search
from connector.conversation import marking
from connector.conversation.opting import OptingWords
from connector.conversation.text import split
from connector.instagram import signed_requests
from connector.instagram.signatures import is_form
from connector.logs import _SECRET
from connector.untrusted import clean

SHORT, LONG = 20_000, 320_000  # characters; the longer one in escaped unicode nearly fills a message
FACTOR = LONG // SHORT
TOLERANCE = 4  # times a proportional growth; quadratic time would be 16 times that

OPTING = OptingWords.of("stop", "start")
FUNCTIONS = {
    "opting": OPTING.wish_in,
    "search.words": search.words,
    "search.beginnings": search.beginnings,
    "search.has": lambda text: search.has(text, ("stop",)),
    "split": lambda text: split(text, 1000),
    "clean": clean,
    "neutral": marking.neutral,
    "one line": marking.one_line,
    "redaction": lambda text: _SECRET.sub("", text),
    "signature": is_form,
    "signed request": lambda text: signed_requests.is_signed(text, ["s" * 32]),
}
TEXTS = {
    "blanks inside": lambda length: "a" + " " * (length - 2) + "a",
    "marks inside": lambda length: "a" + "!" * (length - 2) + "a",
    "blanks": lambda length: " " * length,
    "words": lambda length: "ab " * (length // 3),
    "one word": lambda length: "a" * length,
    "accents": lambda length: "a" + "\u0301" * (length - 1),
    "joined emoji": lambda length: "👩\u200d" * (length // 2),
    "lines": lambda length: "\n \n" * (length // 3),
    "tokens": lambda length: "eyJ" * (length // 3),
    "links": lambda length: "http://[" * (length // 8),
    "brackets after a link": lambda length: "http://" + "]" * (length - 7),
    "braces": lambda length: "{" * length,
    "dots": lambda length: "." * length,
    "unspaced": lambda length: "字" * length,
}


def _seconds(function, text):
    """Return the shortest of a few runs: a busy machine only makes them longer."""
    times = []
    for _ in range(3):
        began = time.process_time()
        function(text)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_time_grows_in_proportion_to_the_text(function, text):
    short = max(_seconds(function, text(SHORT)), 0.0005)
    assert _seconds(function, text(LONG)) < TOLERANCE * FACTOR * short
