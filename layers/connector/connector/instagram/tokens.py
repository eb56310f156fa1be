"""Access tokens: what Meta says of one, and how to come from one that dies soon to one that lives long.

A token goes into a header or a body, never into a URL. Hence `debug_token`, which knows only a query parameter, is
asked in a batch, whose requests stand in the body (Meta, "Graph API: batch requests").
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from connector.accounts import AccessToken, App
from connector.errors import OutcomeUnknown, Refused, TryLater
from connector.instagram.errors import body_of
from connector.instagram.fields import named_id
from connector.instagram.graph import Graph

_PAGE = "PAGE"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What Meta says of a token (Meta, "debug_token")."""

    is_valid: bool
    is_page_token: bool
    page_id: str | None
    """Which Page's, where it is one's and Meta tells."""
    app_id: str
    owner_id: str | None
    """The app-scoped id of the person who allowed the app in."""
    permissions: tuple[str, ...]
    issued_at: datetime | None
    expires_at: datetime | None
    """None for never."""


@dataclass(frozen=True, slots=True)
class LongToken:
    """A token that lives for about 60 days, or for ever."""

    value: str = field(repr=False)
    expires_at: datetime | None


class Tokens:
    """What Meta's APIs do about tokens."""

    def __init__(
        self,
        graph_of: Callable[[AccessToken], Graph],
        unversioned_of: Callable[[AccessToken], Graph],
        clock: Callable[[], datetime],
    ) -> None:
        self._graph_of = graph_of
        self._unversioned_of = unversioned_of
        self._clock = clock

    def inspect(self, token: str, app: App) -> Inspection:
        """Return what Meta says of a Page's or person's token, asked by the app `app`.

        Raises:
            ReconnectNeeded, Refused: Meta does not say; the app's id or secret is wrong, most often.
            TryLater: not now, or Meta refuses without saying why.
        """
        graph = self._graph_of(AccessToken(f"{app.app_id}|{app.secret}"))
        request = {"method": "GET", "relative_url": f"debug_token?input_token={quote(token, safe='')}"}
        try:
            told = graph.change("POST", (), json={"batch": [request], "include_headers": False}).get("data")
            data = _single(told).get("data")
        except OutcomeUnknown as error:
            raise TryLater(error.message).quoting(error.quote) from error  # it only reads
        if not isinstance(data, dict):
            raise Refused("graph_refused", "Meta does not say what kind of token this is.")
        return _inspection(data)

    def page_token(self, token: AccessToken, page_id: str) -> str | None:
        """Return the token of a Page for the token of a person who may write messages for it; None where it has none.

        A Page token that comes of a long-lived token does not expire (Meta, "Get a long-lived Page access token").

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        found = self._graph_of(token).get(page_id, {"fields": "access_token"}).get("access_token")
        return found if isinstance(found, str) and found else None

    def extend_person(self, token: str, app: App) -> LongToken:
        """Return a long-lived token for a person's short-lived one (Meta, "Long-lived access tokens").

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: there is none.
        """
        form = {
            "grant_type": "fb_exchange_token",
            "client_id": app.app_id,
            "client_secret": app.secret,
            "fb_exchange_token": token,
        }
        return self._long(self._graph_of(AccessToken(token)).change("POST", ("oauth", "access_token"), form=form))

    def extend_account(self, token: str, app: App) -> LongToken:
        """Return a long-lived token for an Instagram user's short-lived one (Meta, "Business Login for Instagram").

        Raises:
            ReconnectNeeded, Refused, TryLater: there is none; the token is long-lived already, most often.
        """
        params = {"grant_type": "ig_exchange_token", "client_secret": app.secret}
        return self._long(self._unversioned_of(AccessToken(token)).get("access_token", params))

    def refresh_account(self, token: AccessToken) -> LongToken:
        """Return an Instagram user's token with another 60 days to live (Meta, "Refresh a long-lived token").

        Only for one that is at least 24 hours old, and alive.

        Raises:
            ReconnectNeeded: it is dead.
            Refused: it is not to be refreshed (now).
            TryLater: not now.
        """
        params = {"grant_type": "ig_refresh_token"}
        return self._long(self._unversioned_of(token).get("refresh_access_token", params))

    def _long(self, answer: Mapping[str, Any]) -> LongToken:
        value, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(value, str) or not value:
            raise TryLater("Meta answered without a token.")
        lives = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds < 10**9 else None
        return LongToken(value, self._clock() + lives if lives else None)


def _single(told: object) -> Mapping[str, Any]:
    """Return the body of the only answer in a batch. Each answer carries its own HTTP status as `code`.

    Raises:
        OutsideError: as `error_of`.
    """
    first = told[0] if isinstance(told, list) and told else None
    if not isinstance(first, dict):
        raise TryLater("Meta did not answer a call within a batch.")  # null, where it took too long
    status = first.get("code")
    return body_of(status if isinstance(status, int) else HTTPStatus.OK, _object(first.get("body")))


def _object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _inspection(data: Mapping[str, Any]) -> Inspection:
    scopes = data.get("scopes")
    return Inspection(
        is_valid=data.get("is_valid") is True,
        is_page_token=data.get("type") == _PAGE,
        page_id=named_id(data.get("profile_id")),
        app_id=named_id(data.get("app_id")) or "",
        owner_id=named_id(data.get("user_id")),
        permissions=tuple(sorted(map(str, scopes))) if isinstance(scopes, list) else (),
        issued_at=_moment(data.get("issued_at")),
        expires_at=_moment(data.get("expires_at")),
    )


def _moment(seconds: object) -> datetime | None:
    """Read seconds since 1970; 0 is never."""
    known = isinstance(seconds, int) and 0 < seconds < 10**11
    return datetime.fromtimestamp(seconds, UTC) if known and isinstance(seconds, int) else None
