"""A connection's own app secret: what it signs, and when it ends. Through the deployed handlers."""

import json
from base64 import b64encode
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine

from connector.contract.connection import ConnectRequest
from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import lifecycle, stores
from tests.conftest import PREFIX
from tests.integration.deployment import CONNECT, CONTEXT, heard
from tests.unit.payloads import ACCOUNT, compact, connection_path, http_event, messaging, signed_headers
from tests.unit.peer import answer
from tests.unit.test_signed_requests import signed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

TENANT = Tenant("sub_1", "agent_1")
OLD, NEW, OTHER = "0" * 32, "1" * 32, "2" * 32
OTHER_ACCOUNT, OTHER_PAGE, OTHER_TOKEN = "17841400000000077", "777", "EAAother"


@pytest.fixture
def clock():
    with time_machine.travel(now()) as moved:
        yield moved


class Attacker:
    """Someone who knows app secrets, and the same warm webhook all the time."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.webhook = deployment.function("webhook")
        self.number = 0

    def forge(self, secret, account_id=ACCOUNT, *, cold=False):
        """Post a forged message; return the webhook's status, and whether it was stored."""
        self.number += 1
        item = heard(f"forged-{self.number}", "Hi") | {"recipient": {"id": account_id}}
        body = messaging(item)
        body["entry"][0]["id"] = account_id
        raw = compact(body)
        text = b64encode(raw).decode()
        path = connection_path(*TENANT_PATH)
        event = http_event("POST", path, headers=signed_headers(raw, secret), text=text, is_base64=True)
        webhook = self.deployment.function("webhook") if cold else self.webhook
        status = webhook(event, CONTEXT)["statusCode"]
        if bodies := self.deployment.inbox():
            assert self.deployment.deliver("ingest", *bodies) == []
        return status, stores.chats(TENANT).has(f"mid:forged-{self.number}")

    def shake(self, token):
        """Make the handshake with a verification token; return the status."""
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1"}
        webhook = self.deployment.function("webhook")
        return webhook(http_event("GET", connection_path(*TENANT_PATH), query=query), CONTEXT)["statusCode"]

    def call_back(self, name, secret):
        """Have an app's callback made; return the status."""
        route = name.replace("_", "-")
        told = signed({"algorithm": "HMAC-SHA256", "user_id": "55", "issued_at": int(now().timestamp())}, secret)
        event = http_event(
            "POST",
            connection_path(*TENANT_PATH).removesuffix("webhook") + route,
            headers={"content-type": "application/x-www-form-urlencoded"},
            text=b64encode(urlencode({"signed_request": told}).encode()).decode(),
            is_base64=True,
            path_parameters={"subaccountId": TENANT.subaccount_id, "agentId": TENANT.agent_id},
        )
        return self.deployment.function(name)(event, CONTEXT)["statusCode"]


TENANT_PATH = (TENANT.subaccount_id, TENANT.agent_id)
ACCEPTED, DROPPED, REFUSED = (200, True), (200, False), (401, False)


@pytest.fixture
def attacker(deployment, clock):
    answers = deployment.meta.behave

    def behave(handler):
        request = deployment.meta.requests[-1]
        last = request.path.rpartition("/")[2]
        if last == "me" and request.headers["authorization"] == f"Bearer {OTHER_TOKEN}":
            answer({"id": OTHER_PAGE})(handler)
        elif last == OTHER_ACCOUNT:
            answer({"id": OTHER_ACCOUNT, "username": "other"})(handler)
        elif last == OTHER_PAGE:
            answer({"id": OTHER_PAGE, "instagram_business_account": {"id": OTHER_ACCOUNT}})(handler)
        else:
            answers(handler)

    deployment.meta.behave = behave
    return Attacker(deployment)


def connect(deployment, secret=None, **changes):
    body = CONNECT | ({"appSecret": secret} if secret else {}) | changes
    status, told = deployment.call("POST", "connect", payload=body)
    assert status == 200, told


def connect_other_account(deployment, secret=None):
    connect(deployment, secret, instagramAccountId=OTHER_ACCOUNT, pageId=OTHER_PAGE, accessToken=OTHER_TOKEN)


def stored_in_ssm(deployment):
    """Return what stands in SSM for the webhooks of connections."""
    found = deployment.aws.ssm.get_parameters_by_path(Path=f"{PREFIX}/connections", Recursive=True, WithDecryption=True)
    return [one["Value"] for one in found["Parameters"] if "/webhook" in one["Name"]]


def test_a_replaced_app_secret_signs_webhooks_for_an_hour_at_most(deployment, attacker, clock):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    connect(deployment, NEW)
    clock.shift(timedelta(minutes=59))
    assert attacker.forge(OLD, cold=True) == ACCEPTED
    assert attacker.forge(OLD) == ACCEPTED
    clock.shift(timedelta(minutes=2))
    assert attacker.forge(OLD) == REFUSED
    assert attacker.forge(OLD, cold=True) == REFUSED
    assert attacker.forge(NEW) == ACCEPTED


def test_a_reconnect_without_app_secret_keeps_the_stored_one_and_prolongs_nothing(deployment, attacker, clock):
    connect(deployment, OLD)
    connect(deployment, NEW)
    for _ in range(3):
        clock.shift(timedelta(minutes=29))
        connect(deployment)
    assert attacker.forge(NEW) == ACCEPTED
    assert attacker.forge(OLD) == REFUSED
    assert not any(OLD in value for value in stored_in_ssm(deployment)[-1:])


def test_only_the_last_two_app_secrets_are_accepted(deployment, attacker, clock):
    for secret in (OLD, NEW, OTHER):
        connect(deployment, secret)
    clock.shift(SECRETS_UNDER_WAY)
    deployment.function("erase")({}, CONTEXT)
    assert [attacker.forge(secret) for secret in (OLD, NEW, OTHER)] == [REFUSED, ACCEPTED, ACCEPTED]


def test_an_app_secret_ends_at_once_when_the_account_changes(deployment, attacker):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    connect_other_account(deployment)
    assert len(stored_in_ssm(deployment)) == 1
    for account_id in (ACCOUNT, OTHER_ACCOUNT):
        assert attacker.forge(OLD, account_id)[1] is False, "the webhook has it cached"
        assert attacker.forge(OLD, account_id, cold=True) == REFUSED
    assert not any(OLD in value for value in stored_in_ssm(deployment))


def test_an_app_secret_does_not_come_back_with_its_account(deployment, attacker):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    connect_other_account(deployment)
    connect(deployment)
    assert attacker.forge(OLD) == DROPPED
    assert attacker.forge(OLD, cold=True) == REFUSED


def test_an_app_secret_ends_at_once_when_its_connection_is_disconnected(deployment, attacker):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    deployment.call("POST", "disconnect")
    assert attacker.forge(OLD) == DROPPED
    connect(deployment, NEW)
    assert attacker.forge(OLD) == DROPPED, "the webhook has it cached"
    assert attacker.forge(OLD, cold=True) == REFUSED
    assert attacker.forge(NEW) == ACCEPTED


def test_the_same_app_secret_is_accepted_at_once_after_a_disconnect(deployment, attacker):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    deployment.call("POST", "disconnect")
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED


@pytest.mark.parametrize("name", ["delete_data", "deauthorize"])
def test_a_replaced_app_secret_signs_no_callback(deployment, attacker, name):
    connect(deployment, OLD)
    assert attacker.forge(OLD) == ACCEPTED
    connect(deployment, NEW)
    assert attacker.call_back(name, OLD) == 401
    assert attacker.call_back(name, NEW) == 200
    deployment.call("POST", "disconnect")
    assert attacker.call_back(name, NEW) == 401


def test_a_replaced_verification_token_ends_with_its_secrets(deployment, attacker, clock):
    connect(deployment, webhookVerificationToken="old")
    assert attacker.shake("old") == 200
    connect(deployment, webhookVerificationToken="new")
    clock.shift(SECRETS_UNDER_WAY)
    deployment.function("erase")({}, CONTEXT)
    assert (attacker.shake("new"), attacker.shake("old")) == (200, 403)
    deployment.call("POST", "disconnect")
    assert attacker.shake("new") == 403


def old_format(deployment, database, *secrets):
    """Make the connection one that an older version stored."""
    connections = Connections(database[COLLECTION])
    secrets_id = connections.get(TENANT).secrets_id
    value = {"verifyToken": "meatyhamhock", "appSecrets": list(secrets)}
    deployment.aws.put_secret(f"connections/{TENANT}/webhook/{secrets_id}", json.dumps(value))
    database[COLLECTION].update_one({}, {"$unset": {"signers": ""}})
    stores.secrets.cache_clear()


def test_a_list_without_times_of_an_older_version_ends_after_an_hour(deployment, attacker, clock, database):
    connect(deployment, NEW)
    old_format(deployment, database, NEW, OLD)
    assert [attacker.forge(secret) for secret in (NEW, OLD)] == [ACCEPTED, ACCEPTED]
    assert attacker.call_back("delete_data", OLD) == 401
    clock.shift(timedelta(minutes=30))
    connect(deployment)
    clock.shift(timedelta(minutes=31))
    assert [attacker.forge(secret) for secret in (NEW, OLD)] == [ACCEPTED, REFUSED]
    assert [attacker.forge(secret, cold=True) for secret in (NEW, OLD)] == [ACCEPTED, REFUSED]


def test_concurrent_connects_lose_no_app_secret(deployment, attacker, clock, race, database):
    """With the wiring of the function: its handler knows one request at a time."""
    connect(deployment, OLD)
    bodies = [CONNECT | ({"appSecret": NEW} if number == 3 else {}) for number in range(6)]
    wishes = [ConnectRequest.model_validate(body).wish(TENANT.agent_id, lambda _: None) for body in bodies]
    made = race(6, lambda number: lifecycle.connecting().connect(TENANT, wishes[number]))
    assert sorted(one.generation for one in made) == [2, 3, 4, 5, 6, 7]
    assert [attacker.forge(secret, cold=True) for secret in (NEW, OLD)] == [ACCEPTED, ACCEPTED]
    assert attacker.call_back("delete_data", OLD) == 401
    clock.shift(SECRETS_UNDER_WAY)
    deployment.function("erase")({}, CONTEXT)
    (value,) = stored_in_ssm(deployment)
    assert json.loads(value)["appSecret"] == NEW


@pytest.mark.parametrize("wrong", ["hush", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 31 + "\n", "٠" * 32, 5, ""])
def test_what_is_no_app_secret_is_refused_in_a_clear_sentence(deployment, wrong):
    status, told = deployment.call("POST", "connect", payload=CONNECT | {"appSecret": wrong})
    assert status == 400
    (detail,) = told["error"]["details"]
    assert (detail["field"], "32 characters" in detail["problem"]) == ("appSecret", True)
