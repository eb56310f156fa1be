"""Meta's two Graph APIs, as the bearer of one token, on behalf of one Page or account.

graph.facebook.com takes Page tokens (Meta, "Instagram API with Facebook Login"), graph.instagram.com the tokens of
Instagram users (Meta, "Instagram API with Instagram Login"). Both know the same edges of a node: the Page there, the
account here.
"""

from collections.abc import Mapping
from typing import Any

from connector.accounts import AccessToken
from connector.errors import OutcomeUnknown, TryLater
from connector.instagram.errors import error_of
from connector.transport import Transport

_SECONDS = 10


class Graph:
    """One Graph API. The token travels in the Authorization header, never in a URL: URLs end up in logs."""

    def __init__(self, base_url: str, token: AccessToken, node_id: str) -> None:
        """Speak for the node `node_id`; `base_url` has the version, e.g. `https://graph.facebook.com/v26.0`."""
        # Proves that we know the app secret (Meta, "Securing Graph API calls"). It is worth nothing without the token.
        self._proof = {"appsecret_proof": token.proof} if token.proof else {}
        self._transport = Transport("Meta", base_url, token.value)
        self.node_id = node_id

    def get(self, path: str, params: Mapping[str, str], *, timeout: float = _SECONDS) -> dict[str, Any]:
        """Read.

        Raises:
            ReconnectNeeded: the token is not valid.
            Refused: the token may not see this, or there is none; `code` says why.
            TryLater: Meta does not answer within `timeout` seconds, or limits the rate.
        """
        answer = self._transport.get(path, params={**params, **self._proof}, timeout=timeout)
        if answer.is_success and answer.body is not None:
            return dict(answer.body)
        error = error_of(answer)
        # Reading changes nothing, so what may have been done may be done again.
        raise TryLater(error.message) if isinstance(error, OutcomeUnknown) else error

    def change(
        self,
        method: str,
        path: str,
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
        answer = self._transport.send(
            method, path, params={**(params or {}), **self._proof}, json=json, form=form, timeout=timeout
        )
        if not answer.is_success or (answer.body or {}).get("success") is False:
            raise error_of(answer)
        return dict(answer.body or {})
