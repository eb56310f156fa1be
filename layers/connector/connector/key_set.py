"""The public keys that an issuer publishes (RFC 7517), kept while its server is down."""

import json
import time
from collections.abc import Callable
from http.client import HTTPException
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener

import jwt

from connector.errors import Misconfigured

_FRESH_SECONDS = 300
_STALE_SECONDS = 3600
_COOL_DOWN_SECONDS = 10
_TIMEOUT_SECONDS = 3
_MOST_BYTES = 256 * 1024


class KeySet(jwt.PyJWKClient):
    """An issuer's keys, fetched every five minutes.

    A failed fetch is not repeated for 10 s, so that callers neither wait for a server that is down nor call it once
    each. Meanwhile the keys of before are used, for an hour at most.
    """

    def __init__(
        self, url: str, *, ssl_context: SSLContext | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Use the keys at `url`.

        Raises:
            Misconfigured: it is not an https URL.
        """
        if not _is_https(url):
            raise Misconfigured("The SSM parameter jwt must hold an https URL as `jwksUrl`.")
        super().__init__(url, timeout=_TIMEOUT_SECONDS, lifespan=_FRESH_SECONDS, ssl_context=ssl_context)
        self._clock = clock
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=ssl_context))
        self._fetched: tuple[dict[str, Any], float] | None = None
        self._failed_at: float | None = None

    def fetch_data(self) -> dict[str, Any]:
        """Return the key set as the issuer publishes it, or as it last did.

        Raises:
            PyJWKClientConnectionError: it cannot be fetched, and no recent one is known.
        """
        now = self._clock()
        if self._failed_at is None or now - self._failed_at >= _COOL_DOWN_SECONDS:
            try:
                fetched = self._fetch()
                jwt.PyJWKSet.from_dict(fetched)
            except (OSError, HTTPException, ValueError, RecursionError, jwt.PyJWTError):
                self._failed_at = now
            else:
                self._fetched, self._failed_at = (fetched, now), None
                return fetched
        if self._fetched is not None and now - self._fetched[1] < _STALE_SECONDS:
            return self._fetched[0]
        raise jwt.PyJWKClientConnectionError("The key set cannot be fetched.")

    def _fetch(self) -> dict[str, Any]:
        """Fetch the key set: at most 256 KiB, and from nowhere else than its URL."""
        with self._opener.open(self.uri, timeout=_TIMEOUT_SECONDS) as answer:
            text = answer.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ValueError("the key set is too long")
        return self._as_jwk_set_payload(json.loads(text))


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect: it could leave https, or lead to another server."""


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
