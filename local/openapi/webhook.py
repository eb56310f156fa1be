"""Meta's routes, which no resolver of ours describes: the handshake, and what Meta tells."""

from typing import Any

from local.openapi import failures

type Json = dict[str, Any]

_TEXT = {"Content-Type": "text/plain"}


def operations(suffix: str, whose: str) -> Json:
    """Return the operations of a webhook path. `suffix` keeps the ids of two such paths apart."""
    return {"get": _handshake(suffix, whose), "post": _notification(suffix, whose)}


def _handshake(suffix: str, whose: str) -> Json:
    return {
        "operationId": f"verifyWebhook{suffix}",
        "tags": ["Webhook"],
        "summary": f"Answer Meta's handshake, {whose}",
        "description": "Meta calls this when somebody saves the address in its dashboard. Frontends do not.",
        "security": [],
        "parameters": [
            _query("hub.mode", {"const": "subscribe"}, "What Meta wants."),
            _query("hub.verify_token", {"type": "string", "minLength": 1}, "`webhookVerificationToken` of connect."),
            _query("hub.challenge", {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,256}$"}, "Meta wants it back."),
        ],
        "responses": {
            "200": _text("The bare challenge."),
            **failures.responses(("invalid_request", "forbidden", "not_found", "internal_error", "unavailable")),
        },
    }


def _notification(suffix: str, whose: str) -> Json:
    codes = ("invalid_request", "unauthorized", "not_found", "payload_too_large", "internal_error", "unavailable")
    return {
        "operationId": f"receiveWebhook{suffix}",
        "tags": ["Webhook"],
        "summary": f"Take what Meta tells, {whose}",
        "description": "Meta posts here what happens on Instagram. Whatever is signed is taken, also what nobody "
        "understands yet: Meta would only send the same again. The proof is the signature of the bytes.",
        "security": [],
        "parameters": [
            {
                "name": "X-Hub-Signature-256",
                "in": "header",
                "required": True,
                "description": "The HMAC-SHA256 of the body under the app secret.",
                "schema": {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Notifications"}}},
        },
        "responses": {"200": _text("`EVENT_RECEIVED`: everything is queued."), **failures.responses(codes)},
    }


SCHEMAS: Json = {
    "Notifications": {
        "type": "object",
        "description": "What Meta tells, as its page “Webhooks for Instagram” describes it.",
        "required": ["object", "entry"],
        "properties": {
            "object": {"const": "instagram"},
            "entry": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "time"],
                    "properties": {
                        "id": {"type": "string", "description": "The Instagram account."},
                        "time": {"type": "integer"},
                        "messaging": {"type": "array", "items": {"type": "object"}},
                        "standby": {"type": "array", "items": {"type": "object"}},
                        "changes": {"type": "array", "items": {"type": "object"}},
                    },
                },
            },
        },
    }
}


def _query(name: str, schema: Json, words: str) -> Json:
    return {"name": name, "in": "query", "required": True, "description": words, "schema": schema}


def _text(words: str) -> Json:
    return {"description": words, "content": {"text/plain; charset=utf-8": {"schema": {"type": "string"}}}}
