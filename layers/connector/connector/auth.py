"""Who calls: a bearer JWT whose claims name the tenants it is for.

Claims: `sub`, `iat`, `exp`, `subaccountId` (a string, or a list of them), optionally `agentIds` and `retellAgentIds`
(lists) and `scope` (a string with blanks between its words, or a list).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from connector.errors import AgentNotAllowed, Misconfigured, NotFound, ScopeMissing, Unauthorized, Unavailable
from connector.key_set import KeySet
from connector.tenancy import ID_PATTERN, Tenant
from connector.token_keys import JwtKeys

_MAX_TOKEN_CHARACTERS = 8192
_MAX_SUBJECT_CHARACTERS = 255
_LEEWAY_SECONDS = 30
_NEVER = 10**11  # seconds since 1970: a token that expires in the year 5138 does not expire


_TIMES = ("iat", "exp", "nbf")


class Scope(StrEnum):
    """A right that a token may be limited to, as its claim `scope` names it."""

    READ = "instagram:read"
    WRITE = "instagram:write"  # includes reading


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven caller, and the tenants that the token is for."""

    subaccount_ids: frozenset[str]
    agent_ids: frozenset[str] | None
    """None when the token is for every agent of its subaccounts."""
    scopes: frozenset[Scope] = frozenset(Scope)
    retell_agent_ids: frozenset[str] | None = None
    """The agents at Retell that the token is for; None when it does not name them."""
    subject: str = field(default="", compare=False)
    """Who the caller is, in the words of the token's issuer. It gives no rights."""

    def require_scope(self, scope: Scope) -> None:
        """Check that the token has a right.

        Raises:
            ScopeMissing: it has not.
        """
        if not self.scopes & {scope, Scope.WRITE}:
            raise ScopeMissing(scope)

    def require(self, tenant: Tenant) -> None:
        """Check that the token is for this tenant.

        Raises:
            NotFound: it is not. The same words as for what does not exist, so that nobody learns what does.
        """
        is_theirs = tenant.subaccount_id in self.subaccount_ids
        if not is_theirs or (self.agent_ids is not None and tenant.agent_id not in self.agent_ids):
            raise NotFound

    def lists_agent(self, retell_agent_id: str) -> bool | None:
        """Return whether the token lists an agent at Retell; None when it lists no agents.

        Raises:
            AgentNotAllowed: the token names the agents at Retell, and not this one.
        """
        if self.retell_agent_ids is not None:
            if retell_agent_id not in self.retell_agent_ids:
                raise AgentNotAllowed
            return True
        return None if self.agent_ids is None else retell_agent_id in self.agent_ids


def authenticate(authorization: str | None, keys: JwtKeys) -> Caller:
    """Return who an Authorization header proves.

    Raises:
        Unauthorized: no bearer token, or not a valid one. The words do not tell which.
        Misconfigured: the key set is at no https URL, or a key cannot be used.
        Unavailable: the key set cannot be fetched.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if not authorization:
        raise _refused("no_token")
    if scheme.lower() != "bearer" or not token.isascii() or len(token) > _MAX_TOKEN_CHARACTERS:
        raise _refused("malformed")
    claims = _verified(token, keys)
    subaccounts = claims.get("subaccountId")
    subaccount_ids = _ids([subaccounts] if isinstance(subaccounts, str) else subaccounts)
    if not subaccount_ids:
        raise _refused("missing_claim:subaccountId")
    return Caller(
        subaccount_ids,
        _listed(claims, "agentIds"),
        _scopes(claims),
        _listed(claims, "retellAgentIds"),
        _subject(claims),
    )


def _verified(token: str, keys: JwtKeys) -> dict[str, Any]:
    for key in _candidates(token, keys):
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                # One family at a time: a public key must never be taken for a shared secret.
                algorithms=["HS256"] if keys.keys else ["RS256", "ES256"],
                issuer=keys.issuer,
                audience=keys.audience,
                leeway=_LEEWAY_SECONDS,
                options={
                    "require": ["sub", "iat", "exp"],
                    "verify_aud": keys.audience is not None,
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except OverflowError as error:
            raise _refused("malformed_claim") from error
        except jwt.InvalidKeyError as error:
            raise Misconfigured(
                "A key that verifies tokens cannot be used: HS256 needs a shared secret, RS256 a key of 2048 bits."
            ) from error
        except jwt.PyJWTError as error:
            raise _refused(_reason(error)) from error
        # PyJWT also takes a time that is a text or a boolean.
        if not all(type(claims.get(name, 0)) in (int, float) for name in _TIMES) or claims["exp"] >= _NEVER:
            raise _refused("malformed_claim")
        if keys.lifetime_seconds is not None and not claims["exp"] - claims["iat"] <= keys.lifetime_seconds:
            raise _refused("lifetime")
        return claims
    raise _refused("signature")


def _candidates(token: str, keys: JwtKeys) -> list[Any]:
    if keys.keys:
        return list(keys.keys)
    try:
        # The key as published says which algorithm it is for; PyJWT holds the token to it.
        return [_key_set(keys.jwks_url or "").get_signing_key_from_jwt(token)]
    except jwt.PyJWKClientConnectionError as error:
        raise Unavailable("The keys that prove callers cannot be fetched. Try again in a moment.") from error
    except jwt.PyJWTError as error:
        raise _refused(_reason(error)) from error


@cache
def _key_set(url: str) -> KeySet:
    return KeySet(url)


def _subject(claims: dict[str, Any]) -> str:
    text: str = claims["sub"]
    return text[:_MAX_SUBJECT_CHARACTERS].encode(errors="replace").decode()


def _scopes(claims: dict[str, Any]) -> frozenset[Scope]:
    """Return the rights of a token: all where it names none. Scopes of other systems are ignored."""
    if "scope" not in claims:
        return frozenset(Scope)
    named = claims["scope"]
    words = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
    return frozenset(scope for scope in Scope if scope.value in words)


def _listed(claims: dict[str, Any], name: str) -> frozenset[str] | None:
    return None if claims.get(name) is None else _ids(claims[name])


def _ids(value: object) -> frozenset[str]:
    """Return the ids among `value`, a list of them; nothing that is no id can be anybody's."""
    items = value if isinstance(value, list) else []
    return frozenset(item for item in items if isinstance(item, str) and re.fullmatch(ID_PATTERN, item))


_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidAudienceError: "audience",
    jwt.InvalidIssuerError: "issuer",
    jwt.InvalidAlgorithmError: "algorithm",
    jwt.InvalidIssuedAtError: "malformed_claim",
    InvalidSubjectError: "malformed_claim",
    InvalidJTIError: "malformed_claim",
    jwt.PyJWKClientError: "unknown_key",
}


def _reason(error: jwt.PyJWTError) -> str:
    """Return why a token was refused, for the log. It names a claim at most, never a claim's value."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"missing_claim:{error.claim}"
    return _REASONS.get(type(error), "malformed")


def _refused(reason: str) -> Unauthorized:
    """Return the refusal, which tells callers the same whatever the reason is."""
    message = "A valid bearer token is needed: sign in again, and send it as `Authorization: Bearer …`."
    return Unauthorized(message, reason=reason)
