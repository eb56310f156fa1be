"""Who calls: `auth`. Cases H1 to H6."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from connector import auth
from connector.auth import Caller, Scope, authenticate
from connector.errors import Misconfigured, NotFound, ScopeMissing, Unauthorized, Unavailable
from connector.key_set import KeySet
from connector.tenancy import Tenant
from connector.token_keys import JwtKeys
from tests.unit import peer as behaviour

KEY = "k" * 32
KEYS = JwtKeys((KEY,))
TENANT = Tenant("sub_1", "agent_1")
NOW = int(time.time())
CLAIMS = {"sub": "user_1", "iat": NOW - 10, "exp": NOW + 3600, "subaccountId": "sub_1"}

PROVEN = Caller(frozenset({"sub_1"}), None)


def _token(claims=None, key=KEY, algorithm="HS256", **options):
    return jwt.encode(CLAIMS if claims is None else claims, key, algorithm=algorithm, **options)


def _with(**changes):
    claims = CLAIMS | changes
    return {name: value for name, value in claims.items() if value is not ...}


def _who(token=None, keys=KEYS):
    return authenticate(f"Bearer {_token() if token is None else token}", keys)


def test_a_valid_token_names_its_caller_and_its_tenants():
    assert _who() == PROVEN
    several = _token(_with(subaccountId=["sub_1", "sub_2"], agentIds=["agent_1"]))
    assert _who(several) == Caller(frozenset({"sub_1", "sub_2"}), frozenset({"agent_1"}))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme):
    assert authenticate(f"{scheme} {_token()}", KEYS) == PROVEN


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="scheme-alone"),
        pytest.param("Bearer ", id="no-token"),
        pytest.param(_token(), id="token-alone"),
        pytest.param(f"Basic {_token()}", id="basic"),
        pytest.param(f"Bearer  {_token()}", id="two-blanks"),
        pytest.param(f"Bearer {_token()} {_token()}", id="two-tokens"),
        pytest.param(f"Bearer {_token()}, Bearer {_token()}", id="two-headers-joined"),
        pytest.param(f"Bearer {'x' * 9000}", id="9-kB"),
        pytest.param("Bearer é.é.é", id="not-ascii"),
        pytest.param("Bearer ..", id="dots"),
        pytest.param("Bearer a.b.c", id="not-base64"),
        pytest.param(f"Bearer {_token()}x", id="longer-signature"),
        pytest.param(f"Bearer {_token().rpartition('.')[0]}.", id="no-signature"),
    ],
)
def test_h1_a_header_that_holds_no_single_token_is_unauthorized(header):
    with pytest.raises(Unauthorized):
        authenticate(header, KEYS)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(_token(algorithm="none", key=None), id="alg-none"),
        pytest.param(_token(key="k" * 64, algorithm="HS512"), id="alg-HS512"),
        pytest.param(_token(key="x" * 32), id="wrong-key"),
        pytest.param(_token(_with(exp=NOW - 3600)), id="expired"),
        pytest.param(_token(_with(nbf=NOW + 3600)), id="not-yet-valid"),
        pytest.param(_token(_with(iat=NOW + 3600)), id="issued-in-the-future"),
        pytest.param(_token(_with(exp=...)), id="no-exp"),
        pytest.param(_token(_with(iat=...)), id="no-iat"),
        pytest.param(_token(_with(sub=...)), id="no-sub"),
        pytest.param(_token(_with(exp=None)), id="exp-null"),
        pytest.param(_token(_with(exp=10**30)), id="exp-never"),
        pytest.param(_token(_with(exp="soon")), id="exp-text"),
        pytest.param(_token(_with(exp=str(NOW + 600))), id="exp-number-as-text"),
        pytest.param(_token(headers={"crit": ["x"], "x": 1}), id="unknown-crit"),
    ],
)
def test_h2_a_token_that_does_not_prove_anything_now_is_unauthorized(token):
    with pytest.raises(Unauthorized):
        _who(token)


def test_h2_every_refusal_has_the_same_words():
    """They do not tell which."""
    words = set()
    for token in ("x", _token(key="x" * 32), _token(_with(exp=NOW - 99)), _token(_with(subaccountId=5))):
        with pytest.raises(Unauthorized) as refusal:
            _who(token)
        words.add(refusal.value.message)
    assert len(words) == 1


@pytest.mark.parametrize(("past", "is_valid"), [(0, True), (27, True), (33, False)])
def test_h3_clocks_may_differ_by_half_a_minute(past, is_valid):
    token = _token(_with(exp=int(time.time()) - past, iat=int(time.time()) - 3600))
    if is_valid:
        assert _who(token) == PROVEN
    else:
        with pytest.raises(Unauthorized):
            _who(token)


def test_h2_issuer_and_audience_are_checked_where_the_deployment_names_them():
    keys = JwtKeys((KEY,), issuer="https://issuer", audience="connector")
    right = {"iss": "https://issuer", "aud": "connector"}
    assert _who(_token(_with(**right)), keys) == PROVEN
    for wrong in ({"iss": "https://other"}, {"aud": "other"}, {"iss": ...}, {"aud": ...}, {"iss": "https://issuer/x"}):
        with pytest.raises(Unauthorized):
            _who(_token(_with(**(right | wrong))), keys)


def test_an_audience_is_ignored_where_the_deployment_names_none():
    assert _who(_token(_with(aud="somebody"))) == PROVEN


def test_any_of_the_keys_will_do_while_one_is_rotated():
    keys = JwtKeys(("n" * 32, KEY))
    assert _who(_token(), keys) == PROVEN
    assert _who(_token(key="n" * 32), keys) == PROVEN
    with pytest.raises(Unauthorized):
        _who(_token(key="x" * 32), keys)


@pytest.mark.parametrize("keys", [("hush",), ("k" * 31,), (KEY, "k" * 31), ("k" * 31, KEY), ("\ud800" * 32,)], ids=repr)
def test_h4_a_key_that_is_too_short_is_misconfigured_and_never_silently_weak(keys):
    """Also beside a key that is long enough, and before any token comes."""
    with pytest.raises(Misconfigured) as refusal:
        JwtKeys(keys)
    assert not [key for key in keys if key in refusal.value.message]


def test_a_public_key_as_a_shared_secret_is_misconfigured(rsa_key):
    """PyJWT refuses it; with others, anybody could sign with it."""
    with pytest.raises(Misconfigured):
        _who(keys=JwtKeys((_pem(rsa_key.public_key()).decode(),)))


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": KEY},
        {"keys": {KEY: 1}},
        {"keys": [5]},
        {"keys": [None]},
        {"keys": []},
        {"keys": None},
        {"keys": [], "jwksUrl": 5},
        {"keys": [], "jwksUrl": ["https://issuer"]},
        {"issuer": ""},
        {"issuer": 5},
        {"issuer": []},
        {"issuer": {"https://issuer": 1}},
        {"audience": ""},
        {"audience": [None]},
        {"maximumLifetimeSeconds": 0},
        {"maximumLifetimeSeconds": True},
        {"maximumLifetimeSeconds": "3600"},
    ],
    ids=str,
)
def test_a_parameter_of_another_form_is_misconfigured(changes):
    with pytest.raises(Misconfigured) as refusal:
        JwtKeys.of({"keys": [KEY]} | changes)
    assert KEY not in refusal.value.message


def test_a_token_must_name_one_of_several_issuers_and_audiences():
    keys = JwtKeys.of({"keys": [KEY], "issuer": ["a", "b"], "audience": ["x", "y"]})
    for issuer in ("a", "b"):
        for audience in ("x", ["x"], ["z", "y"]):
            assert _who(_token(_with(iss=issuer, aud=audience)), keys) == PROVEN
    for wrong in (
        {"iss": "c"},
        {"iss": ...},
        {"aud": "z"},
        {"aud": []},
        {"aud": ["z"]},
        {"aud": {"x": 1}},
        {"aud": "xy"},
    ):
        with pytest.raises(Unauthorized):
            _who(_token(_with(**({"iss": "a", "aud": "x"} | wrong))), keys)


def test_a_deployment_without_keys_is_misconfigured():
    with pytest.raises(Misconfigured):
        _who(_token(), JwtKeys(()))


@pytest.mark.parametrize("claim", [..., None, "", [], {}, 5, True, {"$ne": None}, [5, None, {}], [""], [["sub_1"]]])
def test_h6_a_token_that_names_no_subaccount_is_unauthorized(claim):
    with pytest.raises(Unauthorized):
        _who(_token(_with(subaccountId=claim)))


def test_h5_a_token_for_one_tenant_finds_nothing_at_anothers():
    """The words of "not found", so that nobody learns what there is."""
    for tenant in (Tenant("sub_2", "agent_1"), Tenant("sub_10", "agent_1"), Tenant("SUB_1", "agent_1")):
        with pytest.raises(NotFound) as refusal:
            _who().require(tenant)
        assert refusal.value.message == NotFound().message
    _who().require(TENANT)
    _who().require(Tenant("sub_1", "agent_2"))


@pytest.mark.parametrize("agents", [[], ["agent_2"], [5], {}, "agent_1", [["agent_1"]]])
def test_h5_h6_a_token_for_some_agents_finds_nothing_at_the_others(agents):
    """A list of another form names no agent."""
    with pytest.raises(NotFound):
        _who(_token(_with(agentIds=agents))).require(TENANT)


@given(st.text())
def test_no_header_does_anything_but_be_refused(header):
    for value in (header, f"Bearer {header}"):
        with pytest.raises(Unauthorized):
            authenticate(value, KEYS)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "iat", "exp", "nbf", "subaccountId", "agentIds", "aud", "iss"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_no_claims_do_anything_but_prove_or_be_refused(claims):
    """Signed, and so written by our own issuer: still nothing may crash."""
    raw = json.dumps(claims).encode()
    token = jwt.PyJWS().encode(raw, KEY, algorithm="HS256")
    try:
        caller = _who(token)
    except Unauthorized:
        return
    assert caller.subaccount_ids


_ODD = [
    *(None, True, False, 0, -1, 5, 1.5, 10**30, -(10**30), float("nan"), float("inf"), float("-inf")),
    *("", "x", "5", str(NOW + 600), "\0", "\ud800", [], [[]], [5], [None], ["x"], [{}], {}, {"x": 1}, {"$ne": None}),
]
_STRICT = JwtKeys((KEY,), issuer="https://issuer", audience="connector", lifetime_seconds=7200)
_GOOD = CLAIMS | {"iss": "https://issuer", "aud": "connector"}


def test_a_subject_is_bounded_and_is_text():
    """It goes into logs and into MongoDB."""
    assert _who(_token(_with(sub="s" * 3000))).subject == "s" * 255
    assert _who(_signed({"alg": "HS256"}, _with(sub="a\ud800b"))).subject == "a?b"


def _signed(head, payload):
    """Sign anything as it is: PyJWT refuses to encode much of it."""
    parts = [
        jwt.utils.base64url_encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (head, payload)
    ]
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(b".".join(parts), KEY.encode())
    return b".".join([*parts, jwt.utils.base64url_encode(signature)]).decode()


@pytest.mark.parametrize("name", [*_GOOD, "nbf", "jti", "agentIds", "retellAgentIds", "scope"])
def test_a_claim_of_any_form_proves_or_is_refused(name):
    """Signed by our own issuer. Times are numbers, and a token proves a subaccount by a text or a list of texts."""
    for value in _ODD:
        try:
            caller = _who(_signed({"alg": "HS256"}, _GOOD | {name: value}), _STRICT)
        except Unauthorized:
            continue
        assert name not in ("iss", "aud", "exp"), value
        assert name not in ("iat", "nbf") or type(value) in (int, float), value
        assert caller.subaccount_ids <= {"sub_1", "x", "5", str(NOW + 600)}
        assert isinstance(caller.subject, str)
        if name in ("agentIds", "retellAgentIds", "scope") and value is not None:
            assert caller.agent_ids != PROVEN.agent_ids or caller.retell_agent_ids is not None or not caller.scopes, (
                value
            )


@pytest.mark.parametrize(
    "head",
    [
        *(
            {"alg": alg}
            for alg in (None, "", "none", "None", "NONE", "hs256", "HS256 ", "HS384", "RS256", "ES256", "PS256")
        ),
        *({"alg": alg} for alg in (5, ["HS256"], {"HS256": 1}, True)),
        *({"alg": "HS256", "kid": kid} for kid in (5, ["r"], {"r": 1}, None)),
        *({"alg": "HS256", "crit": crit} for crit in (["exp"], ["b64"], [], "exp", 5, [5], None)),
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {},
        *([], 5, "HS256", None),
        *(
            b"[" * 6000,
            b'{"alg":"HS256","x":' + b"[" * 5000,
            b'{"alg":"HS256","x":' + b"9" * 5000 + b"}",
            b"\xff\xfe",
            b"",
        ),
    ],
    ids=lambda head: repr(head)[:40],
)
def test_a_header_that_names_no_pinned_algorithm_is_unauthorized(head):
    """Each is signed with the right key. A null where the standard allows none is taken for nothing."""
    try:
        _who(_signed(head, CLAIMS))
    except Unauthorized:
        return
    assert head in ({"alg": "HS256", "kid": None}, {"alg": "HS256", "b64": False}), "it proved a caller"


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b'"x"', b"5", b"[" * 5900, b'{"sub":' * 800, b"\xff"], ids=repr
)
def test_a_payload_that_is_no_object_is_unauthorized(payload):
    with pytest.raises(Unauthorized):
        _who(_signed({"alg": "HS256"}, payload))


# ── what a token may do, and for how long


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [
        (..., True, True),
        ("instagram:read", True, False),
        ("instagram:write", True, True),
        ("openid instagram:read profile", True, False),
        (["instagram:read", "instagram:write"], True, True),
        ("", False, False),
        ("openid", False, False),
        ("instagram:reads", False, False),
        (None, False, False),
        ({"instagram:read": True}, False, False),
        ([["instagram:read"]], False, False),
        (5, False, False),
    ],
    ids=str,
)
def test_a_scope_limits_what_a_token_may_do(scope, reads, writes):
    caller = _who(_token(_with(scope=scope)))
    for wanted, is_allowed in ((Scope.READ, reads), (Scope.WRITE, writes)):
        if is_allowed:
            caller.require_scope(wanted)
        else:
            with pytest.raises(ScopeMissing):
                caller.require_scope(wanted)


@pytest.mark.parametrize(("lifetime", "is_valid"), [(3600, True), (3601, False), (10**10, False)])
def test_a_token_may_not_live_longer_than_the_deployment_allows(lifetime, is_valid):
    token = _token(_with(iat=NOW - 10, exp=NOW - 10 + lifetime))
    keys = JwtKeys((KEY,), lifetime_seconds=3600)
    if is_valid:
        assert _who(token, keys) == PROVEN
    else:
        with pytest.raises(Unauthorized):
            _who(token, keys)
    assert _who(_token(_with(exp=NOW + 10**9))) == PROVEN


# ── a key set that the issuer publishes


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def _pem(public_key):
    return public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _jwk(key, name):
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig"}


@pytest.fixture
def other_side(certificate, monkeypatch):
    """A server that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with behaviour.peer(certificate) as made:
        yield made


@pytest.fixture
def published(rsa_key, ec_key):
    """An answer with both keys."""
    return behaviour.answer({"keys": [_jwk(rsa_key, "r"), _jwk(ec_key, "e")]})


@pytest.fixture
def issuer(other_side, published):
    """The issuer's server, which publishes both keys, and how to verify with it."""
    auth._key_set.cache_clear()
    other_side.behave = published
    yield JwtKeys((), jwks_url=f"{other_side.url}/jwks.json")
    auth._key_set.cache_clear()


def test_a_token_signed_with_a_published_key_is_proven(issuer, rsa_key, ec_key):
    assert _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), issuer) == PROVEN
    assert _who(_token(key=ec_key, algorithm="ES256", headers={"kid": "e"}), issuer) == PROVEN


def test_the_key_set_is_fetched_once(issuer, other_side, rsa_key):
    for _ in range(5):
        _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), issuer)
    assert len(other_side.requests) == 1


@pytest.mark.parametrize("kid", [{"kid": "other"}, {}, {"kid": "../../etc/passwd"}, {"kid": ""}])
def test_a_token_of_an_unknown_key_is_unauthorized(issuer, kid):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unauthorized):
        _who(_token(key=stranger, algorithm="RS256", headers=kid), issuer)


def test_a_token_of_another_key_under_a_known_name_is_unauthorized(issuer):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unauthorized):
        _who(_token(key=stranger, algorithm="RS256", headers={"kid": "r"}), issuer)


@pytest.mark.parametrize(("kid", "algorithm"), [("e", "RS256"), ("r", "ES256")])
def test_a_token_whose_algorithm_is_not_its_keys_is_unauthorized(issuer, rsa_key, ec_key, kid, algorithm):
    key = rsa_key if algorithm == "RS256" else ec_key
    with pytest.raises(Unauthorized):
        _who(_token(key=key, algorithm=algorithm, headers={"kid": kid}), issuer)


def _hmac_token(secret, headers):
    """Sign with any bytes as HMAC secret: PyJWT itself refuses to sign with a public key."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head, payload = (
        jwt.utils.base64url_encode(json.dumps(part).encode())
        for part in ({"alg": "HS256", "typ": "JWT"} | headers, CLAIMS)
    )
    signing_input = head + b"." + payload
    return (signing_input + b"." + jwt.utils.base64url_encode(algorithm.sign(signing_input, secret))).decode()


def test_h2_a_public_key_is_never_taken_for_a_shared_secret(issuer, rsa_key, ec_key):
    """Everybody knows the public key."""
    for name, key in (("r", rsa_key), ("e", ec_key)):
        for secret in (_pem(key.public_key()), json.dumps(_jwk(key, name)).encode()):
            with pytest.raises(Unauthorized):
                _who(_hmac_token(secret, {"kid": name}), issuer)


def test_a_key_that_the_token_brings_along_proves_nothing(issuer, other_side, rsa_key):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = _jwk(stranger, "r")
    for headers in ({"jwk": own}, {"jku": f"{other_side.url}/own.json"}, {"x5u": other_side.url}, {"x5c": ["MIIB"]}):
        for kid in ("r", "own"):
            with pytest.raises(Unauthorized):
                _who(_token(key=stranger, algorithm="RS256", headers=headers | {"kid": kid}), issuer)
    assert {request.path for request in other_side.requests} == {"/jwks.json"}


@pytest.mark.parametrize(
    "kid", [5, ["r"], {"r": 1}, "r' OR '1'='1", "/dev/null", "r\0", "R", "x" * 5000], ids=lambda kid: repr(kid)[:20]
)
def test_a_key_id_is_compared_and_not_used_otherwise(issuer, rsa_key, kid):
    head = jwt.utils.base64url_encode(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode()
    _, payload, signature = _token(key=rsa_key, algorithm="RS256").split(".")
    with pytest.raises(Unauthorized):
        _who(f"{head}.{payload}.{signature}", issuer)


def test_a_published_key_that_is_too_short_is_misconfigured(issuer, other_side):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    other_side.behave = behaviour.answer({"keys": [_jwk(weak, "w")]})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = _token(key=weak, algorithm="RS256", headers={"kid": "w"})
    with pytest.raises(Misconfigured):
        _who(token, issuer)


def test_only_published_keys_for_rs256_and_es256_signatures_prove(issuer, other_side, rsa_key):
    curve = ec.generate_private_key(ec.SECP384R1())
    secret = {"kty": "oct", "k": jwt.utils.base64url_encode(KEY.encode()).decode(), "kid": "o", "alg": "HS256"}
    keys = [_jwk(curve, "c"), secret, _jwk(rsa_key, "n") | {"use": "enc"}, _jwk(rsa_key, "p") | {"alg": "PS256"}]
    other_side.behave = behaviour.answer({"keys": [*keys, _jwk(rsa_key, "r")]})
    tokens = [
        _token(key=curve, algorithm="ES384", headers={"kid": "c"}),
        _token(headers={"kid": "o"}),
        _token(key=rsa_key, algorithm="RS256", headers={"kid": "n"}),
        _token(key=rsa_key, algorithm="PS256", headers={"kid": "p"}),
        _token(key=rsa_key, algorithm="RS512", headers={"kid": "r"}),
    ]
    for token in tokens:
        with pytest.raises(Unauthorized):
            _who(token, issuer)
    assert _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), issuer) == PROVEN


def test_a_shared_secret_proves_nothing_where_a_key_set_is_configured(issuer):
    for headers in ({"kid": "r"}, {}):
        with pytest.raises(Unauthorized):
            _who(_token(headers=headers), issuer)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(behaviour.answer(b"", 500), id="500"),
        pytest.param(behaviour.answer(b"<html>"), id="not-json"),
        pytest.param(behaviour.reset, id="reset"),
        pytest.param(behaviour.truncate, id="truncated"),
        pytest.param(behaviour.not_http, id="not-http"),
        pytest.param(behaviour.answer(b"", 302, {"Location": "http://127.0.0.1:9/jwks.json"}), id="redirect"),
        pytest.param(behaviour.answer(b'{"keys": [' + b" " * 300_000 + b"]}"), id="300-kB"),
        pytest.param(behaviour.answer(b"[" * 200_000), id="deep"),
        pytest.param(behaviour.answer([]), id="list"),
        pytest.param(behaviour.answer({"keys": []}), id="no-keys"),
    ],
)
def test_a_key_set_that_cannot_be_fetched_is_unavailable(issuer, other_side, rsa_key, how):
    """Not a 500, and not a 401: the caller's token may be good."""
    other_side.behave = how
    with pytest.raises(Unavailable):
        _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), issuer)


def test_nobody_where_the_key_set_should_be_is_unavailable(rsa_key):
    keys = JwtKeys((), jwks_url=f"{behaviour.nobody().replace('http:', 'https:')}/jwks.json")
    with pytest.raises(Unavailable):
        _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), keys)


def test_tokens_of_made_up_keys_do_not_have_the_key_set_fetched_each_time(issuer, other_side, rsa_key):
    """A stranger must not be able to have us call the issuer once per request."""
    _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": "r"}), issuer)
    for number in range(20):
        with pytest.raises(Unauthorized):
            _who(_token(key=rsa_key, algorithm="RS256", headers={"kid": f"made-up-{number}"}), issuer)
    assert len(other_side.requests) <= 5


# ── an issuer that is down


class _Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def key_set(other_side, published):
    """The issuer's key set, fetched once, whose fetches are all asked of the server."""
    other_side.behave = published
    made = KeySet(f"{other_side.url}/jwks.json", clock=_Clock())
    made.fetch_data()
    return made


def test_the_keys_of_before_are_used_for_an_hour_while_the_issuer_is_down(key_set, other_side):
    other_side.behave = behaviour.answer(b"", 500)
    key_set._clock.now += 3599
    assert key_set.fetch_data()["keys"]
    key_set._clock.now += 2
    with pytest.raises(jwt.PyJWKClientConnectionError):
        key_set.fetch_data()


def test_an_issuer_that_is_down_is_not_called_for_each_request(key_set, other_side, published):
    other_side.behave = behaviour.answer(b"", 500)
    for _ in range(20):
        key_set.fetch_data()
    assert len(other_side.requests) == 2
    other_side.behave = published
    key_set._clock.now += 10
    key_set.fetch_data()
    assert len(other_side.requests) == 3


@pytest.mark.parametrize(
    "url", ["http://issuer.example/jwks", "ftp://x/y", "issuer", "https://", "https://[", "https://x:99999/", ""]
)
def test_a_key_set_that_is_not_at_an_https_url_is_misconfigured(url):
    with pytest.raises(Misconfigured):
        KeySet(url)
