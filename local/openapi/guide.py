"""The frontend guide as a source: the words and the examples that the API's description takes from it.

The guide's examples are executed and its tables compared with the code, by tests. So what is taken from there is true.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from local.template import ROOT

PATH = ROOT / "docs" / "INSTAGRAM_FRONTEND_GUIDE.md"

_CONNECTION = "/api/database/{subaccountId}/chat-agents/{agentId}/instagram"
_BLOCK = re.compile(r"^```http\n(?P<start>.*)\n(?P<rest>(?:.*\n)*?)```$|^#+ (?P<heading>.*)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

SAMPLES = {
    "subaccountId": "acme",
    "agentId": "agent_barista",
    "otherAgentId": "agent_sommelier",
    "accessToken": "EAAGm0PX4ZCpsBAKZC",
    "instagramAccountId": "17841400000000001",
    "pageId": "101234567890123",
    "webhookVerificationToken": "my-verification-token",
    "username": "acme_coffee",
    "userId": "1234567890123456",
    "otherUserId": "6543210987654321",
    "customersName": "ana",
    "otherCustomersName": "ben",
    "thirdUserId": "3141592653589793",
    "customerMid": "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDAwMDAw",
    "chatId": "chat_98c1a2774e2a9c1e0d4f5b6a7c8",
    "otherChatId": "chat_11d2b3885f3b0d2f1e5a6c7b8d9",
    "time": "2026-01-31T09:30:00.000Z",
    "now": "1769851800000",
    "id": "697dca180f5e2b3c4d5e6f{:02d}",
    "mid": "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAw{:02d}",
    "loginUrl": "https://www.facebook.com/v26.0/dialog/oauth?client_id=101&state=n7Qd2m0yT4kV9cX1bR6wZ8sL3hJ5gF0aE",
    "cursor": "eyJiIjoiMTc2OTg1MTgwMDAwMCJ9",
    "confirmationCode": "5f0c9f2be1a84d37a6c6f2e9b1d04c7e",
    "otherConfirmationCode": "a0d3b6c9e2f5184b7a0d3c6f9e2b5184",
    "statusUrl": "https://api.example.com/api/instagram/deletions/5f0c9f2be1a84d37a6c6f2e9b1d04c7e",
    "otherStatusUrl": "https://api.example.com/api/instagram/deletions/a0d3b6c9e2f5184b7a0d3c6f9e2b5184",
}
"""What the placeholders stand for in the description. Numbered ones (`{id1}`) take their number."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request of the guide, and what it is answered."""

    section: str
    method: str
    path: str
    """With the ids as parameters."""
    headers: Mapping[str, str]
    body: Any
    status: str
    answer: Any


@cache
def rows(heading: str) -> tuple[tuple[str, ...], ...]:
    """Return the first table after a heading, without the names of its columns: the cells of each row, if there is one.

    What is missing then is told by a test (tests/contract/test_openapi.py), and does not keep the rest from being made.
    """
    _, found, section = PATH.read_text("utf-8").partition(f"# {heading}\n")
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    if not found or not table:
        return ()
    return tuple(tuple(cell.strip() for cell in line[1:-1].split("|")) for line in table[0].splitlines()[2:])


def fields(heading: str) -> Mapping[str, str]:
    """Return what the table after a heading says of each field."""
    told = {}
    for name, *_, words in rows(heading):
        for one in re.findall(r"`\{?(\w+)\}?`", name):
            told[one] = re.sub(r", see below|, see \[.*?\]\(.*?\)| See below\.", "", words)
    return told


@cache
def examples() -> tuple[Example, ...]:
    """Return all examples, in order."""
    return tuple(_examples())


def _examples() -> Iterator[Example]:
    section, asked = "", None
    for block in _BLOCK.finditer(PATH.read_text("utf-8")):
        if block["heading"]:
            section = block["heading"]
        elif asked is None:
            asked = block
        else:
            method, path, _ = asked["start"].split(" ")
            head, _, body = asked["rest"].partition("\n\n")
            headers = dict(line.split(": ", 1) for line in head.splitlines())
            status, answer = block["start"].split(" ")[1], block["rest"].partition("\n\n")[2]
            yield Example(section, method, _with_parameters(path), headers, _value(body), status, _value(answer))
            asked = None


def _with_parameters(path: str) -> str:
    """Return a path without its query, as the path of all agents."""
    return re.sub(r"^/api/database/[^/]+/chat-agents/[^/]+/instagram", _CONNECTION, path.partition("?")[0])


def _value(body: str) -> Any:
    text = filled(body).strip()
    if not text.startswith("{") or "\n{" in text:  # a word, or JSON Lines
        return text or None
    return json.loads(text)


def filled(text: str) -> str:
    """Return a text of the guide with a sample in each placeholder's place."""
    return _PLACEHOLDER.sub(lambda form: _sample(form[1]), text)


def _sample(name: str) -> str:
    if name in SAMPLES:
        return SAMPLES[name]
    stem = name.rstrip("0123456789")
    return SAMPLES[stem].format(int(name.removeprefix(stem) or 0)) if stem in SAMPLES else f"{{{name}}}"
