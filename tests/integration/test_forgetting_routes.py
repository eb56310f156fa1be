"""Meta's callbacks about people, the page, forget, disconnect with purge: the handlers, on a real mongod and moto."""

import importlib
import json
import re
import time
from base64 import b64encode
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import jwt
import pytest

from connector.accounts import Account, Grant
from connector.deletions import SETTLED
from connector.storage.connections import COLLECTION as CONNECTIONS
from connector.storage.connections import Connections
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.documents import now
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.mongodb import database as connector_database
from connector.tenancy import Tenant
from connector.wiring import stores
from tests.conftest import PREFIX
from tests.integration.world import user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, PAGE, USER, http_event
from tests.unit.test_signed_requests import signed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

SECRET, JWT_KEY = "test_app_secret", "k" * 32
TENANT, OTHER = Tenant("sub_1", "agent_1"), Tenant("sub_2", "agent_2")
OWNER, OTHER_ACCOUNT = "10220000000000001", "17841400000000009"
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn:aws:lambda:x:1:function:f", aws_request_id="id"
)


class Deployment:
    """The functions of one stack, with two tenants that one owner has let in."""

    def __init__(self, aws, database):
        self.aws = aws
        self.database = database
        self.connections = Connections(database[CONNECTIONS])
        stores.ensure_indexes()
        for tenant, account_id in ((TENANT, ACCOUNT), (OTHER, OTHER_ACCOUNT)):
            self.connect(tenant, account_id)
            for user_id in (USER, OTHER_USER):
                message = user_message(f"mid:{user_id}", f"secret of {user_id}", at=now())
                stores.chats(tenant).add(user_id, account_id, message)

    def connect(self, tenant, account_id, owner_id=OWNER):
        """Connect an agent."""
        account = Account(account_id, PAGE, "acme", "Acme")
        grant = Grant(owner_id=owner_id)
        self.connections.connect(tenant, account, retell_agent_id="a", token_version=1, grant=grant)
        self.aws.put_secret(f"connections/{tenant}/access-token", json.dumps({"token": "EAAx"}))
        own = {"verifyToken": "v", "appSecrets": [f"secret of {tenant}"]}
        self.aws.put_secret(f"connections/{tenant}/webhook", json.dumps(own))

    def call(self, name, method, path, *, body=None, form=None, token=None, **path_parameters):
        """Call a function by HTTP; return the status, and the body: JSON, or a page."""
        headers = {"x-forwarded-proto": "https", "content-type": "application/json"}
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        text = b64encode(urlencode(form).encode()).decode() if form else json.dumps(body) if body is not None else None
        event = http_event(
            method, path, headers=headers, text=text, is_base64=form is not None, path_parameters=path_parameters
        )
        told = importlib.import_module(f"functions.{name}.app").handler(event, CONTEXT)
        is_json = told["headers"]["Content-Type"] == "application/json"
        self.headers = told["headers"]
        return told["statusCode"], json.loads(told["body"]) if is_json else told["body"]

    def tell(self, name, payload, secret=SECRET, tenant=None):
        """Have Meta call back."""
        route = name.replace("_", "-")
        ids = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} if tenant else {}
        start = f"/api/database/{tenant.subaccount_id}/chat-agents/{tenant.agent_id}" if tenant else "/api"
        payload = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time())} | payload
        return self.call(
            name, "POST", f"{start}/instagram/{route}", form={"signed_request": signed(payload, secret)}, **ids
        )

    def api(self, verb, body=None, tenant=TENANT):
        """Call the documented API."""
        claims = {"sub": "u", "iat": int(time.time()), "exp": int(time.time()) + 600}
        token = jwt.encode(claims | {"subaccountId": tenant.subaccount_id}, JWT_KEY, algorithm="HS256")
        ids = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}
        path = f"/api/database/{tenant.subaccount_id}/chat-agents/{tenant.agent_id}/instagram/{verb}"
        return self.call(verb, "POST", path, body=body, token=token, **ids)

    def page(self, code):
        """Look at a deletion's page."""
        return self.call("deletion", "GET", f"/api/instagram/deletions/{code}", code=code)

    def settle(self):
        """Let the time pass in which something may be in somebody's hands, and have the rest erased."""
        back = SETTLED + timedelta(seconds=1)
        for one in self.database[DELETIONS].find({"status": "pending"}):
            moved = {name: one[name] - back for name in ("askedAt", "dueAt")}
            self.database[DELETIONS].update_one({"_id": one["_id"]}, {"$set": moved})
        importlib.import_module("functions.erase.app").handler({}, CONTEXT)

    def statuses(self):
        """Return whether each tenant is connected; None where nothing is known."""
        found = (self.connections.get(tenant) for tenant in (TENANT, OTHER))
        return [one and one.is_connected for one in found]

    def secrets(self, tenant):
        """Return which secrets a connection has."""
        names = [f"{PREFIX}/connections/{tenant}/{name}" for name in ("access-token", "webhook")]
        return sorted(one["Name"].rpartition("/")[2] for one in self.aws.ssm.get_parameters(Names=names)["Parameters"])

    def stored(self, **where):
        """Return how many chats and how many entries there are."""
        chats = {f"metadata.{name}" if name == "userId" else name: value for name, value in where.items()}
        return [self.database["chats"].count_documents(chats), self.database[ENTRIES].count_documents(where)]


@pytest.fixture
def deployment(aws, functions_environment, mongodb_uri, database, monkeypatch):
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    aws.put_secret("app-secrets", json.dumps({"appSecrets": [SECRET], "verifyToken": "of the app"}))
    aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]}))
    aws.put_secret("mongodb-uri", uri)
    for kept in (stores.secrets, connector_database):
        kept.cache_clear()
    yield Deployment(aws, database)
    connector_database(uri).client.close()
    for kept in (stores.secrets, connector_database):
        kept.cache_clear()


# ── deauthorize


def test_an_owner_who_removes_the_app_is_disconnected_everywhere_and_the_chats_stay(deployment):
    generations = [deployment.connections.get(tenant).generation for tenant in (TENANT, OTHER)]
    assert deployment.tell("deauthorize", {"user_id": OWNER}) == (200, {"success": True})
    assert deployment.statuses() == [False, False]
    assert [deployment.secrets(tenant) for tenant in (TENANT, OTHER)] == [[], []]
    after = [deployment.connections.get(tenant).generation for tenant in (TENANT, OTHER)]
    assert after == [one + 1 for one in generations], "so no turn says anything more"
    assert deployment.stored() == [4, 4]
    assert deployment.tell("deauthorize", {"user_id": OWNER})[0] == 200, "twice is a success too"


def test_a_page_may_be_named_in_place_of_a_person(deployment):
    assert deployment.tell("deauthorize", {"user_id": 0, "profile_id": PAGE})[0] == 200
    assert deployment.statuses() == [False, False]


def test_somebody_who_has_let_us_into_nothing_removes_nothing(deployment):
    for user_id in ("999", USER, ACCOUNT):
        assert deployment.tell("deauthorize", {"user_id": user_id}) == (200, {"success": True})
    assert deployment.statuses() == [True, True]


def test_an_app_of_a_connections_own_ends_that_connection_and_no_other(deployment):
    told = deployment.tell("deauthorize", {"user_id": OWNER}, f"secret of {TENANT}", TENANT)
    assert told == (200, {"success": True})
    assert deployment.statuses() == [False, True]


# ── delete-data


def test_an_owner_who_wants_to_be_forgotten_is_told_where_to_see_it_done(deployment):
    status, told = deployment.tell("delete_data", {"user_id": OWNER})
    code = told["confirmation_code"]
    assert status == 200
    assert re.fullmatch(r"[0-9a-zA-Z]+", code)
    assert told == {"url": f"https://api.example.com/api/instagram/deletions/{code}", "confirmation_code": code}
    assert deployment.statuses() == [None, None]
    assert [deployment.secrets(tenant) for tenant in (TENANT, OTHER)] == [[], []]
    assert deployment.stored() == [0, 0]
    assert "is being deleted" in deployment.page(code)[1]
    deployment.settle()
    assert "is deleted" in deployment.page(code)[1]
    deployment.connect(TENANT, ACCOUNT)
    assert deployment.statuses() == [True, None], "they may come back"


def test_a_customer_who_is_named_is_forgotten_by_all_and_the_connections_stand(deployment):
    assert deployment.tell("delete_data", {"user_id": USER})[0] == 200
    assert (deployment.stored(userId=USER), deployment.stored(userId=OTHER_USER)) == ([0, 0], [2, 2])
    assert deployment.statuses() == [True, True]


def test_an_app_of_a_connections_own_has_nothing_forgotten_elsewhere(deployment):
    for user_id in (USER, OWNER):
        assert deployment.tell("delete_data", {"user_id": user_id}, f"secret of {TENANT}", TENANT)[0] == 200
    assert (deployment.stored(agentId="agent_1"), deployment.stored(agentId="agent_2")) == ([0, 0], [2, 2])
    assert deployment.statuses() == [None, True]


def test_j4_for_somebody_who_is_unknown_there_is_a_code_and_it_is_done(deployment):
    status, told = deployment.tell("delete_data", {"user_id": "999"})
    assert status == 200
    assert "is deleted" in deployment.page(told["confirmation_code"])[1]
    assert deployment.stored() == [4, 4]


def test_the_same_request_has_the_same_code_until_it_is_done(deployment):
    codes = [deployment.tell("delete_data", {"user_id": OWNER})[1]["confirmation_code"] for _ in range(3)]
    assert len(set(codes)) == 1


@pytest.mark.parametrize("name", ["deauthorize", "delete_data"])
@pytest.mark.parametrize(
    ("payload", "secret", "tenant"),
    [
        ({"user_id": OWNER}, "another secret", None),
        ({"user_id": OWNER}, "", None),
        ({"user_id": OWNER, "algorithm": "HMAC-SHA1"}, SECRET, None),
        ({"user_id": OWNER}, f"secret of {TENANT}", None),
        ({"user_id": OWNER}, f"secret of {TENANT}", OTHER),
    ],
    ids=["another secret", "no secret", "another algorithm", "another's app", "another's path"],
)
def test_j7_what_is_not_proven_is_unauthorized_and_changes_nothing(deployment, name, payload, secret, tenant):
    status, told = deployment.tell(name, payload, secret, tenant)
    assert (status, told["error"]["code"]) == (401, "unauthorized")
    assert (deployment.statuses(), deployment.stored()) == ([True, True], [4, 4])
    assert deployment.database[DELETIONS].count_documents({}) == 0


@pytest.mark.parametrize("name", ["deauthorize", "delete_data"])
@pytest.mark.parametrize("form", [{"x": "1"}, {"signed_request": ""}, None])
def test_j7_what_is_no_signed_request_is_refused(deployment, name, form):
    status, told = deployment.call(name, "POST", f"/api/instagram/{name}", form=form)
    assert (status, told["error"]["code"]) == (400, "invalid_request")


def test_a_page_is_nobody_who_could_be_forgotten(deployment):
    status, told = deployment.tell("delete_data", {"user_id": 0, "profile_id": PAGE})
    assert (status, told["error"]["code"]) == (400, "invalid_request")


# ── the page


def test_the_page_is_for_people_and_tells_nothing_of_anybody(deployment):
    _, told = deployment.tell("delete_data", {"user_id": USER})
    status, page = deployment.page(told["confirmation_code"])
    assert (status, deployment.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert deployment.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert deployment.headers["Cache-Control"] == "no-store"
    assert deployment.headers["X-Content-Type-Options"] == "nosniff"
    assert USER not in page
    assert str(now().year) in page


@pytest.mark.parametrize(
    "code", ["0" * 32, "", "x", "0" * 31, "<script>alert(1)</script>", "../../x", "A" * 32, "٠" * 32, "0" * 10_000]
)
def test_for_a_code_that_nobody_was_given_there_is_a_page_that_says_so(deployment, code):
    status, page = deployment.page(code)
    assert (status, deployment.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is no deletion with this code" in page
    assert "<script" not in page


def test_f3_while_no_database_answers_the_page_says_so(deployment, mongodb):
    data = {"failCommands": ["find"], "errorCode": 8000, "appName": "instagram-connector"}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        status, page = deployment.page("0" * 32)
    finally:
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert (status, "Try again in a moment" in page) == (503, True)


# ── the platform's own requests


def test_the_platform_has_one_customer_of_one_tenant_forgotten(deployment):
    status, told = deployment.api("forget", {"userId": USER})
    assert (status, told["success"], told["data"]["status"]) == (200, True, "pending")
    assert told["data"]["statusUrl"].endswith(f"/api/instagram/deletions/{told['data']['confirmationCode']}")
    assert deployment.stored(userId=USER, agentId="agent_1") == [0, 0]
    assert deployment.stored() == [3, 3]
    assert deployment.api("forget", {"userId": USER})[1]["data"] == told["data"]
    deployment.settle()
    assert deployment.page(told["data"]["confirmationCode"])[0] == 200


@pytest.mark.parametrize("body", [{}, {"userId": 5}, {"userId": "x"}, {"userId": USER, "all": True}, []])
def test_h10_what_forget_does_not_know_is_refused(deployment, body):
    status, told = deployment.api("forget", body)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert deployment.stored() == [4, 4]


@pytest.fixture
def disconnectable(deployment):
    """The secrets are gone, so Meta is not called."""
    for name in ("access-token", "webhook"):
        deployment.aws.ssm.delete_parameter(Name=f"{PREFIX}/connections/{TENANT}/{name}")
    return deployment


@pytest.mark.parametrize("body", [None, {}, {"purge": False}])
def test_disconnecting_without_purge_answers_as_ever_and_keeps_the_chats(disconnectable, body):
    assert disconnectable.api("disconnect", body) == (200, {"success": True, "data": {"isConnected": False}})
    assert disconnectable.statuses() == [False, True]
    assert disconnectable.stored() == [4, 4]


def test_disconnecting_with_purge_deletes_this_agents_chats_and_says_with_which_code(disconnectable):
    status, told = disconnectable.api("disconnect", {"purge": True})
    assert (status, told["data"]["isConnected"], told["data"]["status"]) == (200, False, "pending")
    assert disconnectable.statuses() == [False, True]
    assert (disconnectable.stored(agentId="agent_1"), disconnectable.stored()) == ([0, 0], [2, 2])
    disconnectable.settle()
    assert "is deleted" in disconnectable.page(told["data"]["confirmationCode"])[1]
    again = disconnectable.api("disconnect", {"purge": True})
    assert again[0] == 200, "twice is a success too"


@pytest.mark.parametrize(
    "body",
    [{"purge": "yes"}, {"purge": 1}, {"purge": None}, {"purge": True, "x": 1}, {"Purge": True}, [{"purge": True}], 0],
)
def test_h10_what_disconnect_does_not_know_is_refused_before_anything_is_done(disconnectable, body):
    status, told = disconnectable.api("disconnect", body)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert disconnectable.statuses() == [True, True]
