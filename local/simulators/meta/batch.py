"""The Batch API: several calls in one (Meta's page "Batch Requests")."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, current_app, jsonify, request

from local.simulators.meta import errors, token_errors
from local.simulators.meta.graph_request import parameters
from local.simulators.meta.identity import request_token
from local.simulators.meta.shapes import Json
from local.simulators.server import AFTER_ANSWER

MAX_CALLS = 50


def add_batch_route(graph: Blueprint) -> None:
    """Carry out calls one after another, each answered with its own status."""

    @graph.post("/", strict_slashes=False)
    def serve_batch() -> Response:
        given = parameters()
        token = request_token()
        if token is None:
            raise token_errors.no_token()
        calls = _parse(given.get("batch"))
        with_headers = str(given.get("include_headers", "true")).lower() not in {"false", "0"}
        return jsonify([_carry_out(call, token, given.get("appsecret_proof"), with_headers) for call in calls])


def _parse(batch: Any) -> list[Json]:
    try:
        calls = json.loads(batch) if isinstance(batch, str) else batch
    except ValueError as error:
        raise errors.invalid_parameter("param batch must be an array.") from error
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        raise errors.invalid_parameter("param batch must be an array.")
    if len(calls) > MAX_CALLS:
        raise errors.invalid_parameter(f"Too many requests in batch message. Maximum batch size is {MAX_CALLS}")
    return calls


def _carry_out(call: Json, token: str, proof: Any, with_headers: bool) -> Json:
    """Make one call. It has the token of the whole batch, and the proof of that, unless it brings a token."""
    url = str(call.get("relative_url", "")).lstrip("/")
    body = str(call.get("body", ""))
    own = {**dict(parse_qsl(urlsplit(url).query)), **dict(parse_qsl(body))}
    headers = {} if "access_token" in own else {"Authorization": f"Bearer {token}"}
    if proof is not None and "access_token" not in own and "appsecret_proof" not in own:
        url += f"{'&' if '?' in url else '?'}appsecret_proof={proof}"
    answer = current_app.test_client().open(
        _path(url),
        method=str(call.get("method", "GET")).upper(),
        headers=headers,
        data=body or None,
        content_type="application/x-www-form-urlencoded" if body else None,
        environ_overrides={AFTER_ANSWER: request.environ[AFTER_ANSWER]},
    )
    shown: Json = {"code": answer.status_code}
    if with_headers:
        shown["headers"] = [{"name": name, "value": value} for name, value in answer.headers]
    return shown | {"body": answer.get_data(as_text=True).strip()}


def _path(url: str) -> str:
    """Put the version of the batch before a URL that names none."""
    version = request.path.strip("/")
    named = url.split("/", 1)[0]
    return f"/{url}" if not version or (named[:1] == "v" and named[1:2].isdigit()) else f"/{version}/{url}"
