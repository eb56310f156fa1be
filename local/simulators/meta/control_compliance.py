"""The control API of leaving: a person removes the app, or asks for their data to be deleted."""

from dataclasses import asdict, dataclass
from typing import Annotated, Self

from flask import Blueprint, Response, jsonify
from pydantic import Field, model_validator

from local.simulators.clock import now_ms
from local.simulators.control import ControlBody, ControlError, parse_body
from local.simulators.meta.shapes import Json
from local.simulators.meta.signed_requests import request_payload, sign_request, tell_app
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tokens import Login, Revocation
from local.simulators.meta.world import World

APP_REMOVED = Revocation(190, 458)

type Url = Annotated[str, Field(pattern=r"^https?://")]


class CallbackUrls(ControlBody):
    """What the dashboard says; a null forgets a URL, an absent one stays."""

    deauthorize_url: Url | None = None
    data_deletion_url: Url | None = None


class Leaving(ControlBody):
    """Who leaves: the owner of an account, or a person by their id within the app.

    `login` says as which of both an account's owner came; without it, by way of the Page, if there is one. `payload`
    is put over what is signed.
    """

    account_id: str | None = None
    user_id: str | None = None
    login: Login | None = None
    payload: Json = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.account_id is None) == (self.user_id is None):
            raise ValueError("name either an accountId or a userId")
        return self


@dataclass(frozen=True)
class _Leaver:
    user_id: str
    login: Login


def add_compliance_routes(control: Blueprint, simulation: Simulation) -> None:
    """Set both URLs, and have them called."""

    @control.post("/callbacks")
    def set_callbacks() -> Response:
        wanted = parse_body(CallbackUrls)
        with simulation.state.change() as world:
            for name in wanted.model_fields_set:
                setattr(world, name, getattr(wanted, name))
            return jsonify(deauthorizeUrl=world.deauthorize_url, dataDeletionUrl=world.data_deletion_url)

    @control.post("/deauthorize")
    def deauthorize() -> Response:
        wanted = parse_body(Leaving)
        with simulation.state.change() as world:
            leaver = _find(world, wanted)
            _remove_app(world, leaver)
            signed, url = _sign(world, leaver, wanted), world.deauthorize_url
        return _tell(leaver, url, signed)

    @control.post("/data-deletion")
    def delete_data() -> Response:
        wanted = parse_body(Leaving)
        with simulation.state.read() as world:
            leaver = _find(world, wanted)
            signed, url = _sign(world, leaver, wanted), world.data_deletion_url
        return _tell(leaver, url, signed)


def _find(world: World, wanted: Leaving) -> _Leaver:
    if wanted.user_id is not None:
        of_instagram = any(account.app_scoped_id == wanted.user_id for account in world.accounts.values())
        return _Leaver(wanted.user_id, wanted.login or ("instagram" if of_instagram else "facebook"))
    account = world.accounts.get(wanted.account_id or "")
    if account is None:
        raise ControlError(404, f"There is no account {wanted.account_id}.")
    login = wanted.login or ("facebook" if account.page_id else "instagram")
    if login == "instagram":
        return _Leaver(account.app_scoped_id, login)
    if account.page_id is None:
        raise ControlError(409, "This account has no Page, and so nobody who came by way of Facebook.")
    return _Leaver(world.owner_of(account.page_id).owner_id, login)


def _remove_app(world: World, leaver: _Leaver) -> None:
    """End the person's tokens and the subscriptions made with them."""
    for token in world.tokens.values():
        if token.owner_id == leaver.user_id:
            token.revoked = APP_REMOVED
    for account in world.accounts.values():
        if account.app_scoped_id == leaver.user_id:
            account.subscribed_fields = []
    owner = world.owners.get(leaver.user_id)
    for page_id in owner.page_ids if owner else []:
        world.pages[page_id].subscribed_fields = []


def _sign(world: World, leaver: _Leaver, wanted: Leaving) -> str:
    secret = world.app_secret if leaver.login == "facebook" else world.instagram_app_secret
    return sign_request(secret, request_payload(leaver.user_id, now_ms() // 1000) | wanted.payload)


def _tell(leaver: _Leaver, url: str | None, signed_request: str) -> Response:
    return jsonify(userId=leaver.user_id, signedRequest=signed_request, **asdict(tell_app(url, signed_request)))
