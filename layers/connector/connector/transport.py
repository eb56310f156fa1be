"""HTTP to another company: always with a timeout, never repeated, no redirects, and every way to fail sorted.

Neither Meta nor Retell knows idempotency keys, so what matters about a failure is one thing: was the request perhaps
carried out? `TryLater` says certainly not, `OutcomeUnknown` says perhaps.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json import loads as json_of
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import quote

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NameResolutionError, NewConnectionError

from connector.errors import OutcomeUnknown, TryLater

_CONNECT_SECONDS = 3.05
_MOST_BYTES = 1_000_000  # of an answer; a longer one is not an answer to anything we ask
_PIECE_BYTES = 64 * 1024
_DOTS = {"", ".", ".."}
IDLE_SECONDS = 20  # less than any NAT remembers a connection for
_NOT_SENT = (ConnectTimeoutError, NewConnectionError, NameResolutionError)


type Path = str | tuple[str, ...]
"""A path below the base URL: one segment, or several."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, and the body where it is a JSON object (a list is one with `data`)."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx: Retell answers 200, 201 and 204."""
        return 200 <= self.status < 300


class Transport:
    """One company's API, at one base URL, as one bearer; None for nobody's."""

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str | None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._used_at = wall_clock()
        self._name = name
        self._base_url = base_url
        # One session per execution environment and token; `requests` retries nothing by itself.
        self._session = requests.Session()
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.trust_env = False  # no .netrc may replace our Authorization header

    def get(self, path: Path, *, params: Mapping[str, str] | None = None, timeout: float = 10) -> Answer:
        """GET `path`. Reading twice harms nobody, so a lost answer is `TryLater` too.

        Raises:
            TryLater: no answer within `timeout` seconds.
        """
        try:
            return self._request("GET", path, params=params, timeout=timeout)
        except OutcomeUnknown as error:
            raise TryLater(error.message) from error

    def send(
        self,
        method: str,
        path: Path,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        timeout: float = 10,
    ) -> Answer:
        """Make a request that changes something, once; its body is JSON or a form.

        Raises:
            TryLater: the request never left.
            OutcomeUnknown: it left, and no answer came back within `timeout` seconds.
        """
        return self._request(method, path, params=params, json=json, form=form, timeout=timeout)

    def _request(
        self,
        method: str,
        path: Path,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        timeout: float,
    ) -> Answer:
        self._close_idle()
        give_up_at = self._clock() + timeout + _CONNECT_SECONDS
        try:
            with self._session.request(
                method,
                f"{self._base_url}/{quoted(path)}",
                params=params,
                json=json,
                data=form,
                timeout=(_CONNECT_SECONDS, timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response, give_up_at)
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise self._sorted(error) from error
        except (requests.exceptions.RequestException, HTTPError) as error:
            # A body cut off or garbled on the way back: the request has been read.
            raise OutcomeUnknown(f"{self._name}'s answer was lost on the way.") from error
        finally:
            self._used_at = self._wall_clock()
        return Answer(response.status_code, _json_object(body), response.headers)

    def _close_idle(self) -> None:
        """Close a connection that nobody used for a while.

        Lambda freezes an environment between invocations. After a long freeze a NAT no longer knows the connection: a
        request on it is reset or hangs, and looks as if it had been carried out. The monotonic clock may stand still
        in a freeze.
        """
        if not 0 <= self._wall_clock() - self._used_at <= IDLE_SECONDS:
            self._session.close()

    def _read(self, response: requests.Response, give_up_at: float) -> bytes:
        """Read a body within bounds: the timeout of `requests` is for each piece, and a drip of pieces has no end."""
        body = b""
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
            body += piece
            if len(body) > _MOST_BYTES or self._clock() > give_up_at:
                raise OutcomeUnknown(f"{self._name}'s answer was too long to be read.")
        return body

    def _sorted(self, error: requests.exceptions.RequestException) -> TryLater | OutcomeUnknown:
        cause = error.args[0] if error.args else None
        reason = cause.reason if isinstance(cause, MaxRetryError) else cause
        if isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, _NOT_SENT):
            return TryLater(f"{self._name} cannot be reached.")
        if reason is not None and any(isinstance(part, SSLCertVerificationError) for part in reason.args):
            return TryLater(f"{self._name} cannot prove who it is.")
        return OutcomeUnknown(f"{self._name} did not answer in time.")


def quoted(path: Path) -> str:
    """Return a path as a URL takes it. Ids become segments: whatever one holds, it stays a single segment.

    Raises:
        ValueError: a segment is empty or only dots, which HTTP clients resolve to another path.
    """
    segments = (path,) if isinstance(path, str) else path
    if _DOTS & {*segments}:
        raise ValueError("a segment of a path must have a name")
    return "/".join(quote(segment, safe="", errors="replace") for segment in segments)


def _json_object(answer: bytes) -> Mapping[str, Any] | None:
    try:
        body = json_of(answer)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, list):
        return {"data": body}
    return body if isinstance(body, dict) else None
