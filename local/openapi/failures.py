"""What is answered when something fails: for each status, the codes that say why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local.openapi import guide

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail: a row of the guide's table."""

    code: str
    status: int
    words: str


FAILURES = tuple(
    Failure(code.strip("`"), int(status), f"{when} {remedy}") for code, status, when, remedy in guide.rows("All codes")
)
EVERYWHERE = (
    *("invalid_request", "unauthorized", "insufficient_scope", "not_found", "payload_too_large"),
    *("internal_error", "unavailable"),
)
OF_META = (*(one.code for one in FAILURES if one.status in (502, 504)), "reconnect_needed", "rate_limited", "try_later")
"""Of whatever calls Meta."""
OF_ONE = ("media_refused", "other_app_in_control", "user_not_found", "user_unavailable", "window_closed")
"""Of what is said to one customer."""

# What API Gateway answers by itself, before a function is reached or when one has failed.
_OF_THE_GATEWAY = {
    404: "No such path or method",
    413: "A body over 10 MB",
    429: "Too many requests",
    500: "The function failed",
    503: "The function did not answer in time",
}
_WITH_A_TIME = {409, 429, 503}
"""Where the header Retry-After may be."""

SCHEMAS: Mapping[str, Json] = {
    "Failure": {
        "type": "object",
        "description": "The one shape in which the API tells a failure. Decide by `code`, show `message`.",
        "required": ["success", "error"],
        "additionalProperties": False,
        "properties": {
            "success": {"const": False},
            "error": {
                "type": "object",
                "required": ["code", "message", "requestId"],
                "additionalProperties": False,
                "properties": {
                    "code": {"type": "string", "pattern": "^[a-z]+(_[a-z]+)*$"},
                    "message": {"type": "string", "description": "What happened and what to do, in a sentence or two."},
                    "requestId": {
                        "type": "string",
                        "description": "Quote it to support. The header `X-Request-Id` of each answer has it too.",
                    },
                    "meta": {
                        "description": "There when Meta refused: its own words and numbers.",
                        "$ref": "#/components/schemas/MetaView",
                    },
                    "details": {
                        "type": "array",
                        "description": "There when single fields are to blame.",
                        "items": {"$ref": "#/components/schemas/Detail"},
                    },
                },
            },
        },
    },
    "Detail": {
        "type": "object",
        "description": "One thing wrong with one field.",
        "required": ["field", "problem"],
        "additionalProperties": False,
        "properties": {
            "field": {"type": "string", "description": "Its name, or the way to it: `message.elements.title`."},
            "problem": {"type": "string"},
        },
    },
    "GatewayFailure": {
        "type": "object",
        "description": "API Gateway's own shape, for what never reached the API or never came back from it.",
        "required": ["message"],
        "additionalProperties": False,
        "properties": {"message": {"type": "string", "examples": ["Not Found"]}},
    },
}


def responses(codes: Sequence[str]) -> dict[str, Json]:
    """Return the responses of an operation that can fail with these codes.

    Raises:
        LookupError: the guide does not know one of them.
    """
    told = [one for one in FAILURES if one.code in codes]
    unknown = set(codes) - {one.code for one in told}
    if unknown:
        raise LookupError(f"The guide's table “All codes” lacks {', '.join(sorted(unknown))}.")
    statuses = sorted({one.status for one in told} | {429, 500, 503})
    return {str(status): _response(status, [one for one in told if one.status == status]) for status in statuses}


def _response(status: int, told: Sequence[Failure]) -> Json:
    words = [f"- `{one.code}`: {one.words}" for one in told]
    shapes = [_shape(told)] if told else []
    if status in _OF_THE_GATEWAY:
        words.append(f"- From API Gateway itself: {_OF_THE_GATEWAY[status]}.")
        shapes.append({"$ref": "#/components/schemas/GatewayFailure"})
    schema = shapes[0] if len(shapes) == 1 else {"oneOf": shapes}
    answer: Json = {
        "description": f"{HTTPStatus(status).phrase}.\n\n" + "\n".join(words),
        "content": {"application/json": {"schema": schema}},
    }
    names = {"X-Request-Id": "RequestId"} if told else {}
    names |= {"Retry-After": "RetryAfter"} if status in _WITH_A_TIME else {}
    if names:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{key}"} for name, key in names.items()}
    return answer


def _shape(told: Sequence[Failure]) -> Json:
    codes = sorted(one.code for one in told)
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Failure"},
            {"properties": {"error": {"properties": {"code": {"enum": codes}}}}},
        ]
    }
