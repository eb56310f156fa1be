"""The fuzzed subjects: all code that reads strangers' bytes, with seeds and the properties of any input.

A target takes an input and returns how it ended, in a word. Whatever it raises is a finding.
"""

import hmac
import json
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import bson

from connector.auth import Caller, Scope, authenticate
from connector.callbacks import prove
from connector.chat import Chat, Message, MessageStatus, Role
from connector.conversation.cursors import Cursors
from connector.conversation.question import question
from connector.envelopes import InboxMessage, Route, read_inbox, write
from connector.errors import InvalidRequest, PayloadTooLarge, Unauthorized
from connector.instagram.events import MessageEchoed, MessageReceived, PostbackTapped
from connector.instagram.notifications import MAX_NOTIFICATIONS, UnreadableBody, is_refused, split
from connector.instagram.reading import read, read_as_it_came
from connector.instagram.signatures import is_form, is_signed
from connector.logs import metrics
from connector.queues import MAX_BODY_BYTES
from connector.tenancy import Tenant
from connector.token_keys import JwtKeys
from tests.integration.attacks import AUDIENCE, ISSUER, KEY, claims_of, is_id, signed
from tests.unit.payloads import NAMES, RECEIVED_AT, body, http_event, signature

CORPUS = Path(__file__).parent / "corpus"
metrics.namespace = "InstagramConnector"  # Lambda has it in the environment

_SECRETS = ("s" * 32, "t" * 32)
_LONGEST_EVENT = 200_000  # characters of all that is read of one event
_LONGEST_QUESTION = 100_000
_TENANT = Tenant("sub_1", "agent_1")
_KEYS = JwtKeys((KEY,), issuer=ISSUER, audience=AUDIENCE, lifetime_seconds=3600)


@dataclass(frozen=True, slots=True)
class Target:
    """One subject."""

    name: str
    check: Callable[[bytes], str]
    own_seeds: Callable[[], Sequence[bytes]]

    @property
    def kept(self) -> list[bytes]:
        """Return the inputs that are kept in the repository: findings, and what the seeds lack."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).glob("*"))]

    @property
    def seeds(self) -> list[bytes]:
        """Return everything that inputs are made of."""
        return [*self.own_seeds(), *self.kept]


# ── the webhook's signature: a header, a line break, a body


def _signature(data: bytes) -> str:
    header, _, raw = data.partition(b"\n")
    shown = header.decode("latin-1")
    expected = {f"sha256={hmac.new(secret.encode(), raw, sha256).hexdigest()}" for secret in _SECRETS}
    accepted = is_signed(raw, shown, ["", *_SECRETS])
    assert accepted is (shown in expected), "accepted without the signature, or refused with it"
    assert accepted <= is_form(shown)
    return "accepted" if accepted else "refused"


def _signature_seeds() -> list[bytes]:
    return [
        signature(raw, secret).encode() + b"\n" + raw
        for secret in ("", *_SECRETS, "another")
        for raw in (b"", b"{}", *map(body, ("text", "echo")))
    ]


# ── what a signed body tells: split, queue, read, store, ask the agent


def _event(data: bytes) -> str:
    try:
        notifications = split(data)
    except UnreadableBody:
        return "unreadable"
    assert len(notifications) <= MAX_NOTIFICATIONS
    kinds = {_told(one) for one in notifications[:20] if not is_refused(one)}
    return min(kinds, default="nothing")


def _told(notification: Any) -> str:
    queued = InboxMessage(notification, Route("sub_1", "agent_1"), int(RECEIVED_AT.timestamp() * 1000))
    written = write(queued)
    written.encode("ascii")
    if len(written) > MAX_BODY_BYTES:
        return "too large"
    arrived = read_inbox(written)
    assert isinstance(arrived, InboxMessage)
    assert write(arrived) == written
    events = (read(arrived.notification, RECEIVED_AT), read_as_it_came(arrived.notification, RECEIVED_AT))
    for event in events:
        fields = asdict(event)
        bson.encode(fields)
        text = json.dumps(fields, default=str, ensure_ascii=False)
        text.encode()
        assert len(text) <= _LONGEST_EVENT, f"{len(text)} characters of one event"
    _asked(events[0])
    return type(events[0]).__name__


def _asked(event: Any) -> None:
    if not isinstance(event, MessageReceived | MessageEchoed | PostbackTapped):
        return
    tapped = isinstance(event, PostbackTapped)
    message = Message(
        key="k",
        role=Role.HUMAN if isinstance(event, MessageEchoed) else Role.USER,
        text=event.title if isinstance(event, PostbackTapped) else event.text,
        status=MessageStatus.RECEIVED,
        created_at=event.parties.at,
        attachments=() if isinstance(event, PostbackTapped) else event.attachments,
        reply_to=event.reply_to if isinstance(event, MessageReceived) else None,
        postback={"payload": event.payload} if tapped else None,
        referral=None if isinstance(event, MessageEchoed) else event.referral,
        mid=event.mid,
    )
    asked = question(Chat("c", event.parties.account_id, event.parties.user_id, messages=(message,)), [message])
    asked.encode()
    assert len(asked) <= _LONGEST_QUESTION, f"a question of {len(asked)} characters"


def _event_seeds() -> list[bytes]:
    return [body(name) for name in NAMES]


# ── cursors: the route, a line break, the cursor


_ROUTES: tuple[Literal["messages", "conversations", "export"], ...] = ("messages", "conversations", "export")


def _cursor(data: bytes) -> str:
    name, _, told = data.partition(b"\n")
    cursors = Cursors(_TENANT, next((one for one in _ROUTES if one.encode() == name), "messages"))
    cursor = told.decode("utf-8", "surrogateescape")
    refusals, position = [], ""
    try:
        position = cursors.read(cursor)
    except InvalidRequest as refusal:
        refusals.append((refusal.status, [detail.field for detail in refusal.details]))
    if refusals:
        assert refusals == [(400, ["cursor"])]
        return "refused"
    assert cursors.write(position) == cursor, "two cursors mean one position"
    return "read"


def _cursor_seeds() -> list[bytes]:
    positions = [f"01757330000000.{'a' * 24}", f"01757330000000.{'0' * 24}.{'f' * 16}"]
    made = [
        (route, Cursors(tenant, route).write(position))
        for tenant in (_TENANT, Tenant("sub_2", "agent_1"))
        for route in _ROUTES
        for position in positions
    ]
    return [f"{route}\n{cursor}".encode() for route, cursor in made]


# ── bearer tokens: claims that we sign (a line `sign`), or a whole header


def _jwt(data: bytes) -> str:
    mode, _, told = data.partition(b"\n")
    if mode == b"sign":
        header = f"Bearer {_signed(told)}"
        made_by_us = True
    else:
        header = told.decode("utf-8", "surrogateescape")
        made_by_us = _is_made_by_us(header)
    try:
        caller = authenticate(header, _KEYS)
    except Unauthorized:
        return "refused"
    assert made_by_us, "accepted, and not signed with the key"
    claims = json.loads(_decoded(header.split(".")[1]))
    _require_bounded(caller, claims)
    return "accepted"


def _signed(told: bytes) -> str:
    """Return a token with these bytes as claims."""
    signing_input = b".".join(urlsafe_b64encode(one).rstrip(b"=") for one in (b'{"alg":"HS256"}', told))
    made = hmac.new(KEY.encode(), signing_input, sha256).digest()
    return (signing_input + b"." + urlsafe_b64encode(made).rstrip(b"=")).decode()


def _is_made_by_us(header: str) -> bool:
    scheme, _, token = header.partition(" ")
    start, _, claimed = token.rpartition(".")
    try:
        is_hs256 = json.loads(_decoded(start.split(".")[0])).get("alg") == "HS256"
        expected = hmac.new(KEY.encode(), start.encode(), sha256).digest()
        return scheme.lower() == "bearer" and is_hs256 and _decoded(claimed) == expected
    except (ValueError, AttributeError, RecursionError):
        return False


def _require_bounded(caller: Caller, claims: dict[str, Any]) -> None:
    now = time.time()
    assert claims["iat"] <= now + 60, "accepted before it was issued"
    assert now - 60 <= claims["exp"] <= claims["iat"] + 3600, "accepted outside its lifetime"
    assert (claims["iss"], claims["aud"] == AUDIENCE or AUDIENCE in claims["aud"]) == (ISSUER, True)
    named = claims["subaccountId"]
    assert caller.subaccount_ids <= set(map(str, named if isinstance(named, list) else [named]))
    assert all(map(is_id, caller.subaccount_ids | (caller.agent_ids or set())))
    if caller.agent_ids is None:
        assert claims.get("agentIds") is None, "a list of agents became every agent"
    scope = claims.get("scope", "instagram:write")
    assert Scope.WRITE not in caller.scopes or "instagram:write" in scope


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment.encode() + b"=" * (-len(segment) % 4))


def _jwt_seeds() -> list[bytes]:
    claims = [
        claims_of(),
        claims_of(["sub_1", "sub_2"], agentIds=["agent_1"], scope="instagram:read", nbf=int(time.time())),
        claims_of(scope=["instagram:write"], aud=[AUDIENCE, "x"]),
    ]
    headers = [{}, {"alg": "none"}, {"alg": "HS512"}, {"alg": "RS256"}, {"crit": ["x"]}]
    tokens = [signed(one, header=header) for one in claims for header in headers]
    return [
        *(b"sign\n" + json.dumps(one).encode() for one in claims for _ in range(5)),
        *(f"header\nBearer {token}".encode() for token in (*tokens, signed(claims[0], key="x" * 32))),
    ]


# ── Meta's callbacks: a payload that the app signs (a line `sign`), or the whole form


def _signed_request(data: bytes) -> str:
    mode, _, told = data.partition(b"\n")
    if mode == b"sign":
        encoded = urlsafe_b64encode(told).rstrip(b"=")
        made = urlsafe_b64encode(hmac.new(_SECRETS[0].encode(), encoded, sha256).digest()).rstrip(b"=")
        form = urlencode({"signed_request": f"{made.decode()}.{encoded.decode()}"}).encode()
    else:
        form = told
    event = http_event("POST", "/api/instagram/delete-data", text=b64encode(form).decode(), is_base64=True)
    secrets: Any = SimpleNamespace(app_newest_last=lambda: [SimpleNamespace(app_secrets=_SECRETS)])
    try:
        callback = prove(event, secrets, lambda _: None)
    except (InvalidRequest, Unauthorized, PayloadTooLarge):
        metrics.clear_metrics()  # a refusal is counted, and a hundred counts would be printed
        return "refused"
    assert _is_signed_form(form), "accepted, and not signed with the secret"
    named = [one for one in (callback.told.person_id, callback.told.page_id) if one is not None]
    assert named
    assert all(one.isascii() and one.isdigit() and len(one) <= 32 for one in named)
    return "accepted"


def _is_signed_form(form: bytes) -> bool:
    (value,) = [value for name, value in parse_qsl(form.decode()) if name == "signed_request"]
    claimed, _, payload = value.partition(".")
    return any(
        urlsafe_b64encode(hmac.new(secret.encode(), payload.encode(), sha256).digest()).rstrip(b"=") == claimed.encode()
        for secret in _SECRETS
    )


def _signed_request_seeds() -> list[bytes]:
    payloads = [
        {"algorithm": "HMAC-SHA256", "issued_at": 1291836800, "user_id": "218471", "expires": 1291840400},
        {"algorithm": "HMAC-SHA256", "user_id": 0, "profile_id": 101234567890123},
        {"algorithm": "none", "user_id": "218471"},
    ]
    made = [json.dumps(one).encode() for one in payloads]
    forms = []
    for raw in made:
        encoded = urlsafe_b64encode(raw).rstrip(b"=")
        for secret in (*_SECRETS, ""):
            mac = urlsafe_b64encode(hmac.new(secret.encode(), encoded, sha256).digest()).rstrip(b"=")
            forms.append(b"form\nsigned_request=" + mac + b"." + encoded)
    return [*(b"sign\n" + raw for raw in made for _ in range(3)), *forms]


TARGETS = (
    Target("signature", _signature, _signature_seeds),
    Target("event", _event, _event_seeds),
    Target("cursor", _cursor, _cursor_seeds),
    Target("jwt", _jwt, _jwt_seeds),
    Target("signed_request", _signed_request, _signed_request_seeds),
)
