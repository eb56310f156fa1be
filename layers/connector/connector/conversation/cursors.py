"""Cursors: where a page ended, in a form that nobody builds on. They are opaque, and strictly parsed."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from connector.errors import Detail, InvalidRequest
from connector.tenancy import Tenant

_PLACE = r"[0-9]{14}\.[0-9a-f]{24}"  # a time, and an id
_MOMENT = r"\.[0-9a-f]{16}"  # at which a row stood there that has moved since
_CHECKSUM = r"\.([0-9a-f]{8})"
_FORMS = {
    "messages": re.compile(f"({_PLACE}){_CHECKSUM}"),
    "export": re.compile(f"({_PLACE}){_CHECKSUM}"),
    "conversations": re.compile(f"({_PLACE}{_MOMENT}){_CHECKSUM}"),
}


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of one route of one tenant.

    A cursor holds a position, and a checksum of it with the tenant and the route. Whoever computes the checksum gains
    nothing: a position means a time, and whose messages are read is decided by the caller's token. It is there so that
    a cursor that was cut, altered, or taken from elsewhere is refused, and does not begin somewhere else in silence.
    """

    tenant: Tenant
    route: Literal["messages", "export", "conversations"]

    def write(self, position: str) -> str:
        """Return the cursor of a position."""
        return urlsafe_b64encode(f"{position}.{self._checksum(position)}".encode("ascii")).decode("ascii").rstrip("=")

    def read(self, cursor: str) -> str:
        """Return the position of a cursor.

        Raises:
            InvalidRequest: it is none that this route has given to this tenant.
        """
        try:
            plain = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        except (binascii.Error, ValueError) as error:
            raise _not_a_cursor() from error
        form = _FORMS[self.route].fullmatch(plain)
        if form is None or form[2] != self._checksum(form[1]) or self.write(form[1]) != cursor:
            raise _not_a_cursor()
        return form[1]

    def _checksum(self, position: str) -> str:
        return sha256(f"{self.route}/{self.tenant}/{position}".encode("ascii")).hexdigest()[:8]


def _not_a_cursor() -> InvalidRequest:
    problem = Detail("cursor", "must be a nextCursor that this endpoint has returned")
    return InvalidRequest("The cursor cannot be read. Start again without one.", details=[problem])
