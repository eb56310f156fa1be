"""Tokens of Facebook Login (Meta's pages "Manually Build a Login Flow" and "Long-Lived Access Tokens")."""

from flask import Blueprint, Response, request

from local.simulators.clock import now_ms
from local.simulators.meta import errors, token_errors
from local.simulators.meta.errors import GraphError
from local.simulators.meta.identity import checked_token
from local.simulators.meta.issuing import issue_user_token
from local.simulators.meta.oauth_codes import answer_unless_lost, find_code, is_secret
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import LONG_SECONDS, SHORT_SECONDS
from local.simulators.meta.world import World


def add_facebook_token_route(routes: Blueprint, simulation: Simulation) -> None:
    """Exchange a code for an hour's user token, and that for one of 60 days."""

    def exchange() -> Response:
        with simulation.state.change() as world, simulation.faults.open() as faults:
            faults.refuse_token_call()
            return answer_unless_lost(faults, _exchange(world, expired=faults.expire_token))

    routes.add_url_rule("/oauth/access_token", "exchange_facebook", exchange, methods=["GET", "POST"])


def _exchange(world: World, *, expired: bool) -> Json:
    if request.values.get("client_id") != world.app_id:
        raise token_errors.unknown_app()
    if not is_secret(world.app_secret, request.values.get("client_secret")):
        raise token_errors.wrong_client_secret()
    match request.values.get("grant_type"):
        case "fb_exchange_token":
            return _lengthen(world, expired=expired)
        case "client_credentials":
            return {"access_token": f"{world.app_id}|{world.app_secret}", "token_type": "bearer"}
    return _exchange_code(world)


def _exchange_code(world: World) -> Json:
    code = find_code(world, "facebook", request.values.get("code"))
    if code is None:
        raise GraphError("Invalid verification code format.", 100, numbered=False)
    if code.used:
        raise GraphError("This authorization code has been used.", 100, 36009, numbered=False)
    if code.is_over(now_ms()):
        raise GraphError("This authorization code has expired.", 100, 36007, numbered=False)
    if request.values.get("redirect_uri") != code.redirect_uri:
        text = (
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used "
            "in the OAuth dialog request"
        )
        raise GraphError(text, 100, 36008, numbered=False)
    code.used = True
    token = issue_user_token(world, world.owners[code.subject_id], code.scopes, code.page_ids, short=True)
    return {"access_token": token.token, "token_type": "bearer", "expires_in": SHORT_SECONDS}


def _lengthen(world: World, *, expired: bool) -> Json:
    given = checked_token(world, request.values.get("fb_exchange_token"), expired=expired)
    if given.kind != "user" or given.app_id != world.app_id:
        raise errors.invalid_parameter("The parameter fb_exchange_token must be a user access token of this app")
    token = issue_user_token(world, world.owners[given.subject_id], given.scopes, given.page_ids)
    return {"access_token": token.token, "token_type": "bearer", "expires_in": LONG_SECONDS}
