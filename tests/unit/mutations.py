"""What Meta never sends: its payloads, mutated by somebody who knows their structure, or by somebody who does not."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.unit.payloads import ACCOUNT, NAMES, OTHER_ACCOUNT, USER, body, payload

type Json = Any
# `told[0]`, `object`, `entry`, `entry[0]`, `time`, `id`, and the list of items, in the order of `_places`.
_ENVELOPE = 7

type Container = dict[str, Json] | list[Json]

# What only text can spell: too long, too deep, or no JSON at all.
SPELT = {
    "5000-digits": b"9" * 5000,
    "4300-digits": b"-" + b"1" * 4300,
    "nan": b"NaN",
    "infinity": b"-Infinity",
    "1e999": b"1e999",
    "minus-zero": b"-0.0",
    "half-an-escape": rb'"\ud83d"',
    "150-lists": b"[" * 150 + b"]" * 150,
    "900-objects": b'{"x":' * 900 + b"1" + b"}" * 900,
    "3000-lists": b"[" * 3000 + b"]" * 3000,
    "200000-lists": b"[" * 200_000,
    "300-kB": b'"' + b"x" * 300_000 + b'"',
    "raw-control-character": b'"\x01"',
    "no-value": b"",
}
KEYS = [
    *("object", "entry", "id", "time", "messaging", "standby", "changes", "field", "value", "sender", "recipient"),
    *("timestamp", "message", "message_edit", "mid", "text", "attachments", "type", "payload", "url", "title"),
    *("is_echo", "is_deleted", "is_unsupported", "is_self", "reply_to", "quick_reply", "referral", "read"),
    *("elements", "generic", "product", "buttons", "coordinates", "lat", "subtitle", "default_action", "story", "URL"),
    *("policy_enforcement", "ads_context_data", "ig_post_media_id", "is_deleted"),
    *("reaction", "action", "emoji", "postback", "", "\0", "a\0b", "\ud800", "$where", "a.b", "__proto__", "👋" * 300),
]
VALUES: list[Json] = [
    *(None, True, False, 0, -1, 1, 1.5, 1e308, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1757330002),
    *(
        "",
        " ",
        "0",
        "-1",
        "1e3",
        "٣",
        "9" * 5000,
        "null",
        "random_mid",
        "messages",
        "react",
        ACCOUNT,
        USER,
        OTHER_ACCOUNT,
    ),
    *("a\0b", "\ud800", "\udfff\ud800", "\ufeff", "\u202eevil\u2066", "\x1b[31m\r\n", "👩‍👩‍👧‍👦" * 40, "e\u0301" * 400),
    *("x" * 20_000, "https://x/" + "y" * 9000, "<script>", "${jndi:ldap://x}", "' OR 1=1"),
    *([], {}, [[]], [None], [{}], [5, "x", None], {"id": None}, {"id": 2**70}, {"id": ["x"]}, {"id": "\ud800"}),
    *(
        {"mid": {}},
        {"mid": "m"},
        {"$ne": None},
        {"$ref": "x", "$id": "y"},
        {"\ud800": "\ud800"},
        {"a\0b": 1, "ab": 2},
        {"": {"": {"": ""}}},
    ),
    *(f"<spelt {name}>" for name in SPELT),
]
ANY_VALUE = st.sampled_from(VALUES) | st.recursive(
    st.text(max_size=6) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner),
    max_leaves=8,
)


@st.composite
def mutated_payloads(draw: DrawFn, most: int = 5) -> Json:
    """Draw a payload of Meta's with up to `most` of its parts taken out, replaced, doubled, wrapped or moved."""
    told: list[Json] = [payload(draw(st.sampled_from(NAMES)))]
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(told))
        # What is far out makes the whole unreadable: mostly, look at what stands inside an item.
        inner = places[_ENVELOPE:] if draw(st.integers(0, 4)) else places
        if not places:
            break
        parent, key = draw(st.sampled_from(inner or places))
        draw(st.sampled_from(_MUTATIONS))(draw, parent, key)
    return told[0] if len(told) == 1 else told


@st.composite
def mutated_bodies(draw: DrawFn) -> bytes:
    """Draw the bytes of a mutated payload, written in one of the ways in which JSON can be written."""
    return draw(st.sampled_from(_WRITINGS))(draw(mutated_payloads()))


@st.composite
def damaged_bodies(draw: DrawFn) -> bytes:
    """Draw a payload's bytes with some of them changed, cut out, doubled or put in, knowing nothing of JSON."""
    raw = body(draw(st.sampled_from(NAMES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        if draw(st.booleans()):  # one letter or digit for another: what remains is mostly JSON
            end, new = start + 1, draw(st.sampled_from([b"0", b"9", b"a", b"M", b" "]))
        else:
            end = start + draw(st.integers(0, 30))
            new = draw(st.binary(max_size=4) | st.sampled_from(_TOKENS) | st.just(raw[start:end] * 2))
        raw = raw[:start] + new + raw[end:]
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 9)) == 0 else raw


def spelt(told: Json, *, ensure_ascii: bool = True, indent: int | None = None) -> bytes:
    """Return mutated JSON as bytes: with twins of keys, and with what only text can spell."""
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=ensure_ascii, indent=indent)
    raw = text.encode("utf-8", "surrogatepass").replace(b'"<twin>', b'"')
    return re.sub(rb'"<spelt ([a-z0-9-]+)>"', lambda found: SPELT.get(found[1].decode(), b"0"), raw)


def _places(value: Json) -> Iterator[tuple[Container, Any]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(children):
        yield value, key
        yield from _places(child)


def _drop(draw: DrawFn, parent: Container, key: Any) -> None:
    del parent[key]


def _replace(draw: DrawFn, parent: Container, key: Any) -> None:
    parent[key] = copy.deepcopy(draw(ANY_VALUE))


def _wrap(draw: DrawFn, parent: Container, key: Any) -> None:
    levels = draw(st.sampled_from([1, 1, 2, 30, 120]))
    for _ in range(levels):
        parent[key] = [parent[key]] if draw(st.booleans()) and levels < 3 else {"x": parent[key]}


def _unwrap(draw: DrawFn, parent: Container, key: Any) -> None:
    inner = [child for _, child in _places(parent[key])]
    parent[key] = next(iter(parent[key].values())) if isinstance(parent[key], dict) and inner else inner[:1]


def _double(draw: DrawFn, parent: Container, key: Any) -> None:
    if isinstance(parent, list):
        parent.extend(copy.deepcopy(parent[key]) for _ in range(draw(st.sampled_from([1, 1, 2, 11, 60]))))
    elif not str(key).startswith("<twin>"):
        parent[f"<twin>{key}"] = copy.deepcopy(draw(ANY_VALUE | st.just(parent[key])))


def _rename(draw: DrawFn, parent: Container, key: Any) -> None:
    if isinstance(parent, dict):
        parent[draw(st.sampled_from(KEYS))] = parent.pop(key)


def _retype(draw: DrawFn, parent: Container, key: Any) -> None:
    as_text = json.dumps(parent[key])
    parent[key] = draw(st.sampled_from([as_text, [as_text], {as_text[:50]: None}, len(as_text), bool(as_text)]))


def _move(draw: DrawFn, parent: Container, key: Any) -> None:
    """Put here what stands somewhere in another payload."""
    other, place = draw(st.sampled_from(list(_places(payload(draw(st.sampled_from(NAMES)))))))
    parent[key] = other[place]


_MUTATIONS = [_drop, _replace, _replace, _wrap, _unwrap, _double, _rename, _retype, _move]
_WRITINGS: list[Callable[[Json], bytes]] = [
    spelt,
    spelt,
    lambda told: spelt(told, ensure_ascii=False),
    lambda told: spelt(told, indent=2),
    lambda told: spelt([told, told]),
    lambda told: b"\xef\xbb\xbf" + spelt(told),
    lambda told: spelt(told).decode().encode("utf-16"),
    lambda told: spelt(told) + b" \n",
]
_TOKENS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"e999",
]
