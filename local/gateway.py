"""API Gateway's HTTP API on one machine: the template's routes, payload format 2.0, the functions behind them."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from local.cors import Cors
from local.environments import InvocationFailed
from local.template import Function, Route

type Invoke = Callable[[Mapping[str, Any]], Any]

# What AWS hands over as text; everything else, forms too, is base64.
_TEXT = re.compile(r"text/|application/(json|javascript|xml)\b|[^;]*\+(json|xml)\b")


class Gateway:
    """A WSGI app that answers the template's routes by invoking its functions."""

    def __init__(self, functions: Iterable[tuple[Function, Invoke]], cors: Cors | None = None) -> None:
        self._cors = cors
        self._routes = [(route, _pattern(route), invoke) for function, invoke in functions for route in function.routes]

    def answer(self, request: Request) -> Response:
        """Answer one request, as AWS does: 404 for no route, 500 for a function that failed."""
        if self._cors is None:
            return self._routed(request)
        response = self._cors.preflight(request) or self._routed(request)
        if request.method != "OPTIONS":
            self._cors.add_headers(request, response.headers)
        return response

    def _routed(self, request: Request) -> Response:
        for route, pattern, invoke in self._routes:
            form = pattern.fullmatch(request.path)
            if form and request.method == route.method.upper():
                return self._invoke(invoke, event_of(request, route, form.groupdict()))
        return _json(404, {"message": "Not Found"})

    def _invoke(self, invoke: Invoke, event: Mapping[str, Any]) -> Response:
        try:
            return _response(invoke(event))
        except InvocationFailed as error:
            print(f"  {error}; its log says why")
            return _json(500, {"message": "Internal Server Error"})


def event_of(request: Request, route: Route, path_parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the payload-2.0 event of a request.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    headers: dict[str, str] = {}
    for name, value in request.headers:
        if name != "Cookie":
            headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    body, is_base64 = _body(request)
    now = datetime.now(UTC)
    query = {name: ",".join(request.args.getlist(name)) for name in request.args}
    cookies = [cookie.strip() for cookie in request.headers.get("Cookie", "").split(";") if cookie.strip()]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{route.method.upper()} {route.path}",
        "rawPath": request.path,
        "rawQueryString": request.query_string.decode("latin-1"),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": request.host,
            "domainPrefix": request.host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": request.remote_addr or "127.0.0.1",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": uuid.uuid4().hex[:16],
            "routeKey": f"{route.method.upper()} {route.path}",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": is_base64,
    }
    # AWS leaves out what is empty.
    optional = {
        "cookies": cookies,
        "queryStringParameters": query,
        "pathParameters": dict(path_parameters),
        "body": body,
    }
    return event | {name: value for name, value in optional.items() if value}


def _body(request: Request) -> tuple[str, bool]:
    raw = request.get_data()
    if _TEXT.match(request.content_type or "text/"):
        try:
            return raw.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(raw).decode("ascii"), True


def _response(answer: Any) -> Response:
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return _json(200, answer)
    body = answer.get("body", "")
    payload = base64.b64decode(body) if answer.get("isBase64Encoded") else body
    response = Response(payload, status=answer["statusCode"], headers=answer.get("headers") or {})
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        for value in values:
            response.headers.add(name, value)
    for cookie in answer.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response


def _json(status: int, body: Any) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.path)))
