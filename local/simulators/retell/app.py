"""The Retell simulator as a Flask application."""

from pathlib import Path

from flask import Flask, Response, jsonify
from werkzeug.exceptions import MethodNotAllowed, NotFound

from local.simulators.control import AllowedOrigin
from local.simulators.durable import DurableState
from local.simulators.faults import FaultBoard
from local.simulators.retell import errors
from local.simulators.retell.api import retell_blueprint
from local.simulators.retell.chats import CHATS_JSON, Chats
from local.simulators.retell.completion import finish_thinking
from local.simulators.retell.control import retell_control
from local.simulators.retell.errors import RetellError
from local.simulators.retell.faults import RetellFaults
from local.simulators.retell.simulation import Simulation


def create_app(
    *, api_key: str | None = None, state_file: Path | None = None, allowed_origin: AllowedOrigin = lambda: None
) -> Flask:
    """Make a simulator that takes `api_key`, or any key, and keeps its chats in `state_file`, if given.

    A page of `allowed_origin` may use the control API.
    """
    state = DurableState(CHATS_JSON, Chats(), state_file)
    simulation = Simulation(state, FaultBoard(RetellFaults), api_key)
    finish_thinking(simulation)
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(retell_blueprint(simulation))
    app.register_blueprint(retell_control(simulation, allowed_origin))
    app.register_error_handler(RetellError, _refuse)
    app.register_error_handler(NotFound, lambda _: _refuse(errors.unknown_path()))
    app.register_error_handler(MethodNotAllowed, lambda _: _refuse(errors.unknown_path()))
    return app


def _refuse(error: RetellError) -> tuple[Response, int]:
    response = jsonify(errors.envelope(error))
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = f"{error.retry_after_seconds:g}"
    return response, error.status
