"""Tokens of Instagram Login: api.instagram.com and graph.instagram.com (Meta's page "Business Login for Instagram")."""

from flask import Blueprint, Response, g, request

from local.simulators.clock import now_ms
from local.simulators.meta import errors, token_errors
from local.simulators.meta.errors import GraphError, ScriptedError
from local.simulators.meta.identity import AccountCaller, identify, request_token
from local.simulators.meta.issuing import issue_instagram_token
from local.simulators.meta.oauth_codes import answer_unless_lost, find_code, is_secret
from local.simulators.meta.oauth_errors import OAuthError
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import LONG_SECONDS, Token
from local.simulators.meta.world import World

_YOUNGEST_MS = 24 * 3600 * 1000  # a younger token is not refreshed


def add_instagram_token_routes(routes: Blueprint, simulation: Simulation) -> None:
    """Exchange a code for an hour's token, that for one of 60 days, and that for another one; without a version."""

    @routes.post("/oauth/access_token")
    def exchange_code() -> Response:
        with simulation.state.change() as world, simulation.faults.open() as faults:
            try:
                faults.refuse_token_call()
            except ScriptedError:
                raise
            except GraphError as error:
                raise OAuthError(error.text, error.code, error.status) from error
            return answer_unless_lost(faults, _exchange_code(world, flat=faults.flat_code_answer))

    @routes.get("/access_token")
    def lengthen() -> Response:
        g.speaks_instagram = True
        with simulation.state.change() as world, simulation.faults.open() as faults:
            faults.refuse_token_call()
            caller = _caller(world, expired=faults.expire_token)
            _require_grant("ig_exchange_token")
            if not is_secret(world.instagram_app_secret, request.args.get("client_secret")):
                raise token_errors.wrong_client_secret()
            if not caller.token.short:
                raise token_errors.session_key_invalid()
            return answer_unless_lost(faults, _renew(world, caller))

    @routes.get("/refresh_access_token")
    def refresh() -> Response:
        g.speaks_instagram = True
        with simulation.state.change() as world, simulation.faults.open() as faults:
            faults.refuse_token_call()
            caller = _caller(world, expired=faults.expire_token)
            _require_grant("ig_refresh_token")
            _require_refreshable(caller.token)
            return answer_unless_lost(faults, _renew(world, caller))


def _exchange_code(world: World, *, flat: bool) -> Json:
    given = request.form
    if given.get("client_id") != world.instagram_app_id:
        raise OAuthError("Invalid platform app")
    if not is_secret(world.instagram_app_secret, given.get("client_secret")):
        raise OAuthError("Error validating client secret.")
    if given.get("grant_type") != "authorization_code":
        raise OAuthError("Invalid grant_type")
    code = find_code(world, "instagram", given.get("code"))
    if code is None or code.used:
        raise OAuthError("Matching code was not found or was already used")
    if code.is_over(now_ms()):
        raise OAuthError("This authorization code has expired")
    if given.get("redirect_uri") != code.redirect_uri:
        raise OAuthError(
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used "
            "in the OAuth dialog request"
        )
    code.used = True
    account = world.accounts[code.subject_id]
    token = issue_instagram_token(world, account, code.scopes, short=True)
    user_id, scopes = account.app_scoped_id, code.scopes
    if flat:
        return {"access_token": token.token, "user_id": int(user_id), "permissions": scopes}
    return {"data": [{"access_token": token.token, "user_id": user_id, "permissions": ",".join(scopes)}]}


def _caller(world: World, *, expired: bool) -> AccountCaller:
    caller = identify(world, request_token(), expired=expired)
    if not isinstance(caller, AccountCaller):
        raise token_errors.invalid_token(instagram_login=True)
    return caller


def _require_grant(name: str) -> None:
    if request.args.get("grant_type") != name:
        raise errors.invalid_parameter(f"The parameter grant_type must be {name}")


def _require_refreshable(token: Token) -> None:
    if token.short:
        raise token_errors.session_key_invalid()
    if "instagram_business_basic" not in token.scopes:
        raise token_errors.missing_permission()
    if now_ms() - token.issued_at < _YOUNGEST_MS:
        raise errors.invalid_parameter("The access token must be at least 24 hours old to be refreshed")


def _renew(world: World, caller: AccountCaller) -> Json:
    """Make a token of 60 days that may do the same. The old one lives on to its own end."""
    token = issue_instagram_token(world, caller.account, caller.token.scopes)
    caller.account.instagram_token = token.token
    return {"access_token": token.token, "token_type": "bearer", "expires_in": LONG_SECONDS}
