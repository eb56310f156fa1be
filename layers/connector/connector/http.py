"""The documented API's shape: who may call, what a request must be, how success and failure are told."""

import json
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from connector.audit import Call, action_of
from connector.auth import Caller, Scope, authenticate
from connector.errors import ConnectorError, Detail, InvalidRequest, NotFound, PayloadTooLarge
from connector.gateway import (
    LambdaAnswer,
    LambdaEvent,
    Request,
    answer_error,
    failure,
    retry_after,
    without_base,
)
from connector.handlers import Handler, http_handler
from connector.logs import identify, log_refusal
from connector.request_errors import refusal
from connector.storage.mongodb import deadline
from connector.tenancy import Tenant
from connector.wiring.stores import secrets

PREFIX = "/api/database/<subaccount_id>/chat-agents/<agent_id>/instagram"
MAX_BODY_BYTES = 64 * 1024


def api() -> APIGatewayHttpResolver:
    """Return a resolver that validates requests and tells every failure in the one shape."""
    app = APIGatewayHttpResolver(enable_validation=True)

    @app.exception_handler(RequestValidationError)
    def _refuse(error: RequestValidationError) -> Response[dict[str, Any]]:
        return _told(app, refusal(error.errors(), partial(_body_fields, app)))

    @app.exception_handler(ConnectorError)
    def _tell(error: ConnectorError) -> Response[dict[str, Any]]:
        return _told(app, error)

    return app


def entry(app: APIGatewayHttpResolver, *, scope: Scope | None = None, database_seconds: float | None = None) -> Handler:
    """Return the Lambda handler of an API function: prove the caller, let the app answer, and write the audit line.

    The proof comes before Powertools sees the request: a stranger is told nothing about what a request must be.
    `scope` is what the token must allow; by default, reading for GET and writing for other methods.
    `database_seconds` is for all operations of a request together, so that a slow database does not keep environments
    and connections busy. A function that calls Meta or Retell must not set it: it stores what came of the call.
    """

    def recorded(event: LambdaEvent, context: Any) -> LambdaAnswer:
        call, status = Call(None), int(HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            answer = _answer(app, event, context, call, scope, database_seconds)
            status = answer["statusCode"]
        except ConnectorError as error:
            status = error.status
            raise
        finally:
            call.record(status)
        return _uncached(answer)

    return http_handler(recorded, _tell_error)


def caller(app: APIGatewayHttpResolver) -> Caller:
    """Return who makes the request that the app answers."""
    proven: Caller = app.context["call"].caller
    return proven


def audit_as(app: APIGatewayHttpResolver, action: str) -> None:
    """Have the audit log name the request that the app answers more precisely than its route does."""
    app.context["call"].action = action


def _answer(
    app: APIGatewayHttpResolver,
    event: LambdaEvent,
    context: Any,
    call: Call,
    scope: Scope | None,
    database_seconds: float | None,
) -> LambdaAnswer:
    _admit(event, call, scope)
    app.context["call"] = call
    with deadline(database_seconds):
        return app.resolve(_labelled(event), context)


def _tell_error(error: ConnectorError, request_id: str) -> LambdaAnswer:
    answer = _uncached(answer_error(error, request_id))
    if error.status is HTTPStatus.UNAUTHORIZED:
        answer["headers"]["WWW-Authenticate"] = "Bearer"  # RFC 9110: a 401 says how to prove oneself
    return answer


def _uncached(answer: LambdaAnswer) -> LambdaAnswer:
    """Return an answer that nothing on the way keeps: answers hold what people wrote, and who they are."""
    return {**answer, "headers": answer["headers"] | {"Cache-Control": "no-store"}}


def _admit(event: LambdaEvent, call: Call, scope: Scope | None) -> None:
    """Let only those in who may call for this path's tenant, and note in `call` who it is.

    Raises:
        Unauthorized, NotFound, ScopeMissing, InvalidRequest, PayloadTooLarge: as they say.
    """
    request = Request.of(event)
    call.action = action_of(request.method, request.path)
    call.caller = proven = authenticate(request.headers.get("authorization"), secrets().jwt())
    path = event.get("pathParameters") or {}
    call.tenant = tenant = Tenant(path.get("subaccountId", ""), path.get("agentId", ""))
    if not request.path.startswith(f"{_prefix_of(tenant)}/"):
        raise NotFound  # Powertools takes the ids from the path: no other tenant than the admitted one may stand there
    identify(tenant)
    proven.require(tenant)
    proven.require_scope(scope or (Scope.READ if request.method == "GET" else Scope.WRITE))
    if len(request.body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"A body may have at most {MAX_BODY_BYTES // 1024} KiB.")
    _require_object(request.body)


def _prefix_of(tenant: Tenant) -> str:
    return f"/api/database/{tenant.subaccount_id}/chat-agents/{tenant.agent_id}/instagram"


def _require_object(body: bytes) -> None:
    """Refuse what is no JSON object, before Powertools meets it.

    Other charsets, bombs and long numbers are crashes there, `null` is no body, and of a list it takes the first item.
    """
    try:
        told = json.loads(body.decode(), object_pairs_hook=_each_once) if body else {}
    except (ValueError, RecursionError) as error:
        problems = [Detail("body", "must be JSON, in UTF-8, with each field once")]
        raise InvalidRequest("The body cannot be read.", details=problems) from error
    if not isinstance(told, dict):
        raise InvalidRequest("The body cannot be used.", details=[Detail("body", "must be a JSON object")])


def _each_once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Of a field that stands there twice, two readers see two values."""
    read = dict(fields)
    if len(read) < len(fields):
        raise ValueError("a field stands there twice")
    return read


def _labelled(event: LambdaEvent) -> dict[str, Any]:
    """Return the event without its base path, and its body labelled as JSON: `curl -d` labels it as a form."""
    headers = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() != "content-type"}
    return {**without_base(event), "headers": headers | {"content-type": content_types.APPLICATION_JSON}}


def refuse_unknown_query(app: APIGatewayHttpResolver, *known: str) -> None:
    """Refuse a query that says more than the route understands: a misspelt filter must not return everything.

    Raises:
        InvalidRequest: naming what is unknown.
    """
    unknown = sorted(set(app.current_event.query_string_parameters or {}) - set(known))
    if unknown:
        problems = [Detail(name, f"is not known here; {', '.join(known)} are") for name in unknown]
        raise InvalidRequest("The query holds something that is not known here.", details=problems)


def _told(app: APIGatewayHttpResolver, error: ConnectorError) -> Response[dict[str, Any]]:
    log_refusal(error)
    body = failure(error, app.current_event.request_context.request_id)
    return Response(error.status, content_types.APPLICATION_JSON, body, headers={**retry_after(error)})


def _body_fields(app: APIGatewayHttpResolver) -> str:
    """Return which fields a body of this function has, in words."""
    schema = app.get_openapi_schema().model_dump(by_alias=True, exclude_none=True, mode="json")
    for path in schema["paths"].values():
        if body := path.get("post", {}).get("requestBody"):
            reference = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
            model = schema["components"]["schemas"][reference]
            required = set(model.get("required", ()))
            return ", ".join(
                f"{name} ({'required' if name in required else 'optional'})" for name in model["properties"]
            )
    return "the documented fields"
