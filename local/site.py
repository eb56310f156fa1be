"""What a browser sees on this machine: the console page, and behind it the API."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, jsonify, request, send_from_directory

from local.gateway import Gateway
from local.settings import AGENT, SUBACCOUNT
from local.simulators.origins import is_loopback
from local.template import ROOT
from local.tokens import make_token

_CONSOLE = ROOT / "local" / "console"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_site(
    gateway: Gateway, jwt_secret: str, simulator_url: Callable[[], str | None], agent_id: str = AGENT
) -> Flask:
    """Return the site: the console at `/`, everything else answered by the gateway."""
    site = Flask(__name__, static_folder=None)
    site.url_map.merge_slashes = False

    @site.get("/")
    def page() -> Response:
        return send_from_directory(_CONSOLE, "index.html")

    @site.get("/console/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(_CONSOLE, name)

    @site.get("/openapi.json")
    def openapi() -> Response:
        return send_from_directory(ROOT / "docs", "openapi.json")

    @site.errorhandler(404)
    @site.errorhandler(405)
    def not_found(_: Exception) -> tuple[Response, int]:
        return jsonify(message="Not Found"), 404

    @site.get("/console/config.json")
    def config() -> Response:
        if not is_loopback(request.host):
            abort(404)  # a page elsewhere that has had its name point here gets no token
        token = make_token(jwt_secret, SUBACCOUNT)
        answer: dict[str, Any] = {
            "subaccountId": SUBACCOUNT,
            "agentId": agent_id,
            "token": token,
            "metaSimulator": simulator_url(),
        }
        return jsonify(answer)

    @site.route("/<path:path>", methods=_METHODS, provide_automatic_options=False)
    def api(path: str) -> Any:  # noqa: ARG001 - the gateway reads it from the request
        return gateway.answer(request)

    return site
