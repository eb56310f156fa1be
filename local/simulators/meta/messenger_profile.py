"""The `messenger_profile` edge: what a customer can tap instead of writing.

Meta's pages "Ice Breakers" and "Persistent Menu" of the Instagram Messaging API. A Page without
`platform=instagram` has a profile of its own for Messenger, which no Instagram user sees.
"""

from flask import Blueprint, Response, jsonify, request

from local.simulators.meta import errors
from local.simulators.meta.graph_request import identify_caller, parameters
from local.simulators.meta.identity import PageCaller, acting_account
from local.simulators.meta.permissions import require
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.tappables import parse_ice_breakers, parse_persistent_menu
from local.simulators.meta.values import names_in
from local.simulators.meta.world import Tappables, World

_PARSERS = {"ice_breakers": parse_ice_breakers, "persistent_menu": parse_persistent_menu}


def add_messenger_profile_routes(graph: Blueprint, simulation: Simulation) -> None:
    """Show, set and delete ice breakers and the persistent menu."""

    @graph.get("/<graph_id:node_id>/messenger_profile")
    def read_profile(node_id: str) -> Response:
        with simulation.state.read() as world:
            profile = _profile(simulation, world, node_id, "get")
            return jsonify(data=_show(profile, _asked_names(request.args.get("fields"))))

    @graph.post("/<graph_id:node_id>/messenger_profile")
    def set_profile(node_id: str) -> Response:
        with simulation.state.change() as world:
            profile = _profile(simulation, world, node_id, "post")
            given = {name: parse(parameters()[name]) for name, parse in _PARSERS.items() if name in parameters()}
            if not given:
                raise errors.invalid_parameter(f"Requires one of the params: {', '.join(_PARSERS)}")
            profile.update(given)
        return jsonify(result="success")

    @graph.delete("/<graph_id:node_id>/messenger_profile")
    def delete_profile(node_id: str) -> Response:
        with simulation.state.change() as world:
            profile = _profile(simulation, world, node_id, "delete")
            for name in _asked_names(parameters().get("fields")):
                profile.pop(name, None)
        return jsonify(result="success")


def _profile(simulation: Simulation, world: World, node_id: str, method: str) -> Tappables:
    caller = identify_caller(simulation, world)
    account = acting_account(caller, node_id, method)
    require(caller, "messages")
    if isinstance(caller, PageCaller) and parameters().get("platform") != "instagram":
        return caller.page.messenger_profile
    return account.messenger_profile


def _asked_names(value: object) -> list[str]:
    names = names_in(value, "fields")
    if not names:
        raise errors.invalid_parameter("The parameter fields is required")
    unknown = [name for name in names if name not in _PARSERS]
    if unknown:
        raise errors.invalid_parameter(
            f'Param fields[0] must be one of {{{", ".join(_PARSERS)}}} - got "{unknown[0]}".'
        )
    return names


def _show(profile: Tappables, names: list[str]) -> list[Json]:
    """Show what is asked; Meta shows ice breakers that are asked for alone without their name around them."""
    if names == ["ice_breakers"]:
        return profile.get("ice_breakers", [])
    shown = {name: profile[name] for name in names if name in profile}
    return [shown] if shown else []
