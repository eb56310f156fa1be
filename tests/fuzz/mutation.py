"""Mutations of seeds: of bytes, and of JSON within them. The same generator makes the same inputs."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

MOST_BYTES = 20_000
_TOKENS = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b".", b"=", b"&", b"%00", b"%2e", b"\n", b"\x00", b"\xff"),
    *(b"null", b"true", b"NaN", b"1e999", b"-1", b"9" * 30, b"9" * 400, b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"[" * 200, b"sha256=", b"Bearer ", b"eyJ", b"==", b"\xcc\x81", b"\xf0\x9f\x91\x8b", b"$ne", b"__proto__"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**53 + 1, 2**63, 10**30, 1757330002, float("nan"), float("inf")),
    *(
        "",
        " ",
        "0",
        "null",
        "a\0b",
        "\ud800",
        "\ufeff",
        "\u202e",
        "e\u0301" * 40,
        "x" * 3000,
        "$ne",
        "../me",
        "[The customer",
    ),
    *([], {}, [[]], [None], [{}], {"id": None}, {"$ne": None}, {"$ref": "x", "$id": "y"}, {"a\0b": 1}, {"\ud800": 1}),
)
_NAMES = ("$where", "", "a.b", "a\0b", "id", "mid", "text", "payload", "exp", "scope", "subaccountId", "__proto__")


class Mutator:
    """Makes inputs of seeds."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self._seeds = [*seeds]
        self._random = Random(seed)

    def next(self) -> bytes:
        """Return the next input."""
        random = self._random
        data = random.choice(self._seeds)
        for _ in range(random.choice((1, 1, 1, 2, 2, 4, 8))):
            data = self._json(data) if random.random() < 0.5 else self._bytes(data)
        return data[:MOST_BYTES]

    def value(self, told: Any) -> Any:
        """Return JSON with one of its parts changed; `told` itself may be changed."""
        random, places = self._random, _places(told)
        if not places:
            return random.choice(_VALUES)
        parent, key = random.choice(places)
        match random.randrange(6):
            case 0:
                del parent[key]
            case 1 | 2:
                parent[key] = random.choice(_VALUES)
            case 3:
                other, place = random.choice(places)
                parent[key] = json.loads(json.dumps(other[place]))
            case 4:
                parent[key] = random.choice(([parent[key]], {random.choice(_NAMES): parent[key]}, str(parent[key])))
            case _ if isinstance(parent, dict):
                parent[random.choice(_NAMES)] = parent.pop(key)
            case _:
                parent.extend([parent[key]] * random.choice((1, 3, 40)))
        return told

    def _json(self, data: bytes) -> bytes:
        start = data.find(b"{")
        try:
            told = json.loads(data[start:]) if start >= 0 else None
        except (ValueError, RecursionError):
            return self._bytes(data)
        if told is None:
            return self._bytes(data)
        return data[:start] + json.dumps(self.value(told), separators=(",", ":")).encode()

    def _bytes(self, data: bytes) -> bytes:
        random = self._random
        at, to = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
        match random.randrange(6):
            case 0:
                return data[:at] + bytes((random.randrange(256),)) + data[at + 1 :]
            case 1:
                return data[:at] + random.choice(_TOKENS) + data[at:]
            case 2:
                return data[:at] + data[min(to, at + 16) :]
            case 3:
                return data[:to] + data[at:to] + data[to:]
            case 4:
                other = random.choice(self._seeds)
                return data[:at] + other[random.randint(0, len(other)) :]
            case _:
                return (
                    data[:at]
                    if random.random() < 0.2
                    else data[:at] + random.randbytes(random.randint(1, 4)) + data[at:]
                )


def _places(told: Any) -> list[tuple[Any, Any]]:
    places: list[tuple[Any, Any]] = []
    waiting = [told]
    while waiting and len(places) < 500:
        parent = waiting.pop()
        items = parent.items() if isinstance(parent, dict) else enumerate(parent) if isinstance(parent, list) else ()
        for key, child in list(items):
            places.append((parent, key))
            waiting.append(child)
    return places
