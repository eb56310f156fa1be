"""Fields of Meta's JSON, read tolerantly and within bounds: a field of an unexpected type or form counts as absent."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from connector.instagram.bounds import LONGEST_ID, LONGEST_LINK, LONGEST_NAME
from connector.untrusted import clean, is_web_address

type Json = Mapping[str, Any]

_META_ID = re.compile(r"[0-9]{1,32}")
_MID = re.compile(r"[A-Za-z0-9_=+$:-][A-Za-z0-9_=+$:.-]{0,499}")  # base64 of 164 characters was seen

# Before this, a number of Meta's is a time in seconds; after it, in ms. (10^11 ms is 1973, 10^11 s is the year 5138.)
_SECONDS_BELOW = 10**11
_EARLIEST = datetime(2010, 10, 6, tzinfo=UTC)  # Instagram's first day


def object_of(value: object) -> dict[str, Any]:
    """Return an object as it is, and {} for anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object, most: int) -> list[dict[str, Any]]:
    """Return the objects among the first `most` items of a list. A single object counts as a list of one."""
    items = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [item for item in islice(items, most) if isinstance(item, dict)]


def text_of(fields: Json, *names: str, most: int) -> str | None:
    """Return the first text that one of the names has, cut to `most` characters."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value[:most]
    return None


def link_of(fields: Json, *names: str) -> str | None:
    """Return the first web address that one of the names has. Meta writes some names in capitals."""
    by_name = {str(name).lower(): value for name, value in fields.items()}
    for name in names:
        value = by_name.get(name)
        if isinstance(value, str) and len(value) <= LONGEST_LINK and is_web_address(value):
            return value
    return None


def id_of(fields: Json, *names: str) -> str | None:
    """Return the first id of a thing that one of the names has, as text: Meta writes some ids as numbers."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= LONGEST_ID:
            return str(value)
    return None


def meta_id(value: object) -> str | None:
    """Return Meta's id of a person, an account, a Page or an app: up to 32 digits, which Meta may write as a number."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _META_ID.fullmatch(text) else None


def named_id(value: object) -> str | None:
    """Return an id as `meta_id` does; 0 is what Meta writes where it names nobody."""
    found = meta_id(value)
    return found if found and found.strip("0") else None


def mid_of(fields: Json, name: str = "mid") -> str | None:
    """Return Instagram's id of a message."""
    value = fields.get(name)
    return value if isinstance(value, str) and _MID.fullmatch(value) else None


def name_of(fields: Json, name: str) -> str | None:
    """Return the name of a person, an account or a Page."""
    found = text_of(fields, name, most=LONGEST_NAME)
    return str(clean(found)) if found else None


def moment_of(value: object) -> datetime | None:
    """Return a time that is written in ms, in seconds, or in a string of either; None for one before Instagram."""
    try:
        number = int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
        at = datetime.fromtimestamp(number if 0 < number < _SECONDS_BELOW else number / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at > _EARLIEST else None


class Allowance:
    """How many characters the parts of one message may still take together. Parts beyond it are absent."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def text(self, fields: Json, *names: str, most: int) -> str | None:
        """Return a text, as `text_of` does."""
        return self._spend(text_of(fields, *names, most=min(most, self._left)))

    def link(self, fields: Json, *names: str) -> str | None:
        """Return a link, as `link_of` does."""
        found = link_of(fields, *names)
        return self._spend(found) if found and len(found) <= self._left else None

    def id(self, fields: Json, *names: str) -> str | None:
        """Return an id, as `id_of` does."""
        found = id_of(fields, *names)
        return self._spend(found) if found and len(found) <= self._left else None

    def _spend(self, found: str | None) -> str | None:
        self._left -= len(found or "")
        return found or None
