"""JSON Schemas as the code makes them, made fit for readers: good names, no noise, a word for each field."""

import re
from collections.abc import Mapping
from typing import Any

from local.openapi import guide

type Json = dict[str, Any]

_OF_SUCCESS = re.compile(r"Success_(\w+)_")

FIELDS = {
    "ConnectRequest": ("The fields of connect",),
    "SendRequest": ("The fields of send",),
    "TextContent": ("Kinds of messages",),
}


def fit(value: Any) -> Any:
    """Return a schema (or a part of a description that holds some) without pydantic's titles, under good names."""
    match value:
        case {"$ref": str(reference)}:
            return value | {"$ref": _renamed(reference)}
        case dict():
            # What a title stands beside is a schema; a property that is called so is one itself.
            return {_renamed(name): fit(one) for name, one in value.items() if name != "title" or isinstance(one, dict)}
        case list():
            return [fit(one) for one in value]
        case str(text):
            return _renamed(text) if text.startswith("#/components/") else text
        case _:
            return value
