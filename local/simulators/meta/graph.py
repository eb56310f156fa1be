"""The Graph API's routes, the same under `/v26.0` (or any version) and without a version."""

from flask import Blueprint, Response, jsonify

from local.simulators.meta import errors
from local.simulators.meta.batch import add_batch_route
from local.simulators.meta.conversation_routes import add_conversation_routes, refuse_conversation
from local.simulators.meta.conversations import find_conversation
from local.simulators.meta.debug import add_debug_route
from local.simulators.meta.dialogs import add_facebook_dialog
from local.simulators.meta.fields import Field
from local.simulators.meta.graph_request import identify_caller, parameters, wanted_fields
from local.simulators.meta.graph_send import serve_send
from local.simulators.meta.identity import Caller, OwnerCaller, subscriber
from local.simulators.meta.messenger_profile import add_messenger_profile_routes
from local.simulators.meta.nodes import Node, select, select_page
from local.simulators.meta.oauth_facebook import add_facebook_token_route
from local.simulators.meta.paging import asked_page
from local.simulators.meta.permissions import require, require_messages
from local.simulators.meta.profiles import find_profile, list_pages
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.subscriptions import parse_subscribed_fields, show_subscriptions
from local.simulators.meta.thread_control import add_thread_control_routes
from local.simulators.meta.world import Account, Page, World

_PAGE_LISTED = tuple(Field(name) for name in ("access_token", "category", "name", "id", "tasks"))


def graph_blueprint(simulation: Simulation) -> Blueprint:
    """All Graph routes."""
    graph = Blueprint("graph", __name__)
    add_batch_route(graph)
    add_debug_route(graph, simulation)
    add_conversation_routes(graph, simulation)
    add_thread_control_routes(graph, simulation)
    add_messenger_profile_routes(graph, simulation)
    add_facebook_dialog(graph, simulation)
    add_facebook_token_route(graph, simulation)

    @graph.get("/<graph_id:node_id>")
    def read_node(node_id: str) -> Response:
        with simulation.state.change() as world:  # a person who reads the tokens of their Pages has them made
            caller = identify_caller(simulation, world)
            node = _find_node(world, caller, node_id)
            if caller.account is not None and node.kind in {"UnifiedThread", "Message"}:
                refuse_conversation(simulation, caller.account)
            elif node.kind == "InstagramScopedUser":
                _refuse_read(simulation)
            return jsonify(select(node, wanted_fields()))

    @graph.get("/<graph_id:node_id>/accounts")
    def read_pages(node_id: str) -> Response:
        with simulation.state.change() as world:
            caller = identify_caller(simulation, world)
            if not isinstance(caller, OwnerCaller) or node_id not in {"me", caller.owner.owner_id}:
                raise errors.unknown_object("get", node_id)
            wanted = wanted_fields() or _PAGE_LISTED
            return jsonify(select_page(list_pages(world, caller), wanted, f"{node_id}/accounts", *asked_page()))

    @graph.get("/<graph_id:node_id>/subscribed_apps")
    def read_subscriptions(node_id: str) -> Response:
        with simulation.state.read() as world:
            target = _subscriber(simulation, world, node_id, "get")
            return jsonify(show_subscriptions(world, target))

    @graph.post("/<graph_id:node_id>/subscribed_apps")
    def subscribe(node_id: str) -> Response:
        with simulation.state.change() as world:
            target = _subscriber(simulation, world, node_id, "post")
            target.subscribed_fields = parse_subscribed_fields(parameters().get("subscribed_fields"), target)
        return jsonify(success=True)

    @graph.delete("/<graph_id:node_id>/subscribed_apps")
    def unsubscribe(node_id: str) -> Response:
        with simulation.state.change() as world:
            target = _subscriber(simulation, world, node_id, "delete")
            target.subscribed_fields = []
        return jsonify(success=True)

    @graph.post("/<graph_id:node_id>/messages")
    def send(node_id: str) -> Response:
        return serve_send(simulation, node_id)

    return graph


def _subscriber(simulation: Simulation, world: World, node_id: str, method: str) -> Page | Account:
    caller = identify_caller(simulation, world)
    target = subscriber(caller, node_id, method)
    require(caller, "webhooks")
    if method == "post" and caller.account is not None and not caller.account.has_role:
        raise errors.missing_capability()
    return target


def _refuse_read(simulation: Simulation) -> None:
    with simulation.faults.open() as faults:
        faults.refuse_read()


def _find_node(world: World, caller: Caller, node_id: str) -> Node:
    if caller.account is not None:
        found = find_conversation(world, caller.account, node_id)
        if found is not None:
            require_messages(caller)
            return found
    return find_profile(world, caller, node_id)
