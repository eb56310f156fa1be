"""Markers: what we tell the agent about a conversation, in square brackets that only we write.

Every text from outside (a customer's, a colleague's, a title, a name, a referral, a link) passes through this module
before it becomes part of what the agent reads. It loses its square brackets, and the brackets that look or normalize
(NFKC) like them, to round ones. So every `[` that the agent reads begins a marker of ours, and the next `]` ends it.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, cast

from connector.chat import Message

# Square brackets, and those that a reader may take for them; of most, the closing one is the next character.
_PAIRS = {opening: opening + 1 for opening in map(ord, "\u2045\u2308\u230a\u2772\u27e6\u27ec\u298b\u298d\u298f\u2997")}
_PAIRS |= {opening: opening + 1 for opening in map(ord, "\u2e22\u2e24\u2e55\u2e57\u3010\u3014\u3016\u3018\u301a")}
_PAIRS |= {opening: opening + 1 for opening in map(ord, "\ufe17\ufe39\ufe3b\ufe47\ufe5d")}
_PAIRS |= {0x23A1: 0x23A4, 0x23A2: 0x23A5, 0x23A3: 0x23A6}  # pieces of tall brackets
_PAIRS |= {0x5B: 0x5D, 0xFF3B: 0xFF3D, 0xE005B: 0xE005D}  # ASCII, full width, and the invisible tags
_ROUND = dict.fromkeys(_PAIRS, "(") | dict.fromkeys(_PAIRS.values(), ")")

# Brackets inside a link are percent-encoded, so that it still leads to the same place; those after it end it.
_LINK = re.compile(r"https?://\S*[^\s\[\]]")
_ENCODED = str.maketrans({"[": "%5B", "]": "%5D"})

# Retell fills `{{name}}` in the prompt, also where a variable's own value holds it.
_DOUBLE_BRACE = re.compile(r"(?<=\{)(?=\{)|(?<=\})(?=\})")

LINE_BREAK = " ⏎ "
"""What stands for a line break inside a marker and in a variable."""


def marker(text: str) -> str:
    """Return a line of ours. Its parts from outside must be neutral (`neutral_message`, `one_line`)."""
    return f"[{text}]"


def neutral(text: str) -> str:
    """Return a text from outside without what begins or ends a marker, or names a variable of the prompt."""
    links_encoded = _LINK.sub(lambda link: link[0].translate(_ENCODED), text)
    return _DOUBLE_BRACE.sub(" ", links_encoded.translate(_ROUND))


def one_line(text: str) -> str:
    """Return a neutral text as it stands inside a marker or a variable: on one line, whatever breaks lines in it."""
    return LINE_BREAK.join(line for line in neutral(text).splitlines() if line)


def neutral_message(message: Message) -> Message:
    """Return a message with all its texts neutral. Only its `text` keeps its lines: it may stand outside of markers."""
    text = message.text
    return replace(each_on_one_line(message), text=neutral(text) if text else text)


def each_on_one_line[T](value: T) -> T:
    """Return a value with every text in it neutral and on one line, however deep the text stands."""
    return cast("T", _deep(value))


def _deep(value: Any) -> Any:
    match value:
        case Enum():
            return value
        case str():
            return one_line(value)
        case Mapping():
            return {key: _deep(inner) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(map(_deep, value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{one.name: _deep(getattr(value, one.name)) for one in fields(value)})
        case _:
            return value
