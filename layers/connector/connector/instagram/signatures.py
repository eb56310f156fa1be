"""Proof that a webhook POST comes from Meta.

Meta signs the raw bytes of the body with the app secret and sends `X-Hub-Signature-256: sha256=<hex HMAC>`
(Meta, "Webhooks: validating payloads"). The body on the wire is escaped unicode, so parsing and writing it again
gives other bytes: only what was received may be hashed.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

HEADER = "x-hub-signature-256"


def proof_of(token: str, secret: str) -> str:
    """Return the `appsecret_proof` of an access token (Meta, "Securing Graph API calls")."""
    return hmac.new(secret.encode(), token.encode(), sha256).hexdigest()


_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def is_form(header: str | None) -> bool:
    """Return whether a header has the form of a signature, whatever it proves."""
    return _SIGNATURE.fullmatch(header or "") is not None


def is_signed(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """Return whether `header` is the signature of exactly these bytes by one of the app secrets. See `signer`."""
    return signer(body, header, secrets) is not None


def signer(body: bytes, header: str | None, secrets: Iterable[str]) -> str | None:
    """Return the app secret with which exactly these bytes were signed to get `header`; None if there is none.

    Several secrets are accepted so that one can be rotated without losing a delivery. No secret, an empty secret, no
    header or a header of any other form is a None. The comparison takes the same time wherever it fails.
    """
    form = _SIGNATURE.fullmatch(header or "")
    if form is None:
        return None
    claimed = form[1].encode("ascii")
    return next(
        (
            secret
            for secret in secrets
            if secret
            and hmac.compare_digest(hmac.new(secret.encode(), body, sha256).hexdigest().encode("ascii"), claimed)
        ),
        None,
    )
