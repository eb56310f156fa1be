"""Meta's routes about people, and the page that they are sent to, which no resolver of ours describes."""

from typing import Any

from connector.tenancy import ID_PATTERN
from local.openapi import failures

type Json = dict[str, Any]

FUNCTIONS = ("deauthorize", "delete_data", "deletion")

CODE: Json = {
    "name": "code",
    "in": "path",
    "required": True,
    "description": "The `confirmationCode` of a deletion.",
    "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
    "example": "5f0c9f2be1a84d37a6c6f2e9b1d04c7e",
}

_CODES = ("invalid_request", "unauthorized", "payload_too_large", "internal_error", "unavailable")
_PAGE = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
_PAGE_OR_GATEWAY = _PAGE | {"application/json": {"schema": {"$ref": "#/components/schemas/GatewayFailure"}}}
_FORM = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["signed_request"],
                "properties": {
                    "signed_request": {
                        "type": "string",
                        "description": "As Meta's page “Data Deletion Request Callback” describes it.",
                        "pattern": "^[A-Za-z0-9_-]{43}\\.[A-Za-z0-9_-]+$",
                    }
                },
            }
        }
    },
}


def item(function: str, *, of_one: bool) -> Json:
    """Return what stands at a path of a function's: at a connection's own, or at everybody's."""
    if function == "deletion":
        return {"parameters": [{"$ref": "#/components/parameters/code"}], "get": _page()}
    told = _deauthorization(of_one=of_one) if function == "deauthorize" else _deletion(of_one=of_one)
    return {"post": told | {"tags": ["Webhook"], "security": [], "requestBody": _FORM}}


def _deauthorization(*, of_one: bool) -> Json:
    return {
        "operationId": f"deauthorize{'' if of_one else 'OfApp'}",
        "summary": f"Take note that an owner has removed the app, {_whose(of_one=of_one)}",
        "description": "Meta's deauthorize callback. All connections that rest on what this person allowed end: "
        "nothing more is sent for them, and their access tokens are deleted. The messages stay.",
        "responses": {
            "200": _json("Done; also where nobody is known by that id.", {"success": {"const": True}}),
            **failures.responses(_CODES),
        },
    }


def _deletion(*, of_one: bool) -> Json:
    return {
        "operationId": f"deleteData{'' if of_one else 'OfApp'}",
        "summary": f"Delete the data of whoever asks Meta for it, {_whose(of_one=of_one)}",
        "description": "Meta's data deletion request callback. With the owner of an account go the connection and the "
        "account's conversations, with a customer all their conversations.",
        "responses": {
            "200": _json(
                "It has begun; also where nobody is known by that id.",
                {
                    "url": {"type": "string", "description": "A page that says how far it has come."},
                    "confirmation_code": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                },
            ),
            **failures.responses(_CODES),
        },
    }


def _page() -> Json:
    return {
        "operationId": "showDeletion",
        "tags": ["Webhook"],
        "summary": "Show people how far a deletion has come",
        "description": "A page for browsers. It tells times, and nothing of anybody. A code is known for a year.",
        "security": [],
        "responses": {
            "200": {"description": "The data is being deleted, or is deleted: a page.", "content": _PAGE},
            "404": {"description": "There is no such deletion: a page.", "content": _PAGE_OR_GATEWAY},
            "5XX": {"description": "Not available: a page.", "content": _PAGE_OR_GATEWAY},
        },
    }


def _whose(*, of_one: bool) -> str:
    return "for one agent with an app of its own" if of_one else "for the deployment's apps"


def _json(words: str, properties: Json) -> Json:
    schema = {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}
    return {"description": words, "content": {"application/json": {"schema": schema}}}
