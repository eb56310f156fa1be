"""`appsecret_proof`: showing Meta that who bears an access token also knows the secret of the token's app.

Meta, "Securing Graph API calls": the proof is the HMAC of the token under the app's current secret, and a call with any
other is refused. So it is computed for each call from the secrets as they are now, and a rotated secret needs no new
connection. Only graph.facebook.com documents it: a token of Instagram Login is sent without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from connector.accounts import AccessToken
from connector.errors import TryLater, Unavailable
from connector.instagram.errors import is_proof_refused
from connector.instagram.signatures import proof_of
from connector.transport import Answer

type AppSecrets = Callable[[str, bool], Sequence[str]]
"""Returns the secrets that our app of an id may have, the likeliest first; as they are now where the second is true."""


def no_secrets(_app_id: str, _recent: bool) -> Sequence[str]:
    """Know no app."""
    return ()


class Prover:
    """Makes the calls of one token, each with a proof that Meta accepts."""

    def __init__(self, token: AccessToken, app_secrets: AppSecrets) -> None:
        self._token = token
        self._app_secrets = app_secrets
        self._accepted: str | None = None

    def call(self, make: Callable[[Mapping[str, str]], Answer]) -> Answer:
        """Make a call, given its proof as a parameter; again with another proof while Meta refuses the one it got.

        That is safe for a send too: Meta checks the proof first, so a call refused for its proof did not happen.

        Raises:
            TryLater: the app's secret cannot be read now. Nothing was called.
        """
        tried: list[str] = []
        answer = None
        for proof in self._proofs():
            if proof not in tried:
                tried.append(proof)
                answer = make({"appsecret_proof": proof})
                if not is_proof_refused(answer):
                    self._accepted = proof
                    return answer
        return answer or make({})

    def _proofs(self) -> Iterator[str]:
        """Yield the proofs that Meta may accept, the likeliest first."""
        known = self._computed(recent=False)
        yield from sorted(known, key=lambda proof: proof != self._accepted)
        yield from self._computed(recent=True) if known else ()
        if not known and self._token.proof:
            yield self._token.proof

    def _computed(self, *, recent: bool) -> Sequence[str]:
        if self._token.app_id is None:
            return ()
        try:
            secrets = self._app_secrets(self._token.app_id, recent)
        except Unavailable as error:
            raise TryLater("The app's secret cannot be read now. Try again.") from error
        return [proof_of(self._token.value, secret) for secret in secrets]
