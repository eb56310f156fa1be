"""The `fields` parameter: `name,instagram_business_account{id,username},messages.limit(5){message}`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from local.simulators.meta import errors

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|\d+|[{}(),.])")


@dataclass(frozen=True)
class Field:
    """One wanted field, with the fields wanted of what it leads to."""

    name: str
    children: tuple["Field", ...] = ()
    limit: int | None = None


def parse_fields(text: str) -> tuple[Field, ...]:
    """Read the wanted fields; none where `text` is empty, which asks for the object's default fields."""
    tokens = _split(text)
    if not tokens:
        return ()
    fields = _list(tokens)
    if tokens:
        raise errors.syntax_error(f'"Unexpected {tokens[0]}" in fields')
    return fields


def format_fields(fields: Iterable[Field]) -> str:
    """Write wanted fields as `parse_fields` reads them."""
    return ",".join(_format(field) for field in fields)


def _format(field: Field) -> str:
    limit = "" if field.limit is None else f".limit({field.limit})"
    children = f"{{{format_fields(field.children)}}}" if field.children else ""
    return f"{field.name}{limit}{children}"


def _split(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise errors.syntax_error(f'"Unexpected {text[position]}" in fields')
        tokens.append(match[1])
        position = match.end()
    return tokens


def _list(tokens: list[str]) -> tuple[Field, ...]:
    fields = [_field(tokens)]
    while tokens and tokens[0] == ",":
        tokens.pop(0)
        fields.append(_field(tokens))
    return tuple(fields)


def _field(tokens: list[str]) -> Field:
    name = _take(tokens)
    if not name.isidentifier():
        raise errors.syntax_error(f'"Expected name instead of {name}" in fields')
    limit = None
    if tokens and tokens[0] == ".":
        _expect(tokens, ".", "limit", "(")
        limit = _number(tokens)
        _expect(tokens, ")")
    children: tuple[Field, ...] = ()
    if tokens and tokens[0] == "{":
        _expect(tokens, "{")
        children = _list(tokens)
        _expect(tokens, "}")
    return Field(name, children, limit)


def _expect(tokens: list[str], *wanted: str) -> None:
    for token in wanted:
        if _take(tokens) != token:
            raise errors.syntax_error(f'"Expected {token}" in fields')


def _take(tokens: list[str]) -> str:
    if not tokens:
        raise errors.syntax_error('"Expected more" in fields')
    return tokens.pop(0)


def _number(tokens: list[str]) -> int:
    text = _take(tokens)
    if not text.isdecimal():
        raise errors.syntax_error(f'"Expected number instead of {text}" in fields')
    return int(text)
