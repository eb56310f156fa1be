"""Fields of Meta's JSON, read tolerantly and within bounds: a field of an unexpected type counts as absent."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

type Json = Mapping[str, Any]

_LONGEST_LINK = 4_000  # characters; a link that is cut leads nowhere, so a longer one is dropped
_LONGEST_ID = 100
_PERSON_ID = re.compile(r"[0-9]{1,32}")


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
    """Return the first link that one of the names has. Meta writes some names in capitals, and "null" for none."""
    by_name = {str(name).lower(): value for name, value in fields.items()}
    for name in names:
        value = by_name.get(name)
        if isinstance(value, str) and value and value != "null" and len(value) <= _LONGEST_LINK:
            return value
    return None


def id_of(fields: Json, *names: str) -> str | None:
    """Return the first id that one of the names has, as text: Meta writes some ids as numbers."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= _LONGEST_ID:
            return str(value)
    return None


def is_person_id(value: object) -> bool:
    """Return whether this can be Instagram's id of a person or account: digits only."""
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(_PERSON_ID.fullmatch(str(value)))


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
