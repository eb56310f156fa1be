"""JSON Schemas as the code makes them, made fit for readers: good names, no noise, and the guide's words."""

import re
from typing import Any

from local.openapi import guide

type Json = dict[str, Any]

_SUCCESS = re.compile(r"\bSuccess_(\w+?)(?:View)?_")

WORDS = {
    "ConnectRequest": ("What you need", "Connect"),
    "SendRequest": ("The fields of send",),
    "PauseRequest": ("The fields of pause",),
    "ResumeRequest": ("The fields of pause",),
    "MenuRequest": ("The fields of the menu",),
    "ForgetRequest": ("The fields of forget",),
    "DisconnectRequest": ("The fields of disconnect",),
    "Forgotten": ("What forget answers",),
    "Purged": ("What forget answers", "The fields of a status"),
    "Paused": ("What pause and resume answer",),
    "MessageView": ("The fields of a message",),
    "SentView": ("The fields of a message",),
    "ConversationView": ("The fields of a conversation",),
    "Status": ("The fields of a status",),
    "CheckView": ("The fields of a check",),
}
"""Whose fields the guide explains, and under which headings."""


def fit(value: Any) -> Any:
    """Return a schema, or what holds some, without pydantic's titles and under better names."""
    if isinstance(value, list):
        return [fit(one) for one in value]
    if isinstance(value, dict):
        # A title is a text. A property that is called `title` is a schema.
        kept = {name: one for name, one in value.items() if name != "title" or isinstance(one, dict)}
        return {renamed(name): fit(one) for name, one in kept.items()}
    return renamed(value) if isinstance(value, str) and value.startswith("#/components/") else value


def renamed(name: str) -> str:
    """Return `ConnectedAnswer` for `Success_Connected_`, and any other name as it is."""
    return _SUCCESS.sub(r"\1Answer", name)


def not_null(schema: Json) -> Json:
    """Return a schema without its null, which neither a query nor a header can hold."""
    choices: list[Json] = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    return choices[0] | rest


def explained(name: str, schema: Json) -> Json:
    """Return a component with the guide's words on its fields, and its own in one line."""
    words = {field: told for heading in WORDS.get(name, ()) for field, told in guide.fields(heading).items()}
    told = dict(schema)
    if "description" in told:
        told["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", told["description"])
    if words:
        told["properties"] = {
            field: one | ({"description": words[field]} if field in words else {})
            for field, one in told["properties"].items()
        }
    return told
