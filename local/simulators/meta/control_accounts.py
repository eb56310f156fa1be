"""The control API of what happens to an account: in Instagram's settings, at its Page, in the app's dashboard."""

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field

from local.simulators.control import ControlBody, ControlError, parse_body
from local.simulators.meta.control_bodies import NumericId, Username
from local.simulators.meta.control_views import show_account
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.subscriptions import all_fields
from local.simulators.meta.world import Account, AccountType, World

type Count = Annotated[int, Field(ge=0)]

_NULLABLE = {"profile_picture_url", "biography", "website"}
_FIELDS = _NULLABLE | {
    "username",
    "name",
    "account_type",
    "professional",
    "allows_messages",
    "has_role",
    "followers_count",
    "follows_count",
    "media_count",
}


class AccountChange(ControlBody):
    """What becomes of an account; what is absent stays as it is.

    `pageId: null` unlinks the Page, another id links that one. `subscribed: false` unsubscribes the app from the
    account and its Page, as Meta does after an hour without answers. `unknownFields` are webhook fields that Meta
    refuses to subscribe. `professional: false` makes it a personal
    account, `hasRole: false` leaves the app without access to it, `allowsMessages: false` is a switch in its app.
    """

    username: Username | None = None
    name: str | None = None
    account_type: AccountType | None = None
    professional: bool | None = None
    allows_messages: bool | None = None
    has_role: bool | None = None
    profile_picture_url: str | None = None
    biography: str | None = None
    website: str | None = None
    followers_count: Count | None = None
    follows_count: Count | None = None
    media_count: Count | None = None
    page_id: NumericId | None = None
    subscribed: bool | None = None
    unknown_fields: list[str] | None = None


def add_account_routes(control: Blueprint, simulation: Simulation) -> None:
    """Show and change one account."""

    @control.get("/accounts/<account_id>")
    def read_account(account_id: str) -> Response:
        with simulation.state.read() as world:
            return jsonify(show_account(world, _account(world, account_id)))

    @control.put("/accounts/<account_id>")
    def change_account(account_id: str) -> Response:
        wanted = parse_body(AccountChange)
        with simulation.state.change() as world:
            account = _account(world, account_id)
            _change(world, account, wanted)
            return jsonify(show_account(world, account))


def _account(world: World, account_id: str) -> Account:
    if account_id not in world.accounts:
        raise ControlError(404, f"There is no account {account_id}.")
    return world.accounts[account_id]


def _change(world: World, account: Account, wanted: AccountChange) -> None:
    if "page_id" in wanted.model_fields_set:
        _link(world, account, wanted.page_id)
    for name in _FIELDS & wanted.model_fields_set:
        value = getattr(wanted, name)
        if value is not None or name in _NULLABLE:
            setattr(account, name, value)
    page = world.page_of(account)
    subscriber = page or account
    if wanted.unknown_fields is not None:
        account.unknown_fields = subscriber.unknown_fields = wanted.unknown_fields
    if wanted.subscribed is not None:
        account.subscribed_fields = []
        subscriber.subscribed_fields = all_fields(subscriber) if wanted.subscribed else []


def _link(world: World, account: Account, page_id: str | None) -> None:
    if page_id is not None:
        if page_id not in world.pages:
            raise ControlError(404, f"There is no Page {page_id}.")
        linked = world.account_of(world.pages[page_id])
        if linked is not None and linked is not account:
            raise ControlError(409, f"Page {page_id} is linked to another account.")
    account.page_id = page_id
