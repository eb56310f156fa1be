"""Read the error in a Graph API answer, in every form that Meta uses.

The Graph API documents `{"error": {message, type, code, error_subcode, …}}` (Meta, "Graph API: handling errors"), the
exchange of a code `{error_type, code, error_message}` (Meta, "Business Login for Instagram"). Public reports show both
inside a 200 too, numbers written as strings, and an error that is only a text or a list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import Quote

_HTTP = {400, 401, 403, 404, 408, 429, 500, 502, 503, 504}
"""HTTP statuses that some bodies carry as `code`. The Graph API has no such error codes."""

_QUOTED_CHARACTERS = 300
_READ_CHARACTERS = 2000

# Access tokens, with or without a name before them, app tokens (`id|secret`), and any other opaque run of characters.
_SECRET = re.compile(
    r"(?i:bearer )\S+"
    r"|\b(?i:access_token|input_token|appsecret_proof|client_secret|code)=[^\s&]+"
    r"|\bEAA[\w-]+|\bIG[A-Z]{2}[\w-]{6,}|\d+\|[\w-]+|[\w-]{32,}"
)
_NUMBER = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_NUMBER_IN_WORDS = re.compile(r"\(#(-?[0-9]{1,12})\)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What Meta says went wrong."""

    status: int
    """The HTTP status, or the one that the body has in the place of a code."""
    code: int | None
    subcode: int | None
    kind: str
    """Meta's `type`, such as `OAuthException`."""
    is_transient: bool
    words: str
    quote: Quote


def complaint_of(body: Mapping[str, Any] | None, status: int) -> Complaint | None:
    """Return the error in the body of an answer, whatever its HTTP status; None if it has none."""
    error = _error(body or {})
    if error is None:
        return None
    texts = [error.get(name) for name in ("message", "error_user_title", "error_user_msg", "error_description")]
    words = [text[:_READ_CHARACTERS] for text in texts if isinstance(text, str) and text.strip()]
    code = _number(error.get("code"))
    if code is None and words and (numbered := _NUMBER_IN_WORDS.search(words[0])):
        code = int(numbered[1])
    if code in _HTTP:
        status, code = code, None
    subcode = _number(error.get("error_subcode")) or _number(error.get("subcode")) or None
    return Complaint(
        status=status,
        code=code,
        subcode=subcode,
        kind=str(error.get("type") or ""),
        is_transient=str(error.get("is_transient")).lower() == "true",
        words=" ".join(words),
        quote=Quote(_readable(words[0]) if words else None, code, subcode),
    )


def _error(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    error = body.get("error")
    if isinstance(error, list):
        error = next((one for one in error if one), None)
    if isinstance(error, Mapping):
        return error or None
    if isinstance(error, str) and error.strip():
        return {"message": error, "type": body.get("error_type"), "error_description": body.get("error_description")}
    if isinstance(error, int) and error:
        return {"code": None if error is True else error}
    if any(body.get(name) for name in ("error_message", "error_type", "error_code")):
        code = body.get("error_code") or body.get("code")
        return {"message": body.get("error_message"), "type": body.get("error_type"), "code": code}
    return None


def _number(value: object) -> int | None:
    """Return a number, also one that is written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value).strip()
    return int(text) if _NUMBER.fullmatch(text) else None


def _readable(words: str) -> str:
    """Return words on one line, without what looks like a secret, and not too many of them."""
    line = " ".join("".join(one if one.isprintable() else " " for one in words).split())
    return _SECRET.sub("[redacted]", line)[:_QUOTED_CHARACTERS]
