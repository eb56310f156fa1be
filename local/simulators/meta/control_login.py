"""The control API of the login dialogs: what the person there does."""

from dataclasses import asdict
from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field
from pydantic.alias_generators import to_camel

from local.simulators.control import ControlBody, ControlError, parse_body
from local.simulators.meta.login import Dialog, DialogAnswer
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation


class DialogBody(ControlBody):
    """The fields of `Dialog`; what is absent is as in the beginning."""

    answer: DialogAnswer = "allow"
    account_id: str | None = None
    owner_id: str | None = None
    page_ids: list[str] | None = None
    declined: list[str] = Field(default_factory=list)
    code_age_seconds: Annotated[int, Field(ge=0)] = 0
    config_id: str | None = None


def add_login_routes(control: Blueprint, simulation: Simulation) -> None:
    """Show and set what the next people at a dialog do."""

    @control.get("/dialog")
    def read_dialog() -> Response:
        with simulation.state.read() as world:
            return jsonify(show_dialog(world.dialog))

    @control.put("/dialog")
    def set_dialog() -> Response:
        wanted = parse_body(DialogBody)
        with simulation.state.change() as world:
            if wanted.account_id not in {None, *world.accounts}:
                raise ControlError(404, f"There is no account {wanted.account_id}.")
            if wanted.owner_id not in {None, *world.owners}:
                raise ControlError(404, f"There is no owner {wanted.owner_id}.")
            world.dialog = Dialog(**wanted.model_dump())
            return jsonify(show_dialog(world.dialog))


def show_dialog(dialog: Dialog) -> Json:
    """Show what the next people at a dialog do."""
    return {to_camel(name): value for name, value in asdict(dialog).items()}
