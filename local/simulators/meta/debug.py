"""`GET /debug_token`: what an app may learn about a token of its own (Meta's page "Debug Access Token")."""

import hmac

from flask import Blueprint, Response, jsonify

from local.simulators.meta import errors, token_errors
from local.simulators.meta.errors import APP_NAME, GraphError
from local.simulators.meta.graph_request import parameters
from local.simulators.meta.identity import refusal_of, request_token
from local.simulators.meta.issuing import pages_of
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import Token
from local.simulators.meta.world import World

_TYPES = {"page": "PAGE", "user": "USER", "system_user": "SYSTEM_USER"}


def add_debug_route(graph: Blueprint, simulation: Simulation) -> None:
    """Answer an app that shows its id and secret."""

    @graph.get("/debug_token")
    def debug_token() -> Response:
        with simulation.state.read() as world, simulation.faults.open() as faults:
            _require_app(world, request_token())
            faults.refuse_call(world.app_id)
            faults.refuse_token_call()
            wanted = parameters().get("input_token")
            if not wanted:
                raise errors.invalid_parameter("The parameter input_token is required")
            return jsonify(data=_describe(world, str(wanted), expired=faults.expire_token))


def _require_app(world: World, token: str | None) -> None:
    if not token:
        raise token_errors.no_token()
    app_id, _, secret = token.partition("|")
    if not secret:
        raise errors.invalid_parameter(
            "You must provide an app access token, or a user access token that is an owner or developer of the app"
        )
    if app_id != world.app_id:
        raise token_errors.unknown_app()
    if not hmac.compare_digest(secret.encode(), world.app_secret.encode()):
        raise token_errors.invalid_signature()


def _describe(world: World, name: str, *, expired: bool) -> Json:
    """Describe a token of this app. One of Instagram Login belongs to another app, and cannot be parsed by this one."""
    if name == f"{world.app_id}|{world.app_secret}":
        return {"app_id": world.app_id, "type": "APP", "application": APP_NAME, "is_valid": True, "scopes": []}
    token = world.tokens.get(name)
    if token is None or token.login == "instagram":
        return {"error": _error(token_errors.invalid_token(instagram_login=False)), "is_valid": False, "scopes": []}
    if token.app_id != world.app_id:
        raise token_errors.token_of_another_app()
    refusal = refusal_of(token, expired=expired)
    described: Json = {
        "app_id": token.app_id,
        "type": _TYPES[token.kind],
        "application": APP_NAME,
        "data_access_expires_at": _seconds(token.data_access_expires_at),
        "expires_at": _seconds(token.expires_at),
        "is_valid": refusal is None,
        "issued_at": _seconds(token.issued_at),
        "user_id": token.owner_id,
        "scopes": token.scopes if refusal is None else [],
    }
    if token.kind == "page":
        described["profile_id"] = token.subject_id
    if refusal is None:
        return described | {"granular_scopes": _granular_scopes(world, token)}
    return described | {"error": _error(refusal)}


def _granular_scopes(world: World, token: Token) -> list[Json]:
    """List what each permission is about; a person who chose no Pages gave all of them, and no ids are told."""
    pages = [world.pages[token.subject_id]] if token.kind == "page" else pages_of(world, token)
    accounts = [account.account_id for page in pages if (account := world.professional_of(page))]
    found: list[Json] = []
    for scope in token.scopes:
        if scope.startswith(("pages_", "instagram_")):
            targets = [page.page_id for page in pages] if scope.startswith("pages_") else accounts
            told = token.kind == "page" or token.page_ids is not None
            found.append({"scope": scope, "target_ids": targets} if told else {"scope": scope})
    return found


def _error(refusal: GraphError) -> Json:
    subcode = {} if refusal.subcode is None else {"subcode": refusal.subcode}
    return {"code": refusal.code, "message": refusal.text} | subcode


def _seconds(moment_ms: int | None) -> int:
    """Write a time as Meta does here: in seconds, 0 where it never comes."""
    return 0 if moment_ms is None else moment_ms // 1000
