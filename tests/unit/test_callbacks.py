"""The edge of Meta's callbacks: `callbacks`, over the real secrets on moto."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.accounts import Account, Connection, ConnectionStatus
from connector.callbacks import Callback, entry, prove
from connector.errors import InvalidRequest, PayloadTooLarge, Unauthorized
from connector.instagram.signed_requests import SignedRequest
from connector.storage.parameters import Parameters
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant
from tests.conftest import PREFIX
from tests.unit.payloads import http_event
from tests.unit.test_signed_requests import PAYLOAD, SECRET, VECTOR, signed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

TENANT = Tenant("sub_1", "agent_1")
ALL = "/api/instagram/delete-data"
OWN = "/api/database/sub_1/chat-agents/agent_1/instagram/delete-data"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="i")


@pytest.fixture
def secrets(aws):
    aws.put_secret("app-secrets", json.dumps({"appSecrets": [SECRET], "instagramApp": {"id": "1", "secret": "of ig"}}))
    aws.put_secret(
        f"connections/{TENANT}/webhook", json.dumps({"verifyToken": "v", "appSecrets": ["its own", "its old one"]})
    )
    return Secrets(Parameters(aws.ssm, PREFIX))


def connection_of(tenant, status=ConnectionStatus.CONNECTED):
    """Return the connection whose secrets are stored."""
    account = Account("17841400000000001", None, "acme", None)
    return Connection(tenant, account, "agent_1", status, 1, 1, datetime(2026, 1, 1, tzinfo=UTC), None, None)


def form(signed_request=VECTOR, path=ALL, *, body=None, is_base64=True):
    """Return the POST that Meta makes. AWS takes a form for bytes, and hands it over in base64."""
    text = urlencode({"signed_request": signed_request}) if body is None else body
    ids = {"subaccountId": "sub_1", "agentId": "agent_1"} if path == OWN else None
    told = b64encode(text.encode()).decode() if is_base64 else text
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return http_event("POST", path, headers=headers, text=told, is_base64=is_base64, path_parameters=ids)


@pytest.mark.parametrize("is_base64", [True, False])
def test_a_form_of_metas_is_proven_and_read(secrets, is_base64):
    assert prove(form(is_base64=is_base64), secrets, connection_of) == Callback(SignedRequest("218471", None), None)


def test_each_of_the_deployments_apps_may_have_signed(secrets):
    assert prove(form(signed(PAYLOAD, "of ig")), secrets, connection_of).within is None


def test_on_its_path_a_connections_own_app_may_have_signed_and_speaks_for_it_alone(secrets):
    told = signed(PAYLOAD, "its own")
    assert prove(form(told, OWN), secrets, connection_of) == Callback(SignedRequest("218471", None), TENANT)
    assert prove(form(VECTOR, OWN), secrets, connection_of).within == TENANT
    with pytest.raises(Unauthorized):
        prove(form(told), secrets, connection_of)


def test_only_the_current_app_secret_of_a_connection_signs_a_callback(secrets):
    with pytest.raises(Unauthorized):
        prove(form(signed(PAYLOAD, "its old one"), OWN), secrets, connection_of)


def test_an_app_secret_signs_no_callback_when_its_connection_has_ended(secrets):
    told = form(signed(PAYLOAD, "its own"), OWN)
    for found in (lambda _: None, lambda tenant: connection_of(tenant, ConnectionStatus.DISCONNECTED)):
        with pytest.raises(Unauthorized):
            prove(told, secrets, found)


def test_j7_what_nobody_has_signed_who_may_is_unauthorized(secrets):
    for path in (ALL, OWN):
        for told in (signed(PAYLOAD, "another"), signed(PAYLOAD, ""), signed(PAYLOAD, "v"), VECTOR[:-1], "x", "x.y"):
            with pytest.raises(Unauthorized):
                prove(form(told, path), secrets, connection_of)


def test_a_signed_request_of_another_form_is_refused_before_anything_is_read():
    def read(*_):
        raise AssertionError("read")

    for told in ("x", "x.y", VECTOR[:-1] + "!", f"{VECTOR}.x"):
        with pytest.raises(Unauthorized):
            prove(form(told, OWN), SimpleNamespace(app=read, of_connection=read), read)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "signed_request=",
        "signed_request",
        "x=1",
        f"signed_request={VECTOR}&signed_request={VECTOR}",
        "&".join(f"x{number}=1" for number in range(20)) + f"&signed_request={VECTOR}",
        json.dumps({"signed_request": VECTOR}),
        f"signed_request={VECTOR}é",
    ],
)
def test_a_body_without_one_signed_request_is_refused(secrets, body):
    with pytest.raises(InvalidRequest):
        prove(form(body=body), secrets, connection_of)


def test_a_body_of_over_64_kib_is_refused_before_it_is_parsed(secrets):
    with pytest.raises(PayloadTooLarge):
        prove(form(body="x" * 65537), secrets, connection_of)


def _answer(secrets, event, act=lambda callback, event: {"done": callback.told.person_id}):
    return entry(act, lambda: secrets, connection_of)(event, CONTEXT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.binary().map(lambda raw: urlencode({"signed_request": raw})))
def test_j7_whatever_is_posted_is_refused_in_the_one_shape(secrets, body):
    told = _answer(secrets, form(body=body.encode("utf-8", "replace").decode()))
    assert told["statusCode"] in (400, 401)
    assert json.loads(told["body"])["error"]["code"] in ("invalid_request", "unauthorized")


def test_what_is_proven_is_answered_as_json(secrets):
    told = _answer(secrets, form())
    assert (told["statusCode"], json.loads(told["body"])) == (200, {"done": "218471"})


def test_a_crash_inside_is_told_in_the_one_shape_and_not_in_its_own_words(secrets):
    def crash(callback, event):
        raise ValueError("the customer's words")

    told = _answer(secrets, form(), crash)
    assert (told["statusCode"], json.loads(told["body"])["error"]["code"]) == (500, "internal_error")
    assert "customer" not in told["body"]
