"""The Conversations API's two lists: an account's threads, and a thread's messages."""

from flask import Blueprint, Response, jsonify, request

from local.simulators.clock import now_ms
from local.simulators.meta import errors
from local.simulators.meta.conversations import list_conversations, list_messages
from local.simulators.meta.graph_request import identify_caller, wanted_fields
from local.simulators.meta.identity import AccountCaller, acting_account
from local.simulators.meta.nodes import select_page
from local.simulators.meta.paging import asked_page
from local.simulators.meta.permissions import require_messages
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.world import Account


def add_conversation_routes(graph: Blueprint, simulation: Simulation) -> None:
    """List what is said, the newest first."""

    @graph.get("/<graph_id:node_id>/conversations")
    def read_conversations(node_id: str) -> Response:
        with simulation.state.read() as world:
            caller = identify_caller(simulation, world)
            account = acting_account(caller, node_id, "get")
            require_messages(caller)
            refuse_conversation(simulation, account)
            # A Page without `platform` lists its Messenger threads, of which there are none here.
            on_instagram = isinstance(caller, AccountCaller) or request.args.get("platform") == "instagram"
            found = list_conversations(world, account, request.args.get("user_id")) if on_instagram else []
            return jsonify(select_page(found, wanted_fields(), f"{node_id}/conversations", *asked_page()))

    @graph.get("/<graph_id:node_id>/messages")
    def read_messages(node_id: str) -> Response:
        with simulation.state.read() as world:
            caller = identify_caller(simulation, world)
            found = list_messages(world, caller.account, node_id) if caller.account else None
            if found is None or caller.account is None:
                raise errors.unsupported_method("get") if node_id == "me" else errors.unknown_object("get", node_id)
            require_messages(caller)
            refuse_conversation(simulation, caller.account)
            return jsonify(select_page(found, wanted_fields(), f"{node_id}/messages", *asked_page()))


def refuse_conversation(simulation: Simulation, account: Account) -> None:
    """Raise if this call of the Conversations API is to be refused, or is one too many in this second."""
    with simulation.faults.open() as faults:
        faults.refuse_read()
        limited = faults.limit_conversations
    if limited and not simulation.conversation_pace.allows(account.account_id, now_ms()):
        raise errors.send_limit_reached()
