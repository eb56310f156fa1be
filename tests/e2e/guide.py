"""The frontend guide, read as what it claims to be: examples in order, JavaScript, tables."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "docs" / "INSTAGRAM_FRONTEND_GUIDE.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)\n```$|^<!-- (.+?) -->$", re.MULTILINE | re.DOTALL)
_PLACEHOLDER = re.compile(r"\{([a-zA-Z]+\d*)\}")

# What a placeholder may stand for where nothing has given it a value yet. Its first value binds it,
# except for times and request ids.
_FORMS = {
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "id": re.compile(r"[0-9a-f]{24}"),
    "requestId": re.compile(r"[0-9A-Za-z=_-]{8,64}"),
    "mid": re.compile(r"[A-Za-z0-9_=-]{20,}"),
    "chatId": re.compile(r"chat_[0-9a-z]+"),
    "otherChatId": re.compile(r"chat_[0-9a-z]+"),
    "loginUrl": re.compile(r"https?://\S+/(oauth/authorize|dialog/oauth)\?\S+"),
    "cursor": re.compile(r"[A-Za-z0-9_-]+"),
    **dict.fromkeys(
        ("confirmationCode", "otherConfirmationCode", "thirdConfirmationCode"), re.compile(r"[0-9a-f]{32}")
    ),
    **dict.fromkeys(
        ("statusUrl", "otherStatusUrl", "thirdStatusUrl"),
        re.compile(r"https?://[^/]+/api/instagram/deletions/[0-9a-f]{32}"),
    ),
}
_UNBOUND = ("time", "requestId")
_REST = "…"
"""The key that stands for the fields which the guide has shown before."""


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment that says what happens between two examples."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Message:
    """A block of HTTP: a start line, headers, a body."""

    start: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Example:
    """A request and its answer, and what happens before it."""

    line: int
    events: tuple[str, ...]
    request: Message
    answer: Message

    def __str__(self) -> str:
        method, path, _ = self.request.start.split(" ")
        return f"line {self.line}: {method} {path.rpartition('/instagram/')[2]} {self.answer.start.split()[1]}"


@cache
def text() -> str:
    """Return the guide."""
    return PATH.read_text("utf-8")


@cache
def blocks() -> tuple[Block, ...]:
    """Return all fenced blocks and comments, in order."""
    return tuple(
        Block(form[1] if form[3] is None else "event", form[3] or form[2], text().count("\n", 0, form.start()) + 1)
        for form in _FENCE.finditer(text())
    )


@cache
def examples() -> tuple[Example, ...]:
    """Return the examples, in order. Each block of HTTP must be a request that its answer follows."""
    return tuple(_examples())


def _examples() -> Iterator[Example]:
    events: list[str] = []
    request: tuple[Block, Message] | None = None
    for block in blocks():
        if block.language == "event":
            assert request is None, f"line {block.line}: something happens between a request and its answer"
            events.append(block.text)
        elif block.language == "http":
            message = _message(block.text)
            if request is None:
                assert re.fullmatch(r"(GET|POST) /\S* HTTP/1\.1", message.start), f"line {block.line}: no request"
                request = block, message
            else:
                assert message.start.startswith("HTTP/1.1 "), f"line {block.line}: no answer"
                yield Example(request[0].line, tuple(events), request[1], message)
                events, request = [], None
    assert request is None, "the last request has no answer"
    assert not events, "something happens after the last example"


def _message(block: str) -> Message:
    head, _, body = block.partition("\n\n")
    start, *lines = head.split("\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Message(start, headers, body)


def scripts() -> tuple[str, ...]:
    """Return the JavaScript, block by block."""
    return tuple(block.text for block in blocks() if block.language == "javascript")


def table(heading: str) -> list[dict[str, str]]:
    """Return the first table after a heading: one dict for each row, by column. Backticks are taken off codes."""
    section = re.split(rf"^#+ {re.escape(heading)}$", text(), flags=re.MULTILINE)
    assert len(section) == 2, f"the guide has {len(section) - 1} headings “{heading}”"
    lines = re.search(r"(?:^\|.*\n)+", section[1], re.MULTILINE)
    assert lines, f"no table under “{heading}”"
    names, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[0].splitlines()]
    assert all(len(row) == len(names) for row in rows)
    return [{name.strip("`"): cell.strip("`") for name, cell in zip(names, row, strict=True)} for row in rows]


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a text with the placeholders that have a value replaced by it."""
    return _PLACEHOLDER.sub(lambda form: values.get(form[1], form[0]), template)


def differences(expected: Any, actual: Any, values: dict[str, str], where: str = "") -> list[str]:
    """Return what of a real JSON value is not as the guide shows it. What is seen first binds its placeholder."""
    match expected, actual:
        case dict(), dict():
            found = [f"{where}.{key}: not answered" for key in expected if key not in (*actual, _REST)]
            found += [
                f"{where}.{key}: not in the guide" for key in actual if key not in expected and _REST not in expected
            ]
            for key in expected:
                if key in actual:
                    found += differences(expected[key], actual[key], values, f"{where}.{key}")
            return found
        case list(), list():
            if len(expected) != len(actual):
                return [f"{where}: {len(actual)} items instead of {len(expected)}"]
            return [
                one
                for index, (left, right) in enumerate(zip(expected, actual, strict=True))
                for one in differences(left, right, values, f"{where}[{index}]")
            ]
        case str(), str():
            return [] if _is_text(expected, actual, values) else [f"{where}: {actual!r} instead of {expected!r}"]
        case _:
            same = type(expected) is type(actual) and expected == actual
            return [] if same else [f"{where}: {json.dumps(actual)} instead of {json.dumps(expected)}"]


def _is_text(expected: str, actual: str, values: dict[str, str]) -> bool:
    form = _PLACEHOLDER.fullmatch(expected)
    if form and form[1] not in values:
        name = form[1]
        pattern = _FORMS.get(name) or _FORMS.get(name.rstrip("0123456789"))
        if pattern is None or not pattern.fullmatch(actual):
            return False
        if name not in _UNBOUND:
            # Two placeholders are two things: the guide would say so if they were one.
            if actual in values.values():
                return False
            values[name] = actual
        return True
    expected = filled(expected, values)
    if expected == actual:
        return True
    return expected.endswith("…") and len(actual) >= len(expected) and actual.startswith(expected[:-1])
