"""Attacks on the tenant wall: bearer tokens that must open nothing, and ids that must name nothing."""

import hmac
import itertools
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.tenancy import ID_PATTERN

OWN = ("sub_1", "agent_1")
OTHER = ("sub_2", "agent_2")
ISSUER, AUDIENCE = "https://platform.example", "instagram-connector"
KEY = "k" * 32

_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True, slots=True)
class Attack:
    """An Authorization header, and the one documented refusal of it."""

    name: str
    header: str | None
    status: int
    code: str


def claims_of(subaccount: object = OWN[0], **changes: Any) -> dict[str, Any]:
    """Return the claims of a good token, with changes."""
    now = int(time.time())
    made = {"sub": "u", "iat": now, "exp": now + 600, "iss": ISSUER, "aud": AUDIENCE, "subaccountId": subaccount}
    return made | changes


def signed(claims: Any, *, key: str = KEY, header: Mapping[str, Any] | None = None) -> str:
    """Return a JWT as written by hand: no library refuses to make it."""
    header = {"alg": "HS256", "typ": "JWT"} | (header or {})
    signing_input = f"{_encoded(header)}.{_encoded(claims)}"
    digest = _DIGESTS.get(str(header["alg"]), "sha256")
    signature = hmac.new(key.encode(), signing_input.encode(), digest).digest()
    return f"{signing_input}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def bearer(claims: Any, **options: Any) -> str:
    """Return the Authorization header of a token."""
    return f"Bearer {signed(claims, **options)}"


def _encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unproven() -> list[Attack]:
    """Return headers that are no valid proof, each with the other tenant's subaccount."""
    now, theirs = int(time.time()), claims_of(OTHER[0])
    good = signed(theirs)
    start, _, signature = good.rpartition(".")
    forged_claims = f"{start.partition('.')[0]}.{_encoded(claims_of(OTHER[0], exp=now + 9999))}.{signature}"
    headers = {
        "no token": None,
        "an empty header": "",
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "an empty token": "Bearer ",
        "a word": "Bearer x",
        "two tokens": f"Bearer {good}, Bearer {good}",
        "a blank before it": f"Bearer  {good}",
        "over 8 KiB": f"Bearer {good}{'A' * 9000}",
        "not ASCII": f"Bearer {good}é",
        "five parts": f"Bearer {good}.x.y",
        "wrong key": bearer(theirs, key="x" * 32),
        "empty key": bearer(theirs, key=""),
        "other claims under a good signature": f"Bearer {forged_claims}",
        "signature cut off": f"Bearer {start}.",
        "signature and dot cut off": f"Bearer {start}",
        **{f"alg {alg}": bearer(theirs, header={"alg": alg}) for alg in ("HS384", "HS512", "RS256", "ES256", "hs256")},
        **{f"alg {alg} unsigned": _unsigned(theirs, alg) for alg in ("none", "None", "nOnE", "", None, 5, ["HS256"])},
        "key in the header": bearer(theirs, key="x" * 32, header={"jwk": {"kty": "oct", "k": _encoded("x" * 32)}}),
        "key by address": bearer(theirs, key="x" * 32, header={"jku": "https://evil.example", "kid": "../../x"}),
        "expired": bearer(theirs | {"exp": now - 3600, "iat": now - 7200}),
        "not yet valid": bearer(theirs | {"nbf": now + 3600}),
        "issued in the future": bearer(theirs | {"iat": now + 3600}),
        "never expires": bearer(theirs | {"exp": 10**12}),
        **{f"no {name}": bearer({key: one for key, one in theirs.items() if key != name}) for name in theirs},
        **{f"exp {value!r}": bearer(theirs | {"exp": value}) for value in ("x", "9999999999", None, [], True, 1e400)},
        **{f"iat {value!r}": bearer(theirs | {"iat": value}) for value in ("x", None, {})},
        **{f"sub {value!r}": bearer(theirs | {"sub": value}) for value in (5, None, ["u"])},
        **{f"issuer {value!r}": bearer(theirs | {"iss": value}) for value in ("https://evil.example", "", None, 5)},
        **{f"audience {value!r}": bearer(theirs | {"aud": value}) for value in ("another", [], ["another"], None, 5)},
        **{f"claims {value!r}": bearer(value) for value in ([], [theirs], "x", None, 5)},
        **{f"subaccountId {value!r}": bearer(claims_of(value)) for value in _NO_IDS},
    }
    return [Attack(name, header, 401, "unauthorized") for name, header in headers.items()]


_NO_IDS: tuple[Any, ...] = (
    *(2, 2.5, True, None, "", [], {}, {"sub_2": True}, {"$ne": None}, [["sub_2"]], [{"$ne": None}], [None, 2]),
    *("*", "sub_*", "sub_2 ", " sub_2", "sub_2\n", "sub_2\0", "sub_1,sub_2", "sub_1 sub_2", "../sub_2", "s" * 65),
    *("sub_２", "ѕub_2", ["*"], ["sub_2\0"]),  # a full-width digit, a Cyrillic letter
)


def _unsigned(claims: Any, alg: object) -> str:
    return f"Bearer {_encoded({'alg': alg, 'typ': 'JWT'})}.{_encoded(claims)}."


def foreign() -> list[Attack]:
    """Return good tokens that are not for the other tenant."""
    made = {
        "other subaccount": claims_of(agentIds=[OWN[1]]),
        "several subaccounts": claims_of(["sub_1", "sub_3"], agentIds=[OWN[1]]),
        "ids among others that are none": claims_of(["sub_1", 2, None, {"sub_2": 1}, "*"], agentIds=[OWN[1]]),
        "subaccount in other case": claims_of("Sub_2"),
        "subaccount's beginning": claims_of("sub_"),
        **{
            f"other agent {agents!r}": claims_of(OTHER[0], agentIds=agents)
            for agents in (
                ["agent_3"],
                [],
                {},
                {"agent_2": 1},
                "agent_2",
                "*",
                ["*"],
                [["agent_2"]],
                2,
                True,
                ["AGENT_2"],
            )
        },
    }
    return [Attack(name, bearer(claims), 404, "not_found") for name, claims in made.items()]


def out_of_scope(method: str) -> list[Attack]:
    """Return tokens for the own tenant that lack the right to this method."""
    scopes: list[Any] = ["", "other", "instagram:readx", "INSTAGRAM:WRITE", "instagram:*", [], ["x"], {}, 5, None, True]
    scopes += [{"instagram:write": True}, [["instagram:write"]]]
    scopes += [] if method == "GET" else ["instagram:read", ["instagram:read"], "openid instagram:read"]
    return [Attack(f"scope {one!r}", bearer(claims_of(scope=one)), 403, "insufficient_scope") for one in scopes]


HOSTILE_IDS = (
    *("$ne", "$where", '{"$gt":""}', "[$ne]", "' OR '1'='1", "|", ";", "`id`", "${jndi:ldap://x}", "{{7*7}}"),
    *(".", "..", "../sub_2", "sub_1/../sub_2", "sub_2/agent_2", "\\..\\sub_2", "//sub_2", "sub_1;/sub_2"),
    *("%2e%2e", "..%2fsub_2", "%73ub_2", "sub%5F2", "sub_2%00", "%00", "%252e", "%", "sub_2%0d%0aX-Evil:1", "+"),
    *("\0", "sub_2\0", "\0sub_2", "sub_2\n", "\r\n", "sub_2\t", " sub_2", "sub_2 ", "", " ", "\x7f", "\u2028"),
    *("*", "sub_*", "sub_?", "sub_%", ".*", "sub_[0-9]", "s" * 65, "s" * 10_000, "sub_1,sub_2", '["sub_2"]'),
    *(
        "sub_２",
        "ѕub_2",
        "ſub_2",
        "sub_2\u200b",
        "\ufeffsub_2",
        "\u202esub_2",
        "sub_2\u0301",
        "sub＿2",
        "👩‍👩‍👧",
        "\ud800",
    ),
    *("SUB_2", "agent_2", "sub_4", "null", "undefined", "true", "0", "-1", "__proto__", "constructor", "me", "webhook"),
)


REPRESENTATIVES = (
    *("no token", "wrong key", "expired", "not yet valid", "alg none unsigned"),
    *("other subaccount", "other agent ['agent_3']", "other agent {}"),
)
"""The attacks that meet every path. The others meet the other tenant's paths and a few of the rest."""
_EACH_MEETS = 4


def combined(
    attacks: Iterable[Attack], tenants: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]
) -> Iterator[tuple[Attack, tuple[str, str]]]:
    """Yield each attack with the paths of real tenants and with hostile ones: all of them, or a few in turn."""
    turn = itertools.cycle(others)
    for attack in attacks:
        meets = others if attack.name in REPRESENTATIVES else itertools.islice(turn, _EACH_MEETS)
        yield from ((attack, ids) for ids in (*tenants, *meets))


THEIRS = (OTHER, (OWN[0], OTHER[1]), (OTHER[0], OWN[1]))
"""Paths that name the other tenant, or its subaccount or agent beside the own one."""


def hostile_paths(real_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return paths with hostile ids, and with other real ids of the other tenant, in either place."""
    return [pair for one in (*HOSTILE_IDS, *real_ids) for pair in ((one, OWN[1]), (OWN[0], one))]


def is_id(text: str) -> bool:
    """Return whether a text can be an id of a subaccount or an agent."""
    return re.fullmatch(ID_PATTERN, text) is not None
