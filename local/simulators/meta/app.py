"""The Meta simulator as a Flask application.

One host plays graph.facebook.com and graph.instagram.com, where the token decides which of the two answers, and with
them api.instagram.com, www.instagram.com and www.facebook.com, whose paths are others.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from flask import Blueprint, Flask, Response, g, jsonify, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter

from local.simulators.clock import now_ms
from local.simulators.control import AllowedOrigin
from local.simulators.durable import DurableState
from local.simulators.faults import FaultBoard
from local.simulators.meta import errors
from local.simulators.meta.control import meta_control
from local.simulators.meta.courier import Courier
from local.simulators.meta.defaults import default_world
from local.simulators.meta.dialogs import add_instagram_dialog
from local.simulators.meta.errors import GraphError
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.graph import graph_blueprint
from local.simulators.meta.identity import request_token, speaks_instagram
from local.simulators.meta.oauth_errors import OAuthError
from local.simulators.meta.oauth_instagram import add_instagram_token_routes
from local.simulators.meta.settling import settle
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.world import WORLD_JSON, GraphCall
from local.simulators.server import call_at_stop

DEFAULT_RETRY_DELAYS_SECONDS = (0.5, 2, 5, 15, 60, 300)
DEFAULT_API_VERSION = "v26.0"
_KEPT_CALLS = 500


def create_app(
    *,
    app_secret: str,
    instagram_app_secret: str | None = None,
    state_file: Path | None = None,
    retry_delays_seconds: Sequence[float] = DEFAULT_RETRY_DELAYS_SECONDS,
    api_version: str = DEFAULT_API_VERSION,
    human_agent_approved: bool = False,
    allowed_origin: AllowedOrigin = lambda: None,
) -> Flask:
    """Make a simulator that keeps its state in `state_file`, or only in memory.

    A refused webhook is tried again at once, then after each of `retry_delays_seconds`, then after the last
    of them again and again. `app_secret` is the Facebook app's; the Instagram app of the same dashboard has an id and
    a secret of its own, by default derived from it. `api_version` is what webhooks and unversioned calls name.
    `human_agent_approved` lets sends with the tag HUMAN_AGENT have seven days. A page of `allowed_origin` may use the
    control API.
    """
    state = DurableState(WORLD_JSON, default_world(), state_file)
    with state.change() as world:
        settle(world, app_secret, instagram_app_secret)
    faults = FaultBoard(MetaFaults)
    courier = Courier(state, faults, retry_delays_seconds, api_version)
    simulation = Simulation(state, faults, courier, human_agent_approved)

    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters |= {"graph_id": _GraphId, "graph_version": _GraphVersion}
    graph = graph_blueprint(simulation)
    graph.url_value_preprocessor(lambda _endpoint, values: values and values.pop("version", None))
    logins = Blueprint("logins", __name__)
    add_instagram_dialog(logins, simulation)
    add_instagram_token_routes(logins, simulation)
    app.register_blueprint(logins)
    app.register_blueprint(graph)
    app.register_blueprint(graph, name="versioned_graph", url_prefix="/<graph_version:version>")
    app.register_blueprint(meta_control(simulation, allowed_origin))
    app.register_error_handler(GraphError, _refuse)
    app.register_error_handler(OAuthError, lambda error: (jsonify(error.body), error.status))
    app.register_error_handler(NotFound, lambda _: _refuse(errors.unknown_path(request.path)))
    app.register_error_handler(MethodNotAllowed, lambda _: _refuse(errors.unsupported_method(request.method)))

    @app.before_request
    def refuse_any() -> None:
        if not request.path.startswith("/_simulator"):
            with faults.open() as settings:
                settings.refuse_any(request.method, request.path)

    @app.after_request
    def log_call(response: Response) -> Response:
        if not request.path.startswith("/_simulator"):
            response.headers["facebook-api-version"] = api_version
            status = None if g.get("answer_is_lost") else response.status_code
            with state.change() as world:
                world.calls.append(GraphCall(request.method, request.path, status, now_ms()))
                del world.calls[:-_KEPT_CALLS]
        return response

    courier.start()
    simulation.follow_faults()  # events that were collected when an earlier process ended
    call_at_stop(app, courier.stop)
    return app


class _GraphId(BaseConverter):
    """An object's id, or `me`. It has no dot, so that a version is never taken for an id."""

    regex = "[A-Za-z0-9_=-]+"


class _GraphVersion(BaseConverter):
    """Such as `v26.0`."""

    regex = r"v\d{1,3}\.\d"


def _refuse(error: GraphError) -> tuple[Response, int]:
    if isinstance(error, errors.ScriptedError):
        raw = Response(error.body, mimetype="text/html") if isinstance(error.body, str) else jsonify(error.body)
        raw.headers.update(error.headers)
        return raw, error.status
    response = jsonify(errors.envelope(error, instagram_login=speaks_instagram(request_token())))
    if error.usage is not None:
        response.headers["X-Business-Use-Case-Usage"] = json.dumps(error.usage)
    return response, error.status
