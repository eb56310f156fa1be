"""The emoji of a reaction. Meta writes it as itself, as its escapes, or only by the name of the reaction."""

import re

from connector.instagram.bounds import LONGEST_EMOJI
from connector.instagram.fields import Json, text_of

_UNNAMED = "❔"
"""Stands for a reaction of which Meta does not tell the emoji."""

_NAMES = {
    "angry": "😠",
    "care": "🤗",
    "dislike": "👎",
    "haha": "😆",
    "heart": "❤️",
    "laugh": "😆",
    "like": "👍",
    "love": "❤️",
    "sad": "😢",
    "smile": "😄",
    "wow": "😮",
}
_ESCAPE = re.compile(
    r"(?:\\+u\{|\\+U|U\+|\\+u(?=1[fF][0-9a-fA-F]{3}))([0-9a-fA-F]{4,8})\}?\s?|\\+u([0-9a-fA-F]{4})", re.ASCII
)


def emoji_of(reaction: Json) -> str:
    """Return the emoji that a reaction shows."""
    for name in ("emoji", "reaction"):
        written = text_of(reaction, name, most=LONGEST_EMOJI + 1)
        if written and len(written) <= LONGEST_EMOJI and (emoji := _read(written)):
            return emoji
    return _UNNAMED


def _read(written: str) -> str | None:
    """Return the emoji that is written; None where it is only a word without one."""
    if known := _NAMES.get(written.strip().strip(":").lower()):
        return known
    read = _ESCAPE.sub(lambda found: _character(found[1] or found[2]), written)
    # Two escapes may be the halves of one character.
    read = read.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    return read if read and not read.isascii() and "\ufffd" not in read else None


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"
