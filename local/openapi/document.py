"""The API's description: the schemas that each function's resolver makes, put together, in the guide's words."""

import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from connector.tenancy import ID_PATTERN
from local.openapi import failures, guide, login, people, webhook
from local.openapi.operations import OPERATIONS, Link, Operation
from local.openapi.schemas import explained, fit, not_null
from local.template import ROOT, Function, read_template

type Json = dict[str, Any]

PATH = ROOT / "docs" / "openapi.json"

_NDJSON = {"application/x-ndjson": {"schema": {"type": "string", "description": "A message or an event on each line."}}}
_NEXT = {
    "Link": {
        "description": 'Where there is more: the path and query of the next lines, with `rel="next"`.',
        "schema": {"type": "string"},
    }
}
_OF_POWERTOOLS = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}
"""Its own shapes of failures, which our resolvers never answer with."""

_WORDS = """\
Puts a Retell AI chat agent behind an Instagram inbox. The frontend guide tells the same as a story, with an example \
of each route; this is for tools: clients, mocks, tests.

Send ids as strings: they are too large for a JavaScript number. All times are ISO 8601, UTC. A body is JSON, whatever \
its label says. Fields and parameters that are not described here are refused.

A path or method that is not described here is answered 404 by API Gateway, and not 405: `{"message": "Not Found"}`."""

_BEARER = """\
Your own server issues the token: an HS256 JWT (or RS256 or ES256, by a key set) with the claims `sub`, `iat`, `exp`, \
`subaccountId` (one or a list), and, if it is for some agents only, `agentIds` and `retellAgentIds`."""


def text() -> str:
    """Return the description as the file holds it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Json:
    """Return the description.

    Raises:
        LookupError: a route has no entry in `operations.py`, or the guide lacks what is taken from it.
    """
    paths: dict[str, Json] = {}
    schemas: Json = {**failures.SCHEMAS, **webhook.SCHEMAS}
    for function in read_template().functions:
        if function.name == "webhook":
            for path in dict.fromkeys(route.path for route in function.routes):
                of_one = "{agentId}" in path
                told = webhook.operations("" if of_one else "OfApp", "for one agent" if of_one else "for a whole app")
                paths[path] = {"parameters": _path_parameters()} | told if of_one else told
        elif function.name == "finish_login":
            paths[function.routes[0].path] = login.item()
        elif function.name in people.FUNCTIONS:
            for route in function.routes:
                of_one = "{agentId}" in route.path
                told = people.item(function.name, of_one=of_one)
                paths[route.path] = {"parameters": _path_parameters()} | told if of_one else told
        elif function.routes:
            path, item, models = _described(function)
            paths[path] = paths.get(path, {}) | item  # one path may have several methods, each a function
            schemas |= models
    ours = {name: explained(name, schema) for name, schema in sorted(schemas.items())}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Instagram agent connector",
            "version": _version(),
            "description": _WORDS,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {"url": "/", "description": "Where this is served: `make run` does."},
            {
                "url": "https://{host}",
                "description": "Deployed: the output `ApiUrl` of the stack.",
                "variables": {"host": {"default": "api.example.com"}},
            },
        ],
        "security": [{"bearer": []}],
        "tags": [
            {"name": "Connection", "description": "An agent and its Instagram account."},
            {"name": "Conversations", "description": "What is written, and who answers it."},
            {"name": "Webhook", "description": "Meta's side."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER}
            },
            "parameters": {**_PATH_PARAMETERS, "code": people.CODE},
            "headers": {
                "RequestId": {
                    "description": "The id of the request, to quote to support. Log lines carry it too.",
                    "schema": {"type": "string"},
                },
                "RetryAfter": {
                    "description": "After how many seconds the same request may succeed.",
                    "schema": {"type": "integer", "minimum": 1},
                },
            },
            "schemas": ours,
        },
    }


def _version() -> str:
    import tomllib

    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


_PATH_PARAMETERS: Mapping[str, Json] = {
    name: {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
        "example": guide.SAMPLES[name],
    }
    for name, words in (("subaccountId", "Whose agent it is."), ("agentId", "Which agent it is."))
}


def _path_parameters() -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in _PATH_PARAMETERS]


def _described(function: Function) -> tuple[str, Json, Json]:
    """Return the path of an API function, what stands there, and the schemas that it needs."""
    if function.name not in OPERATIONS:
        raise LookupError(f"local/openapi/operations.py says nothing of {function.name}.")
    told = OPERATIONS[function.name]
    (route,) = function.routes
    app = importlib.import_module(f"functions.{function.name}.app").app
    made = fit(json.loads(app.get_openapi_json_schema(title=function.name, version="1")))
    (item,) = made["paths"].values()
    ((method, operation),) = item.items()
    models = {name: one for name, one in made["components"]["schemas"].items() if name not in _OF_POWERTOOLS}
    described = {
        "operationId": told.id,
        "tags": [told.tag],
        "summary": told.summary,
        "description": told.words,
        "parameters": list(_parameters(told, operation)),
        "requestBody": _body(told, route.path, operation),
        "responses": _responses(told, route.path, operation),
    }
    kept = {name: one for name, one in described.items() if one}
    return route.path, {"parameters": _path_parameters(), method: kept}, models


def _parameters(told: Operation, operation: Json) -> Iterator[Json]:
    words = {_KEY: _KEY_WORDS, **(guide.fields(_SECTION[told.id]) if told.id in _SECTION else {})}
    for one in operation["parameters"]:
        name = one["name"].title() if one["in"] == "header" else one["name"]
        if one["in"] != "path":
            yield one | {"name": name, "description": words.get(name, ""), "schema": not_null(one["schema"])}


_SECTION = {
    "authorize": "Connect by login",
    "getStatus": "Status",
    "listMessages": "Messages",
    "listConversations": "Conversations",
    "exportMessages": "Export",
}
_KEY = "Idempotency-Key"
_KEY_WORDS = "A name of your own for this request, such as a UUID: repeated with it, the request is carried out once."


def _body(told: Operation, path: str, operation: Json) -> Json | None:
    body: Json | None = operation.get("requestBody")
    if body is None:
        return None
    content = body["content"]["application/json"]
    asked = [one for one in guide.examples() if one.path == path and one.status == "200" and one.body]
    return body | {"content": {"application/json": content | _examples(told, [one.body for one in asked])}}


def _responses(told: Operation, path: str, operation: Json) -> Json:
    success = operation["responses"]["200"]
    made = {"200": success | {"description": "Done.", "links": _links(told)}} | failures.responses(
        (*failures.EVERYWHERE, *told.codes)
    )
    if told.id == "exportMessages":
        made["200"] |= {"content": _NDJSON, "headers": _NEXT}
        return made
    for status, answer in made.items():
        shown = [one.answer for one in guide.examples() if (one.path, one.status) == (path, status)]
        answer["content"]["application/json"] |= _examples(told, shown)
    return made


def _examples(told: Operation, values: list[Any]) -> Json:
    """Return what the guide shows, each thing once. An answer that it shows in part is no example."""
    whole = [one for one in values if '"…":' not in json.dumps(one, ensure_ascii=False)]
    unlike = [one for index, one in enumerate(whole) if one not in whole[:index]]
    named = {f"{told.id}{index}": {"value": one} for index, one in enumerate(unlike, start=1)}
    return {"examples": named} if named else {}


def _links(told: Operation) -> Json:
    return {link.to: _link(link) for link in told.links}


def _link(link: Link) -> Json:
    same = {name: f"$request.path.{name}" for name in _PATH_PARAMETERS}
    made: Json = {"operationId": link.to, "description": link.words, "parameters": {**same, **link.parameters}}
    return made | ({"requestBody": link.body} if link.body else {})
