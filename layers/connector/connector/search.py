"""What a text is found by: how its words begin, whatever the case, and however its accents were typed.

MongoDB's own text index cannot answer in the order of time. An ordinary index over beginnings of words can: whoever
looks for a word asks it for the one beginning that stands there, and holds what is found against the whole word.
"""

import re
from collections.abc import Iterator
from itertools import islice
from unicodedata import category, normalize

MOST_BEGINNINGS = 1_000
"""Of one text. A text of a thousand bytes, which is what Instagram takes, hardly has more."""

_SHORTEST, _LONGEST = 3, 6
_LONGEST_UNSPACED = 3

# Thai, Lao, Burmese, Khmer, Japanese and Chinese put no spaces between words, Korean puts few: there, each character
# begins one.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u312f\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORDS = re.compile(f"[{_UNSPACED}]+|[^ {_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words(text: str) -> tuple[str, ...]:
    """Return what of a text can be looked for: its letters and digits, in runs that nothing else interrupts."""
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return tuple(_WORDS.findall("".join(one if _is_of_word(one) else " " for one in folded)))


def beginnings(text: str) -> tuple[str, ...]:
    """Return all that an index needs to know to find a text by its words, each once."""
    return tuple(islice(dict.fromkeys(one for word in words(text) for one in _of(word)), MOST_BEGINNINGS))


def beginning(word: str) -> str:
    """Return the one of its `beginnings` by which a text is found that has a word which begins with this one."""
    return word[: _LONGEST_UNSPACED if _IS_UNSPACED.match(word) else _LONGEST]


def has(text: str, wanted: tuple[str, ...]) -> bool:
    """Return whether for each wanted word a text has one that begins with it. Up to two letters are a whole word."""
    there = f" {' '.join(words(text))} "
    return all(_place(word) in there for word in wanted)


def _is_of_word(one: str) -> bool:
    # Hindi and Thai write vowels as marks; the marks that select how an emoji looks are none of a word's.
    return one.isalnum() or (category(one) in ("Mn", "Mc") and not "\ufe00" <= one <= "\ufe0f")


def _of(word: str) -> Iterator[str]:
    if _IS_UNSPACED.match(word):
        yield from (word[at:end] for at in range(len(word)) for end in range(at + 1, at + 1 + _LONGEST_UNSPACED))
    else:
        yield from (word[:end] for end in range(min(len(word), _SHORTEST), min(len(word), _LONGEST) + 1))


def _place(wanted: str) -> str:
    """Return what stands in a text, its words between blanks, where it has a word that begins with the wanted one."""
    if _IS_UNSPACED.match(wanted):
        return wanted
    return f" {wanted}" if len(wanted) >= _SHORTEST else f" {wanted} "
