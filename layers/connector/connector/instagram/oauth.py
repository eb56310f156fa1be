"""Meta's two logins: the address of the dialog, and the exchange of the code that comes of it.

Meta, "Business Login for Instagram" and "Manually Build a Login Flow" (Facebook). A code is good once, for an hour with
Instagram, for minutes with Facebook, and only for the redirect URI with which it was asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from connector.accounts import App, Login
from connector.errors import ConnectorError, LoginFailed, ReconnectNeeded, Refused, TokenInDoubt, TryLater
from connector.instagram.complaints import complaint_of
from connector.instagram.errors import error_of, is_error
from connector.instagram.permissions import names
from connector.logs import logger
from connector.transport import Answer, Transport

# Facebook asks again for what a person has refused before only when it is told to.
_MORE = {Login.FACEBOOK: {"auth_type": "rerequest"}, Login.INSTAGRAM: {}}

# "This authorization code has expired", "… has been used" (Meta, "Handling Errors"). Instagram has words only.
_OVER_SUBCODES = {36007, 36009}
_OVER_WORDS = re.compile(r"\b(already|been) used\b|\bexpired\b")

# What is wrong is the deployment's app: its id, its secret, the redirect URIs that are registered for it.
_APP_WORDS = re.compile(r"client secret|platform app|validating application|redirect_uri")


@dataclass(frozen=True, slots=True)
class Given:
    """What a code was exchanged for."""

    token: str = field(repr=False)
    """Of the person or account; it lives for an hour or so."""
    permissions: tuple[str, ...] | None
    """What was allowed, where Meta tells at once: Instagram does."""


def dialog_url(page: str, login: Login, app: App, *, redirect_uri: str, state: str) -> str:
    """Return the address at which a person is asked. `page` is the dialog's own, e.g. `…/oauth/authorize`."""
    asked = {"client_id": app.app_id, "redirect_uri": redirect_uri, "response_type": "code", "state": state}
    if app.config_id:  # Meta, "Facebook Login for Business": the configuration replaces `scope`
        wanted = {"config_id": app.config_id, "override_default_response_type": "true"}
    else:
        wanted = {"scope": ",".join(names(login))}
    return f"{page}?{urlencode(asked | wanted | _MORE[login])}"


def exchange(base_url: str, app: App, code: str, redirect_uri: str) -> Given:
    """Return what a code is good for. It is sent once: whatever comes of it, it is worth nothing afterwards.

    `base_url` is `https://api.instagram.com`, or for Facebook Login the Graph API's, with its version.

    Raises:
        LoginFailed: the code was used before, or is too old, or Meta does not accept it for another reason.
        TryLater, OutcomeUnknown: Meta did not answer.
    """
    form = {
        "client_id": app.app_id,
        "client_secret": app.secret,
        "grant_type": "authorization_code",
        "redirect_uri": redirect_uri,
        "code": code.removesuffix("#_"),  # Instagram appends it; browsers keep it to themselves
    }
    answer = Transport("Meta", base_url, None).send("POST", ("oauth", "access_token"), form=form)
    if is_error(answer):
        raise _refusal(answer)
    given = _given(answer.body or {})
    token = given.get("access_token")
    if not isinstance(token, str) or not token:
        raise TryLater("Meta answered without a token. Start again.")
    return Given(token, _permissions(given.get("permissions")))


def _given(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was given: Instagram wraps it into a list as documented, or does not."""
    wrapped = body.get("data")
    first = wrapped[0] if isinstance(wrapped, list) and wrapped else body
    return first if isinstance(first, Mapping) else {}


def _permissions(told: object) -> tuple[str, ...] | None:
    if isinstance(told, str):
        told = told.split(",")
    return tuple(sorted(str(name).strip() for name in told)) if isinstance(told, list) and told else None


def _refusal(answer: Answer) -> ConnectorError:
    """Sort a refusal by its words: of Instagram's, nothing else tells one from another."""
    complaint, by_code = complaint_of(answer.body, answer.status), error_of(answer)
    said = complaint.words if complaint else ""
    if (complaint and complaint.subcode in _OVER_SUBCODES) or _OVER_WORDS.search(said):
        refused = LoginFailed(
            "login_over", "Meta says that this login was used already, or took too long. Start again."
        )
    elif _APP_WORDS.search(said):
        logger.error("Meta refuses our app", extra={"code": complaint.code if complaint else None})
        refused = LoginFailed(
            "login_refused",
            "Meta does not accept this login. The operator must check the app's id and secret, and the redirect URIs "
            "that are registered for it.",
        )
    elif by_code.code == "app_access_missing":
        refused = LoginFailed("app_access_missing", by_code.message)
    elif isinstance(by_code, Refused | ReconnectNeeded | TokenInDoubt):
        refused = LoginFailed("login_refused", "Meta does not accept this login. Start again.")
    else:
        return by_code
    refused.__cause__ = by_code
    return refused
