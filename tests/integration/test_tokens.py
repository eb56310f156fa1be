"""Tokens at the deployed API: what proves a caller, what does not, and which scope each route needs."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from connector import auth
from connector.audit import ACTIONS
from connector.wiring import stores
from tests.integration.deployment import JWT_KEY, ROUTES, signed_token
from tests.unit import peer as behaviour
from tests.unit.payloads import USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

REFUSAL = (401, "unauthorized")


def _outcome(deployment, token, verb="status"):
    status, told = deployment.call("GET", verb, token=token)
    return status, told.get("error", {}).get("code")


def _changed(part, **changes):
    """Change the header (0) or the claims (1) of a signed token."""
    parts = signed_token().split(".")
    told = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = base64.urlsafe_b64encode(json.dumps(told | changes).encode()).decode().rstrip("=")
    return ".".join(parts)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("x", id="no-token"),
        pytest.param(_changed(0, alg="none"), id="alg-none"),
        pytest.param(_changed(0, alg="none").rpartition(".")[0] + ".", id="alg-none-unsigned"),
        pytest.param(_changed(0, alg="RS256"), id="alg-rs256"),
        pytest.param(_changed(0, kid={"$ne": None}), id="kid-object"),
        pytest.param(_changed(0, crit=["exp"]), id="crit"),
        pytest.param(_changed(1, subaccountId="sub_2"), id="claims-changed"),
        pytest.param("e" * 9000, id="9-kB"),
        pytest.param(f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.e30.x", id="deep-header"),
    ],
)
def test_a_forged_token_is_unauthorized(deployment, token):
    assert _outcome(deployment, token) == REFUSAL
    assert deployment.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 10**30},
        {"iat": 9999999999},
        {"iat": None},
        {"iat": True},
        {"nbf": 9999999999},
        {"nbf": None},
        {"subaccountId": {"sub_1": 1}},
        {"subaccountId": 1},
        {"subaccountId": [["sub_1"]]},
        {"jti": 5},
    ],
    ids=str,
)
def test_a_signed_token_with_unusable_claims_is_unauthorized(deployment, claims):
    assert _outcome(deployment, signed_token(**claims)) == REFUSAL


@pytest.mark.parametrize(
    "parameter",
    [
        {"keys": ["k" * 31]},
        {"keys": [JWT_KEY, "hush"]},
        {"keys": JWT_KEY},
        {},
        {"jwksUrl": "http://issuer.example/jwks.json"},
        {"jwksUrl": 5},
        {"keys": [JWT_KEY], "maximumLifetimeSeconds": "1"},
    ],
    ids=str,
)
def test_a_parameter_that_does_not_protect_is_the_operators_error(deployment, parameter):
    deployment.aws.put_secret("jwt", json.dumps(parameter))
    stores.secrets.cache_clear()
    assert _outcome(deployment, signed_token()) == (500, "internal_error")


def test_a_key_is_rotated_by_adding_the_new_one(deployment):
    new = "n" * 32
    deployment.aws.put_secret("jwt", json.dumps({"keys": [new, JWT_KEY]}))
    stores.secrets.cache_clear()
    with_new = jwt.encode(jwt.decode(signed_token(), JWT_KEY, algorithms=["HS256"]), new, algorithm="HS256")
    assert _outcome(deployment, signed_token()) == _outcome(deployment, with_new) == (200, None)
    deployment.aws.put_secret("jwt", json.dumps({"keys": [new]}))
    stores.secrets.cache_clear()
    assert _outcome(deployment, signed_token()) == REFUSAL


def test_a_token_of_a_published_key_is_proven_and_a_shared_secret_is_not(deployment, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "r"}
    claims = jwt.decode(signed_token(), JWT_KEY, algorithms=["HS256"])
    auth._key_set.cache_clear()
    with behaviour.peer(certificate) as issuer:
        issuer.behave = behaviour.answer({"keys": [published]})
        deployment.aws.put_secret("jwt", json.dumps({"jwksUrl": f"{issuer.url}/jwks.json"}))
        stores.secrets.cache_clear()
        assert _outcome(deployment, jwt.encode(claims, key, "RS256", {"kid": "r"})) == (200, None)
        assert _outcome(deployment, jwt.encode(claims, JWT_KEY, "HS256", {"kid": "r"})) == REFUSAL
        assert _outcome(deployment, jwt.encode(claims, key, "RS256", {"kid": "s"})) == REFUSAL
    auth._key_set.cache_clear()


@pytest.mark.parametrize(("method", "verb"), [*ROUTES, ("GET", "authorize")])
def test_a_read_only_token_reads_and_changes_nothing(deployment, method, verb):
    """Also not by `authorize`, which is a GET and begins to connect an account."""
    body = {"to": USER, "message": "x", "userId": USER} if method == "POST" else None
    query = {"login": "facebook"} if verb == "authorize" else None
    if verb != "export":  # its answer is no JSON
        read_only = signed_token(scope="instagram:read")
        told = deployment.call(method, verb, payload=body, query=query, token=read_only)[0]
        assert (told == 403) == ((method, verb) in ACTIONS)
    assert deployment.call(method, verb, payload=body, query=query, token=signed_token(scope="openid"))[0] == 403
