"""HTTP as a Lambda sees it: API Gateway's payload format 2.0, which Function URLs share.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from connector.errors import ConnectorError, InvalidRequest, quote_of

_BELOW_BASE = re.compile(r"/api/(database/[^/]+/chat-agents|instagram)/")
_BASE = "basePath"

REQUEST_ID = "X-Request-Id"
"""The header of each answer with the id of its request, which log lines have as `requestId`."""

type LambdaEvent = Mapping[str, Any]
type LambdaAnswer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of an HTTP request that the connector reads."""

    method: str
    path: str
    """Below the base path: it begins with `/api/`."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, event: LambdaEvent) -> "Request":
        """Read a payload-2.0 event. The body is the bytes that were sent, whatever AWS wrapped them in.

        Raises:
            InvalidRequest: the event says its body is base64 and it is not.
        """
        http = event["requestContext"]["http"]
        return cls(
            method=http["method"],
            path=event["rawPath"].removeprefix(base_path(event)),
            query=event.get("queryStringParameters") or {},
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            body=_body(event),
        )


def _body(event: LambdaEvent) -> bytes:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The body is marked as base64 and is not base64.") from error


def base_path(event: LambdaEvent) -> str:
    """Return the part of the path before our routes: "", or an API mapping key or a stage, e.g. `/v1`.

    `rawPath` keeps the mapping key of a custom domain and the name of a stage (AWS, "Use API mappings to connect API
    stages to a custom domain name for HTTP APIs"). A route's own part is as many segments as its template has; a
    Function URL knows no routes.
    """
    if _BASE in event:
        return str(event[_BASE])
    path: str = event["rawPath"]
    _, _, route = event.get("routeKey", "").partition(" ")
    if route:
        return "/".join(path.split("/")[: -route.count("/")])
    form = _BELOW_BASE.search(path)
    return path[: form.start()] if form else ""


def without_base(event: LambdaEvent) -> dict[str, Any]:
    """Return the event with the path below its base path, which it remembers for `base_path`."""
    base, context = base_path(event), {**event["requestContext"], "stage": "$default"}
    return {**event, "rawPath": event["rawPath"].removeprefix(base), "requestContext": context, _BASE: base}


def base_url(event: LambdaEvent) -> str:
    """Return the URL below which the caller has found our routes, e.g. `https://api.example.com/v1`.

    The host is the one that API Gateway serves: no other reaches a function. It always tells the scheme.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme = "https" if headers.get("x-forwarded-proto", "").partition(",")[0].strip() == "https" else "http"
    return f"{scheme}://{event['requestContext']['domainName']}{base_path(event)}"


def request_id_of(event: LambdaEvent) -> str:
    """Return the id that AWS gave a request. It is in API Gateway's access log too."""
    return str(event["requestContext"]["requestId"])


def answer_json(status: int, body: Mapping[str, Any]) -> LambdaAnswer:
    """Return a JSON answer."""
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def answer_text(status: int, body: str) -> LambdaAnswer:
    """Return a plain-text answer that no browser will take for anything else."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": body}


def answer_error(error: ConnectorError, request_id: str) -> LambdaAnswer:
    """Return the one shape in which every failure is told."""
    answer = answer_json(error.status, failure(error, request_id))
    return {**answer, "headers": answer["headers"] | retry_after(error)}


def retry_after(error: ConnectorError) -> dict[str, str]:
    """Return the header that says, in seconds, when a retry may help; none where it will not."""
    return {"Retry-After": str(error.after_seconds)} if error.retryable else {}


def failure(error: ConnectorError, request_id: str) -> dict[str, Any]:
    """Return the body of a failure. What went wrong inside (a 500) is for the log, not for the caller."""
    told: dict[str, Any] = {"code": error.code, "message": message_of(error), "requestId": request_id}
    if error.details:
        told["details"] = [{"field": detail.field, "problem": detail.problem} for detail in error.details]
    if not _is_inside(error) and (quote := quote_of(error)):
        told["meta"] = asdict(quote)
    return {"success": False, "error": told}


def message_of(error: ConnectorError) -> str:
    """Return what a caller is told of an error, in a sentence or two."""
    if _is_inside(error):
        return "Something went wrong on our side. Try again; if it stays, tell the operator."
    return error.message


def _is_inside(error: ConnectorError) -> bool:
    return error.code == ConnectorError.code
