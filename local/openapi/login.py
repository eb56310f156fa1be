"""The route to which browsers come back from Meta's login, which no resolver of ours describes."""

from typing import Any

type Json = dict[str, Any]

_PAGE = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
_PAGE_OR_GATEWAY = _PAGE | {"application/json": {"schema": {"$ref": "#/components/schemas/GatewayFailure"}}}

_NOT_CONNECTED = {
    "4XX": {"description": "Not connected: a page that says why.", "content": _PAGE_OR_GATEWAY},
    "5XX": {"description": "Not connected: a page that says why.", "content": _PAGE_OR_GATEWAY},
}


def item() -> Json:
    """Return what stands at the path of the callback."""
    return {
        "get": {
            "operationId": "finishLogin",
            "tags": ["Webhook"],
            "summary": "Take a browser back from Meta's login",
            "description": "Meta sends the account's owner here. A page asks whether to connect the account to the "
            "agent for which the login was asked for. Nothing is connected yet. Frontends do not call this.",
            "security": [],
            "parameters": [
                _query("state", "What the login was begun with: good once, for ten minutes.", required=True),
                _query("code", "What Meta gives for the access token. Absent where it gives none."),
                _query("error", "Why not: `access_denied` where the owner did not want to."),
                _query("error_reason", "Not read."),
                _query("error_description", "Not read."),
            ],
            "responses": {
                "200": {"description": "A page that asks whether to connect.", "content": _PAGE},
                "303": _back("To the `returnUrl`, with `instagram=failed` and `code`."),
                **_NOT_CONNECTED,
            },
        },
        "post": {
            "operationId": "confirmLogin",
            "tags": ["Webhook"],
            "summary": "Connect the account that the owner confirms",
            "description": "The form of the page that `finishLogin` answers. The account is connected, and the browser "
            "goes on to the `returnUrl`. The ticket is good once, for ten minutes. Frontends do not call this.",
            "security": [],
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-www-form-urlencoded": {
                        "schema": {
                            "type": "object",
                            "required": ["state", "ticket", "account"],
                            "properties": {
                                "state": {"type": "string", "description": "What the login was begun with."},
                                "ticket": {"type": "string", "description": "The page's proof."},
                                "account": {"type": "string", "description": "The account's id; empty for Cancel."},
                            },
                        }
                    }
                },
            },
            "responses": {
                "200": {"description": "Connected: a page.", "content": _PAGE},
                "303": _back("To the `returnUrl`, with `instagram=connected`, or `instagram=failed` and `code`."),
                **_NOT_CONNECTED,
            },
        },
    }


def _back(words: str) -> Json:
    return {"description": words, "headers": {"Location": {"schema": {"type": "string"}}}}


def _query(name: str, words: str, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "description": words, "schema": {"type": "string"}}
