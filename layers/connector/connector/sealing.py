"""Encrypt what a login found until its owner confirms it, with a key that only the owner's browser has.

The ticket is derived from Meta's code, which the browser brings, and from the state. It is in the page that asks the
owner, and is not stored. So neither the database opens the seal, nor the state, which the login's initiator knows.
"""

import hmac
import os
from base64 import urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


def ticket(state: str, code: str) -> str:
    """Return the ticket of a state and a code: the same one each time, so that the page can be loaded again."""
    return urlsafe_b64encode(
        hmac.digest(code.encode("utf-8", "surrogatepass"), f"ticket:{state}".encode(), "sha256")
    ).decode()


def seal(text: str, *, state: str, ticket: str) -> bytes:
    """Encrypt a text under a ticket, for one state."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(ticket)).encrypt(nonce, text.encode(), state.encode())


def unseal(sealed: bytes, *, state: str, ticket: str) -> str | None:
    """Return the text, or None if the ticket or the state is another. The tag is compared in constant time."""
    try:
        return AESGCM(_key(ticket)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], state.encode()).decode()
    except InvalidTag:
        return None


def _key(ticket: str) -> bytes:
    return hmac.digest(b"key", ticket.encode("utf-8", "surrogatepass"), "sha256")
