"""The permissions that Meta's two logins know, and what the connector needs each for: the one list of them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from connector.accounts import Login
from connector.errors import Quote, Refused, refusal

MISSING = "permission_missing"
_UNNAMED = "The access token lacks a permission."


class Need(StrEnum):
    """When a permission is needed."""

    ALWAYS = "always"  # without it no message comes or goes
    CONNECTING = "connecting"  # messages go on without it, and the account cannot be connected or subscribed again
    LOGIN = "login"  # only for the login dialog: a given Page token works without it
    OPTIONAL = "optional"  # asked for in the login dialog, and used where it was given


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission, as Meta names it."""

    name: str
    need: Need
    purpose: str


_BASIC = Permission("instagram_basic", Need.ALWAYS, "Reads the account: its id, username and link to the Page.")
_MESSAGES = Permission("instagram_manage_messages", Need.ALWAYS, "Reads and sends the account's direct messages.")
_METADATA = Permission("pages_manage_metadata", Need.CONNECTING, "Subscribes the app to the Page's webhooks.")
_BUSINESS_BASIC = Permission("instagram_business_basic", Need.ALWAYS, "Reads the account, and renews the token.")
_BUSINESS_MESSAGES = Permission(
    "instagram_business_manage_messages",
    Need.ALWAYS,
    "Reads and sends the account's direct messages, and subscribes the app to its webhooks.",
)

PERMISSIONS: Mapping[Login, tuple[Permission, ...]] = {
    Login.FACEBOOK: (
        _BASIC,
        _MESSAGES,
        Permission("pages_messaging", Need.ALWAYS, "Sends messages through the Page, and opens files that it sent."),
        _METADATA,
        Permission("pages_show_list", Need.LOGIN, "Lists the Pages of the person who logs in."),
        Permission("pages_read_engagement", Need.OPTIONAL, "Reads a Page's details, which some Pages require."),
        Permission("business_management", Need.OPTIONAL, "Lists Pages that belong to a business portfolio."),
    ),
    Login.INSTAGRAM: (_BUSINESS_BASIC, _BUSINESS_MESSAGES),
}
TO_READ_ACCOUNT = {Login.FACEBOOK: _BASIC, Login.INSTAGRAM: _BUSINESS_BASIC}
TO_READ_MESSAGES = {Login.FACEBOOK: _MESSAGES, Login.INSTAGRAM: _BUSINESS_MESSAGES}
TO_SUBSCRIBE = {Login.FACEBOOK: _METADATA, Login.INSTAGRAM: _BUSINESS_MESSAGES}
_WORD = re.compile(r"\w+")
_NAMES = tuple(one.name for several in PERMISSIONS.values() for one in several)


def names(login: Login, *needs: Need) -> tuple[str, ...]:
    """Return the names of a login's permissions, of these needs or of all."""
    return tuple(one.name for one in PERMISSIONS[login] if not needs or one.need in needs)


def require(login: Login, granted: Collection[str] | None, *needs: Need) -> None:
    """Require the permissions of these needs, where Meta tells which there are.

    Raises:
        Refused: `permission_missing`; the message names those that are missing.
    """
    needed = names(login, *needs)
    if missing := [name for name in needed if granted is not None and name not in granted]:
        raise refusal(MISSING, f"The access token lacks {listed(missing)}. Create a token with {listed(needed)}.")


def refused(words: str, quote: Quote | None = None) -> Refused:
    """Return Meta's refusal for want of a permission. The message names those that Meta's `words` name."""
    said = set(_WORD.findall(words))
    found = [name for name in _NAMES if name in said]
    return refusal(MISSING, f"The access token lacks {listed(found)}." if found else _UNNAMED, quote)


@contextmanager
def naming(permission: Permission) -> Iterator[None]:
    """Name the permission that a call needs, where Meta refuses the call for want of one and does not say which.

    Raises:
        Refused: `permission_missing`; the message names it.
    """
    try:
        yield
    except Refused as error:
        if error.code != MISSING or error.message != _UNNAMED:
            raise
        raise refusal(MISSING, f"The access token lacks {permission.name}.", error.quote) from error


def listed(several: Iterable[str]) -> str:
    """Return names as words: `a, b and c`."""
    *most, last = several
    return f"{', '.join(most)} and {last}" if most else last
