"""Retell's chat endpoints (docs.retellai.com, API reference, Chat)."""

from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, Field, ValidationError

from local.simulators.connection import drop_connection
from local.simulators.retell import errors
from local.simulators.retell.chats import SILENCE_MS, Json, new_chat, show_chat
from local.simulators.retell.completion import complete
from local.simulators.retell.simulation import Simulation, find_chat, find_ongoing_chat

MISSING_AGENT_PREFIX = "missing"


class CreateChat(BaseModel):
    """The body of `POST /create-chat`."""

    agent_id: Annotated[str, Field(min_length=1)]
    agent_version: int | str | None = None
    metadata: Json | None = None
    retell_llm_dynamic_variables: dict[str, str] | None = None


class CreateCompletion(BaseModel):
    """The body of `POST /create-chat-completion`."""

    chat_id: str
    content: Annotated[str, Field(min_length=1)]


def retell_blueprint(simulation: Simulation) -> Blueprint:
    """Make all endpoints."""
    api = Blueprint("retell", __name__)

    @api.before_request
    def check_key() -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key or simulation.api_key not in {None, key}:
            raise errors.wrong_key()

    @api.post("/create-chat")
    def create_chat() -> tuple[Response, int]:
        wanted = _parse(CreateChat)
        with simulation.faults.open() as faults:
            faults.refuse_creation()
        _require_agent(wanted.agent_id)
        chat = new_chat(wanted.agent_id, wanted.metadata, wanted.retell_llm_dynamic_variables)
        with simulation.state.change() as chats:
            chats.chats[chat.chat_id] = chat
        return jsonify(show_chat(chat)), 201

    @api.post("/create-chat-completion")
    def create_completion() -> tuple[Response, int]:
        with simulation.faults.open() as faults:
            if faults.take_lost_request():
                return drop_connection(), 500
        wanted = _parse(CreateCompletion)
        with simulation.faults.open() as faults:
            faults.refuse_creation()
        messages, lost = complete(simulation, wanted.chat_id, wanted.content)
        return (drop_connection() if lost else jsonify(messages=messages)), 201

    @api.get("/get-chat/<chat_id>")
    def get_chat(chat_id: str) -> Response:
        with simulation.faults.open() as faults:
            faults.refuse_reading()
            with_transcript = not faults.hide_transcripts
        with simulation.state.change() as chats:
            chat = find_chat(chats, chat_id)
            chat.end_after_silence()
            return jsonify(show_chat(chat, with_transcript=with_transcript))

    @api.patch("/end-chat/<chat_id>")
    def end_chat(chat_id: str) -> Response:
        with simulation.state.change() as chats, simulation.faults.open() as faults:
            find_ongoing_chat(chats, chat_id, faults).end()
        return Response(status=204)

    @api.delete("/delete-chat/<chat_id>")
    def delete_chat(chat_id: str) -> Response:
        with simulation.state.change() as chats, simulation.faults.open() as faults:
            faults.refuse_deletion()
            del chats.chats[find_chat(chats, chat_id).chat_id]
            lost = faults.take_lost_deletion()
        return drop_connection() if lost else Response(status=204)

    @api.get("/get-chat-agent/<agent_id>")
    def get_agent(agent_id: str) -> Response:
        _require_agent(agent_id)
        return jsonify(_show_agent(agent_id))

    return api


def _parse[Body: BaseModel](kind: type[Body]) -> Body:
    try:
        return kind.model_validate_json(request.get_data())
    except ValidationError as error:
        raise errors.bad_request() from error


def _require_agent(agent_id: str) -> None:
    """Let every id be a chat agent, but for those that say they are missing."""
    if agent_id.startswith(MISSING_AGENT_PREFIX):
        raise errors.unknown_asset()


def _show_agent(agent_id: str) -> Json:
    return {
        "agent_id": agent_id,
        "agent_name": "Acme Coffee host",
        "version": 0,
        "is_published": True,
        "response_engine": {"type": "retell-llm", "llm_id": "llm_simulated", "version": 0},
        "language": "en-US",
        "end_chat_after_silence_ms": SILENCE_MS,
        "last_modification_timestamp": 1_703_413_636_133,
    }
