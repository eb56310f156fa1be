"""The proof of the app secret (`appsecret_proof`) while the secret is rotated, through the deployed handlers."""

import importlib
import json
import time

import pytest

from connector.storage.parameters import RECENT_SECONDS
from connector.wiring import stores
from tests.integration.stack import APP_SECRET, VERIFY_TOKEN
from tests.unit.payloads import USER

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OLD, NEW = APP_SECRET, "0123456789abcdef0123456789abcdef"


@pytest.fixture
def rotate(stack):
    """Store the deployment's secrets as an operator does; the cached ones are then older than two seconds."""
    app_id = stack.simulate("GET", "state")["apps"]["facebook"]["id"]
    ahead = [0.0]
    for secrets in (stores.secrets(), importlib.import_module("functions.webhook.app").webhook.secrets):
        secrets._parameters._clock = lambda: time.monotonic() + ahead[0]

    def store(*secrets, named):
        value = {"appSecrets": secrets, "verifyToken": VERIFY_TOKEN, "facebookApp": {"id": app_id, "secret": named}}
        stack.aws.put_secret("app-secrets", json.dumps(value))
        ahead[0] += RECENT_SECONDS

    return store


@pytest.fixture
def conversation(stack):
    """Have a customer write and be answered."""
    stack.write("What are your hours?")
    stack.settle()
    assert len(stack.received()) == 1
    return stack


def send(stack, text):
    return stack.call("POST", "send", {"to": USER, "message": text})


def row(stack, name):
    shown = stack.call("GET", "status", live="true").json()["data"]
    return next(one for one in shown["checks"] if one["name"] == name) | {"isConnected": shown["isConnected"]}


def test_a_proof_under_an_old_secret_is_named_as_the_cause(conversation):
    conversation.simulate("PUT", "apps/facebook", secret=NEW)
    answer = send(conversation, "Until six.")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["meta"]["code"]) == (502, "app_secret_refused", 100)
    found = row(conversation, "account")
    assert (found["outcome"], found["code"], found["isConnected"]) == ("failed", "app_secret_refused", True)
    assert "app-secrets" in found["remedy"]
    assert row(conversation, "lastError")["code"] == "app_secret_refused"


@pytest.mark.parametrize("named", [OLD, NEW], ids=["the-app-named-by-the-old", "the-app-named-by-the-new"])
def test_with_both_secrets_messages_go_out_at_once(conversation, rotate, named):
    conversation.simulate("PUT", "apps/facebook", secret=NEW)
    rotate(NEW, OLD, named=named)
    conversation.write("And on Sunday?")
    conversation.settle()
    assert len(conversation.received()) == 2
    assert send(conversation, "Until six.").status_code == 200
    assert conversation.received().count("Until six.") == 1


def test_with_both_secrets_messages_go_out_before_the_rotation(conversation, rotate):
    rotate(NEW, OLD, named=NEW)
    assert send(conversation, "Until six.").status_code == 200
    assert conversation.received().count("Until six.") == 1


def test_with_the_new_secret_alone_the_connection_is_well_again(conversation, rotate):
    conversation.simulate("PUT", "apps/facebook", secret=NEW)
    assert send(conversation, "Refused.").status_code == 502
    rotate(NEW, named=NEW)
    assert send(conversation, "Until six.").status_code == 200
    assert conversation.received()[1:] == ["Until six."]
    assert row(conversation, "account")["outcome"] == row(conversation, "lastError")["outcome"] == "passed"


@pytest.mark.parametrize("named", [OLD, NEW], ids=["old", "new"])
def test_a_rotation_works_where_the_app_requires_the_proof(conversation, rotate, named):
    conversation.simulate("PUT", "faults", require_proof=True)
    conversation.simulate("PUT", "apps/facebook", secret=NEW)
    rotate(NEW, OLD, named=named)
    assert send(conversation, "Until six.").status_code == 200
