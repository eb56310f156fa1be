"""How callers' tokens are verified: what the SSM parameter `jwt` holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import Misconfigured

_LEAST_KEY_BYTES = 32  # of HS256 (RFC 7518, section 3.2)


@dataclass(frozen=True, slots=True)
class JwtKeys:
    """The keys, and what a token must say besides."""

    keys: tuple[str, ...] = field(repr=False)
    jwks_url: str | None = None
    issuer: str | list[str] | None = None
    audience: str | list[str] | None = None
    """With several of either, a token must name one."""
    lifetime_seconds: int | None = None
    """The longest time from `iat` to `exp` of a token that is accepted; None for any."""

    def __post_init__(self) -> None:
        """Refuse keys that do not protect. Their values are not quoted.

        Raises:
            Misconfigured: there is no key, or one is too short, also if another one verifies the token.
        """
        if not self.keys and not self.jwks_url:
            raise _misconfigured("must hold `keys` or `jwksUrl`")
        if any(_length(key) < _LEAST_KEY_BYTES for key in self.keys):
            raise _misconfigured(f"holds a key that is too short: HS256 needs {_LEAST_KEY_BYTES} bytes")

    @classmethod
    def of(cls, parameter: Mapping[str, Any]) -> "JwtKeys":
        """Read the parameter.

        Raises:
            Misconfigured: it holds something else than docs/deploy.md says.
        """
        keys = parameter.get("keys") or []
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise _misconfigured("must hold `keys` as a list of texts")
        url = parameter.get("jwksUrl")
        if url is not None and not isinstance(url, str):
            raise _misconfigured("must hold `jwksUrl` as a text")
        return cls(
            tuple(keys),
            url,
            _names(parameter, "issuer"),
            _names(parameter, "audience"),
            _lifetime(parameter.get("maximumLifetimeSeconds")),
        )


def _length(key: str) -> int:
    try:
        return len(key.encode())
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return 0


def _names(parameter: Mapping[str, Any], name: str) -> list[str] | None:
    value = parameter.get(name)
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(one, str) and one for one in names):
        raise _misconfigured(f"must hold `{name}` as a text or a list of texts")
    return names


def _lifetime(seconds: object) -> int | None:
    if seconds is not None and (not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0):
        raise _misconfigured("must hold `maximumLifetimeSeconds` as a whole number above 0")
    return seconds


def _misconfigured(problem: str) -> Misconfigured:
    return Misconfigured(f"The SSM parameter jwt {problem}. docs/deploy.md says what it holds.")
