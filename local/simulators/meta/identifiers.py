"""Ids in the form and length that Meta's have."""

import base64
import hashlib
import secrets
import time
from uuid import uuid4


def new_mid(account_id: str, user_id: str) -> str:
    """Make a message id of about 164 characters, opaque to everyone who receives it.

    Real ones are base64 of a colon-separated name, with `Z` written as `ZA` and padding as `ZD`.
    """
    item = f"32{time.time_ns()}{secrets.randbelow(10**14):014d}"
    return _encode(f"ig_dm_item:1:IGMessageID:{account_id}:{_thread_number(account_id, user_id)}:{item}")


def conversation_id(account_id: str, user_id: str) -> str:
    """Make the Conversations API's id of a thread, the same at every call."""
    return _encode(f"ig_dm:1:IGMessageThread:{account_id}:{_thread_number(account_id, user_id)}")


def new_account_id() -> str:
    """Make the id of an Instagram professional account, 17 digits beginning with 17841."""
    return f"17841{_digits(12)}"


def new_app_scoped_id() -> str:
    """Make the id of an account within one app, 17 digits."""
    return f"2{_digits(16)}"


def new_page_id() -> str:
    """Make the id of a Facebook Page, 15 digits."""
    return f"10{_digits(13)}"


def new_user_id() -> str:
    """Make an Instagram-scoped user id, 16 digits."""
    return f"1{_digits(15)}"


def new_owner_id() -> str:
    """Make the id of a Facebook person within one app, 17 digits."""
    return f"1022{_digits(13)}"


def new_page_token() -> str:
    """Make a Page access token."""
    return f"EAAsimulated{secrets.token_hex(12)}"


def new_user_token() -> str:
    """Make a Facebook user access token."""
    return f"EAAsimulatedUser{secrets.token_hex(12)}"


def new_instagram_token() -> str:
    """Make an Instagram user access token."""
    return f"IGAAsimulated{secrets.token_hex(12)}"


def new_code() -> str:
    """Make an authorization code."""
    return f"AQB{secrets.token_urlsafe(96)}"


def new_trace_id() -> str:
    """Make an error's `fbtrace_id`, 23 characters."""
    return f"A{secrets.token_urlsafe(17)[:22]}"


def new_delivery_id() -> str:
    """Make the simulator's own name of one webhook POST; Meta sends none."""
    return uuid4().hex


def _encode(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().replace("Z", "ZA").replace("=", "ZD")


def _thread_number(account_id: str, user_id: str) -> str:
    digest = hashlib.sha256(f"{account_id}/{user_id}".encode()).digest()
    return f"340282366841710301{int.from_bytes(digest[:12]) % 10**21:021d}"


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
