"""Cutting long lists, and telling where they go on (Meta's page "Paginated Results")."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request

from local.simulators.meta import errors
from local.simulators.meta.fields import Field, format_fields
from local.simulators.meta.identity import request_token
from local.simulators.meta.shapes import Json

DEFAULT_LIMIT = 25
MAX_LIMIT = 100


@dataclass(frozen=True)
class Slice:
    """The part of a list that one answer shows."""

    start: int
    end: int
    limit: int


def asked_page() -> tuple[int, str | None]:
    """Read `limit` and `after` from the query."""
    limit = request.args.get("limit", str(DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit) <= MAX_LIMIT:
        raise errors.invalid_parameter(f"Param limit must be an integer between 1 and {MAX_LIMIT}.")
    return int(limit), request.args.get("after")


def cut(ids: Sequence[str], limit: int, after: str | None) -> Slice:
    """Find the part that follows the cursor `after`; the first one without it."""
    start = 0
    if after is not None:
        try:
            start = list(ids).index(_decode(after)) + 1
        except ValueError as error:
            raise errors.invalid_parameter("Invalid cursors values passed") from error
    return Slice(start, min(start + limit, len(ids)), limit)


def show_paging(ids: Sequence[str], part: Slice, path: str, fields: Sequence[Field]) -> Json:
    """Show the cursors of a part, and the URL of the next one where there is one. An empty part has none."""
    if part.start >= part.end:
        return {}
    after = _encode(ids[part.end - 1])
    paging: Json = {"cursors": {"before": _encode(ids[part.start]), "after": after}}
    if part.end < len(ids):
        paging["next"] = _next_url(path, fields, part.limit, after)
    return {"paging": paging}


def _next_url(path: str, fields: Sequence[Field], limit: int, after: str) -> str:
    """Write the next part's URL as Meta does: with everything that was asked, and with the access token."""
    version = request.path.strip("/").split("/", 1)[0]
    prefix = f"{version}/" if version[:1] == "v" and "." in version else ""
    kept = {name: request.args[name] for name in ("platform", "user_id") if name in request.args}
    query = {"access_token": request_token() or "", **kept, "limit": str(limit), "after": after}
    if fields:
        query["fields"] = format_fields(fields)
    return f"{request.url_root}{prefix}{path}?{urlencode(query)}"


def _encode(node_id: str) -> str:
    return base64.urlsafe_b64encode(node_id.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(cursor) from error
