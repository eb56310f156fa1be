"""What the control APIs of the simulators have in common: `/_simulator`, JSON bodies, faults, CORS.

CORS is open here and only here, and to one page only: the one that plays the customer. The routes that imitate a
provider send no CORS headers, because the provider sends none.
"""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from local.simulators.faults import FaultBoard
from local.simulators.origins import may_call


class ControlBody(BaseModel):
    """A body of the control API: camelCase on the wire, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)


class ControlError(Exception):
    """A control request that cannot be done, with the HTTP status to answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


type AllowedOrigin = Callable[[], str | None]
"""Returns the origin of the page that may use a control API, such as `http://127.0.0.1:3000`; None for no page."""


def control_blueprint(allowed_origin: AllowedOrigin) -> Blueprint:
    """Make an empty control API, ready to get its routes."""
    control = Blueprint("control", __name__, url_prefix="/_simulator")

    @control.before_request
    def refuse_websites() -> None:
        if not may_call(request.host, request.headers.get("Origin"), allowed_origin()):
            raise ControlError(403, "Websites may not use the control API. Call it from a program on this machine.")

    @control.after_request
    def allow_page(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin is not None and may_call(request.host, origin, allowed_origin()):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        return response

    control.register_error_handler(ControlError, _refuse)
    control.register_error_handler(ValidationError, _refuse_body)
    return control


def parse_body[Body: BaseModel](kind: type[Body]) -> Body:
    """Read the request's JSON as `kind`; an empty body counts as `{}`."""
    return kind.model_validate_json(request.get_data() or b"{}")


def add_fault_routes[Settings: BaseModel](
    control: Blueprint, faults: FaultBoard[Settings], applied: Callable[[], None]
) -> None:
    """PUT and DELETE of `/_simulator/faults`; `applied` is called after each change."""

    @control.put("/faults")
    def set_faults() -> Response:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise ControlError(400, "The body must be a JSON object of fault names and settings.")
        faults.put(body)
        applied()
        return jsonify(faults=faults.active())

    @control.delete("/faults")
    def clear_faults() -> Response:
        faults.clear()
        applied()
        return jsonify(faults={})


def _refuse(error: ControlError) -> tuple[Response, int]:
    return jsonify(error=error.message), error.status


def _refuse_body(error: ValidationError) -> tuple[Response, int]:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return jsonify(error=f"{place}: {first['msg']}"), 400
