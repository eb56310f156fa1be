"""The SSM reads that strangers' POSTs to the webhook cause, through the deployed function.

SSM gives a whole account 40 reads a second.
"""

import json
import time

import pytest

from connector.storage.parameters import UNKNOWN_READS_PER_SECOND
from tests.integration.deployment import CONTEXT, written
from tests.unit.payloads import connection_path, http_event, old_signature, signature, signed_headers

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BODY = written("a")
WRONG = signature(BODY, "no secret of this deployment")
CALLS_PER_LOOKUP = 2  # below the name of today, and by the name that older versions used


@pytest.fixture
def reads(aws):
    """The calls of SSM, as they are made."""
    made = []

    def note(model, **_):
        made.append(model.name)

    aws.ssm.meta.events.register("before-call.ssm", note)
    yield made
    aws.ssm.meta.events.unregister("before-call.ssm", note)


@pytest.fixture
def post(deployment):
    """Post to the webhook of a path in one execution environment, and return the status."""
    handler = deployment.function("webhook")

    def call(path, headers, body=BODY):
        return handler(http_event("POST", path, headers=headers, text=body.decode()), CONTEXT)["statusCode"]

    return call


MALFORMED = [
    *({}, {"x-hub-signature": old_signature(BODY)}, {"x-hub-signature-256": ""}, {"x-hub-signature-256": "sha256="}),
    *({"x-hub-signature-256": one} for one in (WRONG[:-1], f"{WRONG}0", WRONG.upper(), f" {WRONG}", f"{WRONG}\n")),
    *({"x-hub-signature-256": one} for one in (WRONG.removeprefix("sha256="), f"sha1={WRONG[7:]}", f"{WRONG},{WRONG}")),
]


def test_a_malformed_signature_causes_no_ssm_read(post, reads):
    statuses = {
        post(connection_path(f"made-up-{number}", "agent"), MALFORMED[number % len(MALFORMED)])
        for number in range(1000)
    }
    assert (statuses, reads) == ({401}, [])


def test_an_invalid_path_causes_no_ssm_read(post, reads):
    paths = ["/", "/api/instagram/webhook/x", connection_path("$ne", "agent"), connection_path("s" * 65, "agent")]
    assert ({post(path, signed_headers(BODY)) for path in paths}, reads) == ({404}, [])


@pytest.mark.parametrize("path", ["made-up paths", "the path of a connection"])
def test_wrong_signatures_cause_at_most_eleven_ssm_reads_a_second(post, reads, deployment, path):
    """In one execution environment, however many are posted. The number of environments bounds the rest."""
    deployment.aws.put_secret("connections/sub_1/agent_1/webhook/1", json.dumps({"verifyToken": "v"}))
    post("/api/instagram/webhook", {"x-hub-signature-256": WRONG})  # the app's secrets are read once
    reads.clear()
    began = time.monotonic()
    for number in range(500):
        ids = ("sub_1", "agent_1") if path == "the path of a connection" else (f"made-up-{number}", "agent")
        assert post(connection_path(*ids), {"x-hub-signature-256": WRONG}) == 401
    a_second = UNKNOWN_READS_PER_SECOND * CALLS_PER_LOOKUP + 1  # and the app's secrets, once in two seconds
    assert a_second == 11
    assert 0 < len(reads) <= a_second * (1 + time.monotonic() - began)


def test_the_bound_leaves_the_deployments_own_app_alone(post, reads):
    for number in range(50):
        post(connection_path(f"made-up-{number}", "agent"), {"x-hub-signature-256": WRONG})
    assert post("/api/instagram/webhook", signed_headers(BODY)) == 200
    assert post(connection_path("sub_1", "agent_1"), signed_headers(BODY)) == 200
