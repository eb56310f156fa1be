"""The login dialogs of www.instagram.com and www.facebook.com, with a person who answers at once.

Meta's pages "Business Login for Instagram" and "Manually Build a Login Flow". Any http redirect URI is taken as
registered. `simulator_answer` and `simulator_account` in the dialog's URL go before what `Dialog` says.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from local.simulators.clock import now_ms
from local.simulators.meta import identifiers
from local.simulators.meta.login import Dialog, DialogAnswer, LoginCode
from local.simulators.meta.oauth_errors import OAuthError
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import FACEBOOK_SCOPES, INSTAGRAM_SCOPES, Login
from local.simulators.meta.world import World

_KEPT_CODES = 500
_DENIED = {
    "instagram": {
        "error": "access_denied",
        "error_reason": "user_denied",
        "error_description": "The user denied your request",
    },
    "facebook": {
        "error": "access_denied",
        "error_code": "200",
        "error_description": "Permissions error",
        "error_reason": "user_denied",
    },
}
_FRAGMENTS = {"instagram": "_", "facebook": "_=_"}
_PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><title>Log in</title>
<style>body{font:16px system-ui;max-width:24rem;margin:15vh auto;padding:0 1rem}a{display:block;padding:.7rem 1rem;
margin:.5rem 0;border:1px solid #8888;border-radius:.6rem;color:inherit;text-decoration:none}</style>
<h1>{{ title }}</h1><p>The app asks for: {{ scopes | join(", ") }}.</p>
{% for name, url in choices %}<a href="{{ url }}">{{ name }}</a>{% endfor %}"""


def add_instagram_dialog(routes: Blueprint, simulation: Simulation) -> None:
    """Play www.instagram.com."""

    @routes.get("/oauth/authorize")
    def ask_at_instagram() -> AnyResponse:
        with simulation.state.change() as world:
            _check(world.instagram_app_id)
            _check_scopes(INSTAGRAM_SCOPES)
            return _answer(world, "instagram", _scopes())


def add_facebook_dialog(routes: Blueprint, simulation: Simulation) -> None:
    """Play www.facebook.com."""

    @routes.get("/dialog/oauth")
    def ask_at_facebook() -> AnyResponse:
        with simulation.state.change() as world:
            _check(world.app_id)
            return _answer(world, "facebook", _facebook_scopes(world.dialog.config_id))


def _check(app_id: str) -> None:
    """Refuse, in a page that leads nowhere, what Meta would not ask a person."""
    if request.args.get("client_id") != app_id:
        raise OAuthError("Invalid platform app")
    if not request.args.get("redirect_uri", "").startswith(("http://", "https://")):
        raise OAuthError("Invalid redirect_uri")
    if request.args.get("response_type", "code") != "code":
        raise OAuthError("Invalid response_type")


def _facebook_scopes(config_id: str | None) -> list[str]:
    """Return what the dialog asks for; an app with Facebook Login for Business names its configuration instead."""
    if "config_id" not in request.args and config_id is None:
        _check_scopes(FACEBOOK_SCOPES)
        return _scopes()
    if request.args.get("config_id") != config_id:
        raise OAuthError("Invalid config_id")
    if "scope" in request.args:
        raise OAuthError("Invalid Scopes: the configuration names them")
    return list(FACEBOOK_SCOPES)


def _check_scopes(known_scopes: Sequence[str]) -> None:
    unknown = [scope for scope in _scopes() if scope not in known_scopes]
    if unknown or not _scopes():
        raise OAuthError(f"Invalid Scopes: {', '.join(unknown) or 'none given'}")


def _answer(world: World, login: Login, scopes: list[str]) -> AnyResponse:
    dialog = replace(
        world.dialog,
        answer=cast("DialogAnswer", request.args.get("simulator_answer", world.dialog.answer)),
        account_id=request.args.get("simulator_account", world.dialog.account_id),
    )
    match dialog.answer:
        case "deny":
            return _back(_DENIED[login], "")
        case "ask":
            return _show_page(world, login, scopes)
    code = _issue_code(world, login, dialog, scopes)
    return _back({"code": code.code}, _FRAGMENTS[login])


def _issue_code(world: World, login: Login, dialog: Dialog, scopes: list[str]) -> LoginCode:
    asked = [*scopes, *(["public_profile"] if login == "facebook" else [])]
    code = LoginCode(
        code=identifiers.new_code(),
        login=login,
        redirect_uri=request.args["redirect_uri"],
        subject_id=_account_id(world, dialog) if login == "instagram" else _owner_id(world, dialog),
        scopes=[scope for scope in dict.fromkeys(asked) if scope not in dialog.declined],
        page_ids=dialog.page_ids,
        issued_at=now_ms() - 1000 * dialog.code_age_seconds,
    )
    world.codes[code.code] = code
    for old in list(world.codes)[:-_KEPT_CODES]:
        del world.codes[old]
    return code


def _account_id(world: World, dialog: Dialog) -> str:
    account_id = dialog.account_id or next(iter(world.accounts))
    if account_id not in world.accounts:
        raise OAuthError(f"The simulator has no account {account_id}.")
    return account_id


def _owner_id(world: World, dialog: Dialog) -> str:
    account = world.accounts.get(dialog.account_id or "")
    if dialog.account_id is not None and (account is None or account.page_id is None):
        raise OAuthError(f"The simulator has no Page that is linked to {dialog.account_id}.")
    if account is not None and account.page_id is not None:
        return world.owner_of(account.page_id).owner_id
    return dialog.owner_id or next(iter(world.owners))


def _back(parameters: dict[str, str], fragment: str) -> AnyResponse:
    """Send the browser back to the app, with `state` as it came."""
    parts = urlsplit(request.args["redirect_uri"])
    query = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
    if "state" in request.args:
        query.append(("state", request.args["state"]))
    return redirect(urlunsplit(parts._replace(query=urlencode(query), fragment=fragment)))


def _show_page(world: World, login: Login, scopes: list[str]) -> AnyResponse:
    people = [
        (f"Continue as {account.username}", account.account_id)
        for account in world.accounts.values()
        if login == "instagram" or account.page_id
    ]
    choices = [(name, _again("allow", account_id)) for name, account_id in people]
    title = "Log in with Instagram" if login == "instagram" else "Log in with Facebook"
    cancel = ("Cancel", _again("deny", ""))
    return Response(render_template_string(_PAGE, title=title, scopes=scopes, choices=[*choices, cancel]))


def _again(answer: DialogAnswer, account_id: str) -> str:
    chosen = {"simulator_answer": answer} | ({"simulator_account": account_id} if account_id else {})
    return f"{request.path}?{urlencode({**request.args, **chosen})}"


def _scopes() -> list[str]:
    return request.args.get("scope", "").replace(",", " ").split()
