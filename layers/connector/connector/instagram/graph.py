"""Meta's two Graph APIs, as the bearer of one token, on behalf of one Page or account.

graph.facebook.com takes Page tokens (Meta, "Instagram API with Facebook Login"), graph.instagram.com the tokens of
Instagram users (Meta, "Instagram API with Instagram Login"). Both know the same edges of a node: the Page there, the
account here.
"""

from collections.abc import Mapping
from typing import Any

from connector.accounts import AccessToken
from connector.errors import OutcomeUnknown, OutsideError, ReconnectNeeded, TokenInDoubt, TryLater
from connector.instagram.errors import DEAD, error_of, is_error, refused
from connector.instagram.proving import AppSecrets, Prover, no_secrets
from connector.transport import Answer, Path, Transport

_SECONDS = 10
_PROBE_SECONDS = 5


class Graph:
    """One Graph API. The token travels in the Authorization header, never in a URL: URLs end up in logs."""

    def __init__(self, base_url: str, token: AccessToken, node_id: str, app_secrets: AppSecrets = no_secrets) -> None:
        """Speak for the node `node_id`; `base_url` has the version, e.g. `https://graph.facebook.com/v26.0`.

        `app_secrets` are those with which the token is proven, where it is for our app.
        """
        self._prover = Prover(token, app_secrets)
        self._transport = Transport("Meta", base_url, token.value)
        self.node_id = node_id

    def get(self, path: Path, params: Mapping[str, str], *, timeout: float = _SECONDS) -> dict[str, Any]:
        """Read.

        Raises:
            ReconnectNeeded: the token is not valid.
            Refused: the token may not see this, or there is none; `code` says why.
            TryLater: Meta does not answer within `timeout` seconds, or limits the rate.
        """
        answer = self._get(path, params, timeout)
        if answer.body is not None and not is_error(answer):
            return dict(answer.body)
        error = self._error(answer, timeout)
        # Reading changes nothing, so what may have been done may be done again.
        raise TryLater(error.message) if isinstance(error, OutcomeUnknown) else error

    def _get(self, path: Path, params: Mapping[str, str], timeout: float) -> Answer:
        return self._prover.call(lambda proof: self._transport.get(path, params={**params, **proof}, timeout=timeout))

    def change(
        self,
        method: str,
        path: Path,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        timeout: float = _SECONDS,
    ) -> dict[str, Any]:
        """Change something, once.

        Raises:
            ReconnectNeeded, Refused, TryLater: it was not done.
            OutcomeUnknown: it may have been done.
        """
        answer = self._prover.call(
            lambda proof: self._transport.send(
                method, path, params={**(params or {}), **proof}, json=json, form=form, timeout=timeout
            )
        )
        if is_error(answer) or (answer.body or {}).get("success") is False:
            raise self._error(answer, timeout)
        return dict(answer.body or {})

    def _error(self, answer: Answer, timeout: float) -> OutsideError:
        """Return what an answer means. Where it only looks like a dead token's, a second call tells: it needs no more.

        Raises:
            TryLater: that call was not answered.
        """
        error = error_of(answer)
        if not isinstance(error, TokenInDoubt):
            return error
        probe = self._get("me", {"fields": "id"}, min(timeout, _PROBE_SECONDS))
        found = error_of(probe) if is_error(probe) else None
        if isinstance(found, ReconnectNeeded | TokenInDoubt):
            return ReconnectNeeded(DEAD).quoting(error.quote)
        # The token lives. A 401 is then a fault that passes; any other refusal is one without a name.
        return error if answer.status == 401 or found else refused("graph_refused").quoting(error.quote)
