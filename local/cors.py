"""CORS as API Gateway's HTTP API does it: it answers preflights itself, and no function sees them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from dataclasses import dataclass

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

_PREFIX = "Access-Control-"


@dataclass(frozen=True, slots=True)
class Cors:
    """The template's `CorsConfiguration`."""

    origins: frozenset[str]
    methods: tuple[str, ...]
    request_headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    max_age_seconds: int

    def preflight(self, request: Request) -> Response | None:
        """Answer an OPTIONS request: 204, with headers for an allowed origin only. None for other methods."""
        if request.method != "OPTIONS":
            return None
        response = Response(status=204)
        if request.headers.get("Origin") in self.origins and "Access-Control-Request-Method" in request.headers:
            response.headers.update(
                {
                    f"{_PREFIX}Allow-Origin": request.headers["Origin"],
                    f"{_PREFIX}Allow-Methods": ",".join(self.methods),
                    f"{_PREFIX}Allow-Headers": ",".join(self.request_headers),
                    f"{_PREFIX}Max-Age": str(self.max_age_seconds),
                }
            )
        return response

    def add_headers(self, request: Request, headers: Headers) -> None:
        """Replace the CORS headers of a function's answer by the gateway's own."""
        for name in [name for name, _ in headers if name.lower().startswith(_PREFIX.lower())]:
            headers.remove(name)
        if (origin := request.headers.get("Origin")) in self.origins:
            headers[f"{_PREFIX}Allow-Origin"] = origin
            headers[f"{_PREFIX}Expose-Headers"] = ",".join(self.exposed_headers)
