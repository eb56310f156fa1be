"""Which app has a thread, and whom the business keeps out (Meta's pages "Conversation Routing" and "Moderate").

Only Pages have these edges. A thread that another app has is told as `standby`, and nothing can be sent in it.
"""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.simulators.clock import now_ms
from local.simulators.meta import errors
from local.simulators.meta.deliveries import WebhookEvent
from local.simulators.meta.graph_request import identify_caller, parameters
from local.simulators.meta.handovers import give, requested
from local.simulators.meta.identity import PageCaller, acting_account
from local.simulators.meta.permissions import require_messages
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.threads import WINDOW_MS, Thread
from local.simulators.meta.world import Account, World

_EDGES = (
    "pass_thread_control",
    "take_thread_control",
    "release_thread_control",
    "extend_thread_control",
    "request_thread_control",
)
_ACTIONS = {"block_user", "unblock_user", "move_to_spam"}
_MAX_USERS = 10
_MAX_ACTIONS = 2


def add_thread_control_routes(graph: Blueprint, simulation: Simulation) -> None:
    """Pass a thread on, take it back, tell who has it; keep people out."""

    @graph.post(f"/<graph_id:node_id>/<any({', '.join(_EDGES)}):edge>")
    def control_thread(node_id: str, edge: str) -> Response:
        with simulation.state.change() as world:
            account = _account(simulation, world, node_id, "post")
            thread = _thread(world, account, _decoded(parameters().get("recipient")))
            if handover := _move(world, thread, edge):
                simulation.publish(world, handover)
        return jsonify(success=True)

    @graph.get("/<graph_id:node_id>/thread_owner")
    def read_owner(node_id: str) -> Response:
        with simulation.state.read() as world:
            account = _account(simulation, world, node_id, "get")
            owner = _thread(world, account, {"id": request.args.get("recipient")}).owner_app_id
            expiration = (now_ms() + WINDOW_MS) // 1000
            shown = {"thread_owner": {"app_id": owner, "expiration": expiration}}
            return jsonify(data=[shown] if owner else [])

    @graph.post("/<graph_id:node_id>/moderate_conversations")
    def moderate(node_id: str) -> Response:
        with simulation.state.change() as world:
            account = _account(simulation, world, node_id, "post")
            users = _list(parameters().get("user_ids"), "user_ids", _MAX_USERS)
            actions = _list(parameters().get("actions"), "actions", _MAX_ACTIONS)
            if not set(map(str, actions)) <= _ACTIONS:
                raise errors.invalid_parameter(f"Param actions must be some of {{{', '.join(sorted(_ACTIONS))}}}.")
            for thread in [_thread(world, account, user) for user in users]:
                if "block_user" in actions:
                    thread.blocked = True
                if "unblock_user" in actions:
                    thread.blocked = False
        return jsonify(result="success")


def _move(world: World, thread: Thread, edge: str) -> WebhookEvent | None:
    """Give the thread to whom it goes by this edge; it does not change hands by being extended or requested.

    Return the webhook event.
    """
    metadata = str(parameters().get("metadata") or "")
    match edge:
        case "pass_thread_control":
            return give(thread, _target(parameters().get("target_app_id")), metadata=metadata)
        case "take_thread_control":
            return give(thread, world.app_id, taken=True, metadata=metadata)
        case "release_thread_control":
            return give(thread, None, metadata=metadata)
        case "request_thread_control":
            return requested(thread, world.app_id, metadata)
        case _:
            return None


def _account(simulation: Simulation, world: World, node_id: str, method: str) -> Account:
    caller = identify_caller(simulation, world)
    if not isinstance(caller, PageCaller):
        raise errors.unknown_object(method, node_id)
    account = acting_account(caller, node_id, method)
    require_messages(caller)
    return account


def _thread(world: World, account: Account, recipient: Any) -> Thread:
    user_id = recipient.get("id") if isinstance(recipient, dict) else None
    thread = world.thread_of(account.account_id, str(user_id))
    if thread is None:
        raise errors.no_matching_user()
    return thread


def _target(app_id: Any) -> str:
    if not str(app_id or "").isdecimal():
        raise errors.invalid_parameter("The parameter target_app_id is required.")
    return str(app_id)


def _list(value: Any, name: str, most: int) -> list[Any]:
    items = _decoded(value)
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        raise errors.invalid_parameter(f"Param {name} must have 1 to {most} elements.")
    return items


def _decoded(value: Any) -> Any:
    """Decode what a form or a query carries as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
