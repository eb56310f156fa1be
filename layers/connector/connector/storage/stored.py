"""Fields of stored documents, read by their types: the platform and older versions write to the same collections.

A value of an unexpected type counts as absent, so that one odd document does not keep a caller from all the others.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.storage.mongodb import Document
from connector.untrusted import clean, is_web_address


def text(document: Document, name: str) -> str | None:
    """Return a text."""
    value = document.get(name)
    return value if isinstance(value, str) else None


def link(document: Document, name: str) -> str | None:
    """Return a web address."""
    value = text(document, name)
    return value if value is not None and is_web_address(value) else None


def moment(document: Document, name: str) -> datetime | None:
    """Return a time."""
    value = document.get(name)
    return value if isinstance(value, datetime) else None


def number(document: Document, name: str) -> int | None:
    """Return a whole number."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def part(document: Document, name: str) -> Document:
    """Return an object within a document; {} for none."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def parts(document: Document, name: str) -> list[Document]:
    """Return the objects of a list."""
    value = document.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def json(document: Document, name: str) -> Mapping[str, Any] | None:
    """Return an object with nothing in it that JSON does not have; None for none."""
    value = document.get(name)
    return clean(value) if isinstance(value, dict) else None
