"""The route to which browsers come back from Meta's login, which no resolver of ours describes."""

from typing import Any

type Json = dict[str, Any]

_PAGE = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
_PAGE_OR_GATEWAY = _PAGE | {"application/json": {"schema": {"$ref": "#/components/schemas/GatewayFailure"}}}


def item() -> Json:
    """Return what stands at the path of the callback."""
    return {
        "get": {
            "operationId": "finishLogin",
            "tags": ["Webhook"],
            "summary": "Take a browser back from Meta's login",
            "description": "Meta sends the account's owner here. The account is connected to the agent for which the "
            "login was asked for, and the browser goes on to the `returnUrl`. Frontends do not call this.",
            "security": [],
            "parameters": [
                _query("state", "What the login was begun with: good once, for ten minutes.", required=True),
                _query("code", "What Meta gives for the access token. Absent where it gives none."),
                _query("error", "Why not: `access_denied` where the owner did not want to."),
                _query("error_reason", "Not read."),
                _query("error_description", "Not read."),
            ],
            "responses": {
                "200": {"description": "Connected, or a choice among several accounts: a page.", "content": _PAGE},
                "302": {
                    "description": "To the `returnUrl`, with `instagram=connected`, or `instagram=failed` and `code`.",
                    "headers": {"Location": {"schema": {"type": "string"}}},
                },
                "4XX": {"description": "Not connected: a page that says why.", "content": _PAGE_OR_GATEWAY},
                "5XX": {"description": "Not connected: a page that says why.", "content": _PAGE_OR_GATEWAY},
            },
        }
    }


def _query(name: str, words: str, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "description": words, "schema": {"type": "string"}}
