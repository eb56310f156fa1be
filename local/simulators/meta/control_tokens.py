"""The control API of tokens: making them, ageing them, taking them away."""

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field

from local.simulators.clock import iso, now_ms
from local.simulators.control import ControlBody, ControlError, parse_body
from local.simulators.meta.identity import refusal_of
from local.simulators.meta.issuing import issue_instagram_token, issue_page_token, issue_user_token
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import FACEBOOK_SCOPES, INSTAGRAM_SCOPES, Login, Revocation, Token, TokenKind
from local.simulators.meta.world import World

type Seconds = Annotated[int, Field(ge=-(10**9), le=10**9)]


class NewToken(ControlBody):
    """A token to make: of a Page, a Facebook person, a system user, or an Instagram account.

    `accountId` stands for its Page, or the owner of that, where the kind asks for one. `pageIds` are the Pages that a
    person chose to show; without it, all.
    """

    kind: TokenKind
    account_id: str | None = None
    page_id: str | None = None
    owner_id: str | None = None
    short: bool = False
    scopes: list[str] | None = None
    page_ids: list[str] | None = None


class Revoked(ControlBody):
    """The error that a revoked token gets."""

    code: int = 190
    subcode: int | None = None


class TokenChange(ControlBody):
    """What becomes of tokens; what is absent stays as it is.

    `issuedSecondsAgo` moves the whole life of the token. `expiresInSeconds: null` has it live for ever, a negative
    number has it expired. `revoked: null` makes it good again.
    """

    login: Login | None = None
    issued_seconds_ago: Seconds | None = None
    expires_in_seconds: Seconds | None = None
    data_access_expires_in_seconds: Seconds | None = None
    revoked: Revoked | None = None
    scopes: list[str] | None = None
    without_scopes: list[str] = Field(default_factory=list)
    app_id: str | None = None


def add_token_routes(control: Blueprint, simulation: Simulation) -> None:
    """All routes under `/_simulator/tokens`; a token is named by itself, or all of an account, Page or owner by id."""

    @control.get("/tokens")
    def read_tokens() -> Response:
        with simulation.state.read() as world:
            return jsonify(tokens=[show_token(token) for token in world.tokens.values()])

    @control.get("/tokens/<name>")
    def read_some_tokens(name: str) -> Response:
        with simulation.state.read() as world:
            return jsonify(tokens=[show_token(token) for token in _find(world, name, None)])

    @control.post("/tokens")
    def make_token() -> tuple[Response, int]:
        wanted = parse_body(NewToken)
        with simulation.state.change() as world:
            return jsonify(show_token(_make(world, wanted))), 201

    @control.put("/tokens/<name>")
    def change_tokens(name: str) -> Response:
        wanted = parse_body(TokenChange)
        with simulation.state.change() as world:
            found = _find(world, name, wanted.login)
            for token in found:
                _change(token, wanted, now_ms())
            return jsonify(tokens=[show_token(token) for token in found])


def show_token(token: Token) -> Json:
    """Show a token and all that the simulator knows of it."""
    return {
        "token": token.token,
        "kind": token.kind,
        "subjectId": token.subject_id,
        "ownerId": token.owner_id,
        "appId": token.app_id,
        "scopes": token.scopes,
        "short": token.short,
        "issuedAt": iso(token.issued_at),
        "expiresAt": _shown(token.expires_at),
        "dataAccessExpiresAt": _shown(token.data_access_expires_at),
        "revoked": None if token.revoked is None else {"code": token.revoked.code, "subcode": token.revoked.subcode},
        "valid": refusal_of(token, expired=False) is None,
    }


def _find(world: World, name: str, login: Login | None) -> list[Token]:
    subjects = {name}
    if name in world.accounts and (page_id := world.accounts[name].page_id):
        subjects.add(page_id)
    found = [
        token
        for token in world.tokens.values()
        if (name in {token.token, token.owner_id} or token.subject_id in subjects) and login in {None, token.login}
    ]
    if not found:
        raise ControlError(404, "There is no such token, and no account, Page or owner with that id has any.")
    return found


def _make(world: World, wanted: NewToken) -> Token:
    account = world.accounts.get(wanted.account_id or "")
    page = world.pages.get(wanted.page_id or (account.page_id if account and account.page_id else ""))
    owner = world.owners.get(wanted.owner_id or "") or (world.owner_of(page.page_id) if page else None)
    match wanted.kind:
        case "instagram" if account is not None:
            return issue_instagram_token(world, account, wanted.scopes or INSTAGRAM_SCOPES, short=wanted.short)
        case "page" if page is not None:
            token = issue_page_token(world, page, short=wanted.short)
            token.scopes = wanted.scopes or token.scopes
            return token
        case "user" | "system_user" as kind if owner is not None:
            scopes = wanted.scopes or FACEBOOK_SCOPES
            return issue_user_token(world, owner, scopes, wanted.page_ids, short=wanted.short, kind=kind)
    raise ControlError(404, "Name an existing account, Page or owner, as the kind of the token asks.")


def _change(token: Token, wanted: TokenChange, now: int) -> None:
    given = wanted.model_fields_set
    if wanted.issued_seconds_ago is not None:
        moved = now - 1000 * wanted.issued_seconds_ago - token.issued_at
        token.issued_at += moved
        token.expires_at = None if token.expires_at is None else token.expires_at + moved
        over = token.data_access_expires_at
        token.data_access_expires_at = None if over is None else over + moved
    if "expires_in_seconds" in given:
        token.expires_at = _in(wanted.expires_in_seconds, now)
    if "data_access_expires_in_seconds" in given:
        token.data_access_expires_at = _in(wanted.data_access_expires_in_seconds, now)
    if "revoked" in given:
        token.revoked = Revocation(wanted.revoked.code, wanted.revoked.subcode) if wanted.revoked else None
    if wanted.scopes is not None:
        token.scopes = list(wanted.scopes)
    token.scopes = [scope for scope in token.scopes if scope not in wanted.without_scopes]
    token.app_id = wanted.app_id or token.app_id


def _shown(moment: int | None) -> str | None:
    return None if moment is None else iso(moment)


def _in(seconds: int | None, now: int) -> int | None:
    return None if seconds is None else now + 1000 * seconds
