"""Rules for values that come from outside: which JSON may be stored, and which address may be shown as a link."""

import re
from math import isfinite
from typing import Any

_DEEPEST = 20  # levels of nesting kept; BSON refuses more than 100

# The scheme in any case; no blank, no control character, and nothing that ends an attribute in HTML.
_WEB_ADDRESS = re.compile(r"https?://[^\x00-\x20\x7f-\xa0\u2028\u2029\ufeff\"'<>\\`]+", re.IGNORECASE)


def clean(value: Any, depth: int = 0) -> Any:
    """Return JSON as BSON and JSON take it: no half surrogate pairs, no 64-bit integers, no NaN, no deep nesting.

    A field is left out if MongoDB or its driver could read its name as an operator or a path: `$ref`, `a.b`.
    """
    match value:
        case str():
            return value.encode("utf-8", "replace").decode() if not value.isascii() else value
        case bool() | None:
            return value
        case float():
            return value if isfinite(value) else None
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
        case dict() if depth < _DEEPEST:
            return {
                clean(name): clean(inner, depth + 1)
                for name, inner in value.items()
                if isinstance(name, str) and is_field_name(name)
            }
        case list() if depth < _DEEPEST:
            return [clean(inner, depth + 1) for inner in value]
        case _:
            return None


def is_field_name(name: str) -> bool:
    """Return whether a field may have this name in MongoDB without being taken for something else."""
    return not name.startswith("$") and "\0" not in name and "." not in name


def is_web_address(value: str) -> bool:
    """Return whether this is an http or https address, and nothing else that a browser would run or open."""
    return _WEB_ADDRESS.fullmatch(value) is not None
