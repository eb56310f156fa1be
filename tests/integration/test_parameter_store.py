"""SSM Parameter Store as the deployed functions use it: how often they read, and what its limits come to."""

import importlib
import json
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from connector.storage.parameters import FRESH_SECONDS, RECENT_SECONDS, STALE_SECONDS
from connector.wiring import stores
from tests.conftest import PREFIX
from tests.integration.deployment import CONNECT, CONTEXT, written
from tests.unit.payloads import connection_path, http_event, signed_headers
from tests.unit.test_signed_requests import signed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OLD, NEW = "test_app_secret", "f" * 32


@pytest.fixture
def ssm(aws):
    """The calls of SSM as they are made, and the error code with which each operation is refused."""
    seen = SimpleNamespace(calls=[], refusals={}, standard_is_full=False)

    def look(params, model, **_):
        seen.calls.append((model.name, params))
        code = seen.refusals.get(model.name)
        if seen.standard_is_full and model.name == "PutParameter" and params.get("Tier", "Standard") == "Standard":
            code = "ParameterLimitExceeded"
        if code:
            raise ClientError({"Error": {"Code": code, "Message": "…"}}, model.name)

    aws.ssm.meta.events.register("before-parameter-build.ssm", look)
    yield seen
    aws.ssm.meta.events.unregister("before-parameter-build.ssm", look)


@pytest.fixture
def later(deployment):
    """Keep the execution environments warm, and let time pass for what they have cached."""
    deployment.is_warm = True
    deployment.function("webhook")
    ahead = [0.0]
    for secrets in (stores.secrets(), importlib.import_module("functions.webhook.app").webhook.secrets):
        secrets._parameters._clock = lambda: time.monotonic() + ahead[0]

    def shift(seconds):
        ahead[0] += seconds

    return shift


def answered(deployment, mid):
    """Have a customer write, and return whether the agent's answer was sent."""
    before = len(deployment.sent)
    assert deployment.post(written(mid)) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    assert deployment.deliver("reply", *deployment.turns()) == []
    return len(deployment.sent) == before + 1


def test_a_warm_turn_reads_nothing_of_ssm(deployment, ssm, later):
    deployment.call("POST", "connect", payload=CONNECT)
    assert answered(deployment, "m1")
    ssm.calls.clear()
    for number in range(2, 5):
        later(FRESH_SECONDS // 5)
        assert answered(deployment, f"m{number}")
    assert ssm.calls == []


def test_a_new_key_of_a_subaccount_is_used_after_five_minutes(deployment, later):
    deployment.call("POST", "connect", payload=CONNECT)
    assert answered(deployment, "m1")
    deployment.aws.put_secret("subaccounts/sub_1/retell-api-key", "key_of_sub_1")
    later(FRESH_SECONDS)
    deployment.retell.requests.clear()
    assert answered(deployment, "m2")
    assert {one.headers["authorization"] for one in deployment.retell.requests} == {"Bearer key_of_sub_1"}


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_turns_go_on_while_ssm_throttles(deployment, ssm, later, code):
    deployment.call("POST", "connect", payload=CONNECT)
    assert answered(deployment, "m1")
    ssm.refusals = dict.fromkeys(("GetParameter", "GetParametersByPath"), code)
    later(STALE_SECONDS - FRESH_SECONDS)
    assert answered(deployment, "m2")


# ── limits


def test_connect_stores_advanced_parameters_where_standard_ones_are_full(deployment, ssm):
    ssm.standard_is_full = True
    status, _ = deployment.call("POST", "connect", payload=CONNECT)
    puts = [params for name, params in ssm.calls if name == "PutParameter"]
    assert (status, {one["Tier"] for one in puts}, len(puts)) == (200, {"Intelligent-Tiering"}, 2)


@pytest.mark.parametrize(
    ("code", "status", "remedy"),
    [
        ("ParameterLimitExceeded", 500, "request a higher quota"),
        ("ParameterMaxVersionLimitExceeded", 500, "Remove the label"),
        ("TooManyUpdates", 503, "another request is writing the same parameter"),
        ("ThrottlingException", 503, "enable higher throughput"),
        ("InternalServerError", 503, "SSM does not answer"),
    ],
)
def test_a_limit_of_ssm_is_told_as_what_it_is(deployment, ssm, caplog, code, status, remedy):
    ssm.refusals = {"PutParameter": code}
    told = deployment.call("POST", "connect", payload=CONNECT)
    assert (told[0], told[1]["error"]["code"]) == (status, {500: "internal_error", 503: "unavailable"}[status])
    (line,) = [one for one in caplog.records if code in getattr(one, "why", "")]
    assert (remedy in line.why, line.levelname) == (True, "ERROR" if status == 500 else "WARNING")
    ssm.refusals = {}
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200


# ── the deployment's own app


def shake(webhook, token):
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1"}
    return webhook(http_event("GET", "/api/instagram/webhook", query=query), CONTEXT)["statusCode"]


def post(webhook, secret, path="/api/instagram/webhook"):
    body = written("a")
    return webhook(http_event("POST", path, headers=signed_headers(body, secret), text=body.decode()), CONTEXT)[
        "statusCode"
    ]


def rotate(deployment, **app):
    value = {"appSecrets": [NEW, OLD], "verifyToken": "the new one"} | app
    deployment.aws.put_secret("app-secrets", json.dumps(value))


def test_a_new_verify_token_works_at_once_in_a_warm_webhook(deployment, later):
    webhook = deployment.function("webhook")
    assert (shake(webhook, "of the app"), shake(webhook, "the new one")) == (200, 403)
    rotate(deployment)
    later(RECENT_SECONDS)
    assert (shake(webhook, "the new one"), shake(webhook, "of the app")) == (200, 403)


@pytest.mark.parametrize("path", ["/api/instagram/webhook", connection_path("sub_1", "agent_1")])
def test_a_new_app_secret_signs_at_once_in_a_warm_webhook(deployment, later, path):
    webhook = deployment.function("webhook")
    assert (post(webhook, OLD, path), post(webhook, NEW, path)) == (200, 401)
    rotate(deployment)
    later(RECENT_SECONDS)
    assert (post(webhook, NEW, path), post(webhook, OLD, path)) == (200, 200)


@pytest.mark.parametrize("name", ["delete_data", "deauthorize"])
def test_a_new_app_secret_signs_callbacks_at_once(deployment, later, name):
    told = {"algorithm": "HMAC-SHA256", "user_id": "55", "issued_at": int(time.time())}
    assert deployment.call_back(name, signed(told, OLD)) == 200
    rotate(deployment)
    later(RECENT_SECONDS)
    assert deployment.call_back(name, signed(told, NEW)) == 200


def test_forged_handshakes_and_posts_read_ssm_once_in_two_seconds(deployment, ssm, later):
    webhook = deployment.function("webhook")
    shake(webhook, "of the app")
    later(RECENT_SECONDS)
    ssm.calls.clear()
    for number in range(300):
        assert shake(webhook, f"forged-{number}") == 403
        assert post(webhook, f"forged-{number}") == 401
        later(0.01)
    assert {params["Name"] for _, params in ssm.calls} == {f"{PREFIX}/app-secrets"}
    assert len(ssm.calls) <= 3 + 1
