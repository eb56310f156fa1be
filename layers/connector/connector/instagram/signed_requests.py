"""Proof that a callback about a person comes from Meta: the form field `signed_request`.

It is `<signature>.<payload>`, both in base64url without padding. The signature is the HMAC-SHA256 of the payload as it
is encoded, under the app secret (Meta, "Data Deletion Request Callback"); the webhook's is another, of other bytes.
"""

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from connector.errors import InvalidRequest, Unauthorized
from connector.instagram.fields import named_id

_FORM = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,16384})")
_ALGORITHM = "HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Whom a callback is about. One of the two is always told."""

    person_id: str | None
    """A person's id within the app; with Instagram Login, the account's."""
    page_id: str | None
    """The Page that the app was removed from, where no person is named."""

    def require_person(self) -> str:
        """Return the person's id.

        Raises:
            InvalidRequest: a Page is named, and no person.
        """
        if self.person_id is None:
            raise InvalidRequest("The signed_request names no person: it needs a user_id.")
        return self.person_id


def is_form(signed_request: str) -> bool:
    """Return whether this has the form of a signed request, whatever it proves."""
    return _FORM.fullmatch(signed_request) is not None


def is_signed(signed_request: str, secrets: Iterable[str]) -> bool:
    """Return whether this is signed by one of the app secrets. Any other form is a no, and nothing of it is read."""
    form = _FORM.fullmatch(signed_request)
    if form is None:
        return False
    claimed, payload = form[1].encode(), form[2].encode()
    return any(
        hmac.compare_digest(
            urlsafe_b64encode(hmac.new(secret.encode(), payload, sha256).digest()).rstrip(b"="), claimed
        )
        for secret in secrets
        if secret
    )


def read(signed_request: str) -> SignedRequest:
    """Return what a signed request says. Only for one that `is_signed`.

    Raises:
        Unauthorized: it says that it was signed in another way.
        InvalidRequest: it names nobody.
    """
    payload = _decoded(signed_request.partition(".")[2])
    if str(payload.get("algorithm")).upper() != _ALGORITHM:
        raise Unauthorized(f"The signed_request must be signed with {_ALGORITHM}.", reason="algorithm")
    told = SignedRequest(named_id(payload.get("user_id")), named_id(payload.get("profile_id")))
    if told.person_id is None and told.page_id is None:
        raise InvalidRequest("The signed_request names nobody: it needs a user_id.")
    return told


def _decoded(payload: str) -> dict[str, Any]:
    try:
        fields = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The signed_request cannot be read.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest("The signed_request holds no object.")
    return fields
