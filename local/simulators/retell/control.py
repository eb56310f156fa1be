"""The control API of the Retell simulator: looking at chats, scripting answers, setting faults."""

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field

from local.simulators.clock import iso
from local.simulators.control import AllowedOrigin, ControlBody, add_fault_routes, control_blueprint, parse_body
from local.simulators.retell.chats import Chat, Json
from local.simulators.retell.simulation import Simulation


class ScriptedAnswers(ControlBody):
    """The agent's next answers, one per completion, in any chat.

    A text, or the entries that the completion adds: `{"role": "agent", "content": "…"}`, tools, transitions, or none.
    An invocation of `end_call` ends the chat.
    """

    answers: list[Annotated[str, Field(max_length=100_000)] | Annotated[list[Json], Field(max_length=100)]]


def retell_control(simulation: Simulation, allowed_origin: AllowedOrigin) -> Blueprint:
    """Make all routes under `/_simulator`."""
    control = control_blueprint(allowed_origin)

    @control.get("/state")
    def read_state() -> Response:
        faults = simulation.faults.active()
        with simulation.state.read() as chats:
            shown = [_show_chat(chat) for chat in chats.chats.values()]
            return jsonify(
                chats=shown,
                completions=sum(chat.completions for chat in chats.chats.values()),
                scriptedAnswers=chats.scripted_answers,
                faults=faults,
            )

    @control.post("/answers")
    def script_answers() -> Response:
        wanted = parse_body(ScriptedAnswers)
        with simulation.state.change() as chats:
            chats.scripted_answers += wanted.answers
            return jsonify(scriptedAnswers=chats.scripted_answers)

    add_fault_routes(control, simulation.faults, simulation.follow_faults)
    return control


def _show_chat(chat: Chat) -> Json:
    return {
        "chatId": chat.chat_id,
        "agentId": chat.agent_id,
        "status": chat.status,
        "completions": chat.completions,
        "metadata": chat.metadata,
        "dynamicVariables": chat.dynamic_variables,
        "startedAt": iso(chat.started_at),
        "endedAt": iso(chat.ended_at) if chat.ended_at else None,
        "messages": chat.messages,
    }
