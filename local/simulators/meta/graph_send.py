"""`POST /{id}/messages`: accepting, answering, and the echo."""

from dataclasses import dataclass

from flask import Response, jsonify

from local.simulators.connection import drop_connection
from local.simulators.meta.errors import GraphError
from local.simulators.meta.graph_request import identify_caller, parameters
from local.simulators.meta.identity import acting_account, business_id
from local.simulators.meta.permissions import require_messages, require_role
from local.simulators.meta.send_request import parse_send_request
from local.simulators.meta.sending import SendRules, accept
from local.simulators.meta.shapes import Json
from local.simulators.meta.simulation import Simulation
from local.simulators.server import call_after_answer


@dataclass(frozen=True)
class _Sent:
    """An accepted request, and how the faults want it answered."""

    answer: Json
    echoes: list[str]
    echo_first: bool = False
    lose_answer: bool = False
    wrong_answer: GraphError | None = None
    is_delayed: bool = False


def serve_send(simulation: Simulation, node_id: str) -> Response:
    """Accept or refuse. The echo goes out after the answer, unless a fault has it go before."""
    if _is_lost(simulation):
        return drop_connection()
    sent = _accept(simulation, node_id)
    if sent.echo_first:
        simulation.courier.wait_until_attempted(sent.echoes)
    if sent.is_delayed:
        simulation.faults.delay(lambda faults: faults.delay_send_seconds)
    call_after_answer(lambda: simulation.courier.release(sent.echoes))
    if sent.wrong_answer is not None:
        raise sent.wrong_answer
    return drop_connection() if sent.lose_answer else jsonify(sent.answer)


def _is_lost(simulation: Simulation) -> bool:
    if not parameters().get("message"):
        return False
    with simulation.faults.open() as faults:
        return faults.take_lost_send_request()


def _accept(simulation: Simulation, node_id: str) -> _Sent:
    with simulation.state.change() as world:
        caller = identify_caller(simulation, world)
        account = acting_account(caller, node_id, "post")
        require_messages(caller)
        require_role(account)
        wanted = parse_send_request(parameters())
        with simulation.faults.open() as faults:
            if wanted.message is not None:
                faults.refuse_send(business_id(caller))
            rules = SendRules(simulation.human_agent_approved, faults.close_window, caller.token.app_id)
        accepted = accept(world, account, wanted, rules)
        if accepted.echo is None:
            return _Sent(accepted.answer, [])
        with simulation.faults.open() as faults:
            silent = faults.no_echo
            echo_first = faults.echo_before_answer
            lose_answer = faults.take_lost_send_answer()
            wrong_answer = faults.take_wrong_send_answer()
        echoes = [] if silent else simulation.publish(world, accepted.echo)
        if not echo_first:
            simulation.courier.hold(echoes)
        return _Sent(accepted.answer, echoes, echo_first, lose_answer, wrong_answer, is_delayed=True)
