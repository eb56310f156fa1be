"""What is wrong with a request, in sentences: which field, by the name that callers send, and what it must be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from connector.errors import Detail, InvalidRequest
from connector.tenancy import ID_PATTERN

_SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not known here; leave it out, or check its spelling",
    "string_type": "must be a string",
    "string_unicode": "must be Unicode, and holds half of a surrogate pair",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number, and a smaller one",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "union_tag_not_found": "must have a {discriminator}",
    "union_tag_invalid": "must have one of these as {discriminator}: {expected_tags}",
}
"""What pydantic refuses, by its name for it (https://docs.pydantic.dev/latest/errors/validation_errors/)."""

_PATTERNS: Mapping[str, str] = {
    r"^[0-9]{1,32}$": "must be an id of Meta: 1 to 32 digits",
    r"^[!-~]+$": "must be ASCII letters, digits and punctuation, without spaces",
    f"^{ID_PATTERN}$": "must be an id: 1 to 64 ASCII letters, digits, hyphens and underscores",
    r"^[A-Za-z0-9_=-]*$": "must be ASCII letters, digits, hyphens, underscores and equals signs",
}

_KINDS_OF_BUTTONS = {"link", "postback"}  # members of a union, and no fields


def refusal(errors: Sequence[Mapping[str, Any]], body_fields: Callable[[], str]) -> InvalidRequest:
    """Return the error that names each field and its problem, never its value: it may be a secret.

    `errors` are pydantic's; `body_fields` returns the fields of a body, for a request that has none.
    """
    problems = [_detail(one, body_fields) for one in errors]
    named = ", ".join(sorted({problem.field for problem in problems}))
    return InvalidRequest(f"The request cannot be used. See to: {named}.", details=problems)


def _detail(error: Mapping[str, Any], body_fields: Callable[[], str]) -> Detail:
    if error["type"] == "missing" and tuple(error["loc"]) == ("body",):
        return Detail("body", f"is required: send a JSON object with {body_fields()}")
    return Detail(field_of(error), problem_of(error))


def problem_of(error: Mapping[str, Any]) -> str:
    """Return what a field must be. Our own validators have said it already."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"must match {context['pattern']}")
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return str(error["msg"])
    value = error.get("input")
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return "must be a string, and is a number; send ids as strings"
    return sentence.format_map(context)


def field_of(error: Mapping[str, Any]) -> str:
    """Return `message.text` for ("body", "message", "text", "text"), and `body` where the body as a whole is wrong.

    Pydantic names a field that is refused although it is not there as the code does. A name that is not known stays as
    it was sent.
    """
    location = tuple(error["loc"])
    inner = [str(part) for part in location[1:] if not isinstance(part, int) and part not in _KINDS_OF_BUTTONS]
    if inner[:1] == ["message"]:
        del inner[1:2]  # the kind of message, which is a member of a union and no field
    if error["type"] != "extra_forbidden":
        inner = [to_camel(part) if "_" in part else part for part in inner]
    return ".".join(inner) or str(location[0] if location else "request")
