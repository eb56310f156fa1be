"""Which Retell agents a subaccount may use, as two tenants of one deployment meet it."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from tests.integration.deployment import JWT_KEY
from tests.integration.stack import PAGE_TOKEN
from tests.unit.payloads import ACCOUNT, PAGE, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

VICTIM = ("sub_1", "agent_1")  # connected by the fixture
ATTACKER = ("sub_2", "agent_2")
FOREIGN = "agent_1"
CALLBACK = "/api/instagram/oauth/callback"


@dataclass
class Tenants:
    """Two tenants of one deployment."""

    stack: Any
    account: dict[str, Any]
    """The attacker's Instagram account."""
    set_variable: Any

    def rule(self, name):
        """Deploy with another rule."""
        self.set_variable("RETELL_AGENT_BINDING", name)

    def call(self, tenant, method, verb, *, body=None, query=None, **claims):
        """Call the API for a tenant, and return the status and the body."""
        at = int(time.time())
        token = jwt.encode({"sub": "u", "iat": at, "exp": at + 600, "subaccountId": tenant[0]} | claims, JWT_KEY)
        url = f"{self.stack.site.url}/api/database/{tenant[0]}/chat-agents/{tenant[1]}/instagram/{verb}"
        answer = requests.request(
            method, url, json=body, params=query, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        return answer.status_code, answer.json()

    def connect(self, tenant=ATTACKER, *, agent=None, account=None, **claims):
        """Connect a tenant, and return the status and the code of the error."""
        account = account or self.account
        body = {
            "accessToken": account["accessToken"],
            "instagramAccountId": account["instagramAccountId"],
            "pageId": account["pageId"],
            "webhookVerificationToken": "meatyhamhock",
        } | ({"retellAgentId": agent} if agent else {})
        status, told = self.call(tenant, "POST", "connect", body=body, **claims)
        return status, None if status == 200 else told["error"]["code"]

    def connect_victim(self, **claims):
        own = {"accessToken": PAGE_TOKEN, "instagramAccountId": ACCOUNT, "pageId": PAGE}
        return self.connect(VICTIM, account=own, **claims)

    def status(self, tenant=ATTACKER, **query):
        return self.call(tenant, "GET", "status", query=query)[1]["data"]

    def write(self, account_id, text="What are your hours?"):
        """Have a customer write to an account, and return which agents were asked for an answer."""
        before = len(self.chats())
        self.stack.simulate("POST", f"users/{USER}/messages", accountId=account_id, text=text)
        self.stack.settle()
        return [chat["agentId"] for chat in self.chats()[before:]]

    def chats(self):
        return sorted(
            self.stack.agent("GET", "state")["chats"], key=lambda chat: chat["messages"][0]["created_timestamp"]
        )

    def give_key(self, subaccount):
        """Store a Retell key of a subaccount's own. The simulator of Retell takes any key."""
        self.stack.aws.put_secret(f"subaccounts/{subaccount}/retell-api-key", "key_own")
        self.stack.forget_environments()

    def stored(self):
        """Return what is stored of the attacker, everywhere."""
        collections = self.stack.database.list_collection_names()
        kept = [
            (name, one) for name in collections for one in self.stack.database[name].find({"subaccountId": ATTACKER[0]})
        ]
        names = [one["Name"] for one in self.stack.aws.ssm.describe_parameters()["Parameters"]]
        return kept, [name for name in names if f"/{ATTACKER[0]}/" in name]


@pytest.fixture
def tenants(stack, monkeypatch):
    return Tenants(stack, stack.simulate("POST", "accounts"), monkeypatch.setenv)


# ── the documented flow


def test_each_tenant_connects_the_agent_in_its_path(tenants):
    assert tenants.connect() == (200, None)
    assert tenants.write(tenants.account["instagramAccountId"]) == ["agent_2"]
    assert tenants.write(ACCOUNT) == ["agent_1"]


def test_a_tenant_connects_its_agent_again(tenants):
    """Also in another path of its subaccount, after a disconnect."""
    assert tenants.connect_victim() == (200, None)
    tenants.call(VICTIM, "POST", "disconnect")
    assert tenants.connect((VICTIM[0], "support"), agent=FOREIGN) == (200, None)


# ── attacks under the default rule


@pytest.mark.parametrize(
    ("tenant", "agent", "refusal"),
    [
        pytest.param(ATTACKER, FOREIGN, (403, "agent_not_allowed"), id="body"),
        pytest.param((ATTACKER[0], FOREIGN), None, (400, "not_ready"), id="path"),
        pytest.param((ATTACKER[0], FOREIGN), FOREIGN, (400, "not_ready"), id="path-and-body"),
    ],
)
def test_an_agent_of_another_tenant_is_refused_and_nothing_is_stored(tenants, tenant, agent, refusal):
    assert tenants.connect(tenant, agent=agent) == refusal
    assert tenants.stored() == ([], [])
    query = {"login": "instagram"} | ({"retellAgentId": agent} if agent else {})
    status, told = tenants.call(tenant, "GET", "authorize", query=query)
    assert (status, told["error"]["code"]) == refusal
    assert tenants.stored() == ([], [])


def test_an_agent_of_another_tenant_looks_like_one_that_does_not_exist(tenants):
    for agent in (FOREIGN, "missing_agent"):
        tenant = (ATTACKER[0], agent)
        status, answer = tenants.call(tenant, "GET", "authorize", query={"login": "instagram"})
        assert answer["error"].pop("requestId")  # differs with each request
        told = [(status, answer), tenants.connect(tenant)]
        if agent == FOREIGN:
            expected = told
    assert told == expected
    assert tenants.connect(agent="agent_of_nobody") == tenants.connect(agent=FOREIGN) == (403, "agent_not_allowed")


def test_the_agent_of_a_tenant_that_has_disconnected_is_still_refused(tenants):
    tenants.call(VICTIM, "POST", "disconnect", body={"purge": True})
    assert tenants.connect((ATTACKER[0], FOREIGN)) == (400, "not_ready")


def test_reconnecting_with_a_foreign_agent_leaves_the_connection_as_it_was(tenants):
    tenants.connect()
    before = tenants.stored()
    assert tenants.connect(agent=FOREIGN) == (403, "agent_not_allowed")
    assert tenants.stored() == before
    assert tenants.write(tenants.account["instagramAccountId"]) == ["agent_2"]


def _log_in(tenants, **claims):
    """Authorize the attacker's own agent, and return the query with which the browser comes back."""
    status, told = tenants.call(
        ATTACKER, "GET", "authorize", query={"login": "instagram"} | claims.pop("query", {}), **claims
    )
    assert status == 200, told
    tenants.stack.simulate("PUT", "dialog", accountId=tenants.account["instagramAccountId"])
    back = requests.get(told["data"]["url"], timeout=10, allow_redirects=False).headers["Location"]
    return {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}


def test_the_callback_of_a_login_checks_the_rule_as_it_is_then(tenants):
    tenants.rule("open")
    back = _log_in(tenants, query={"retellAgentId": FOREIGN})
    tenants.rule("own-key")
    assert _confirm(tenants, back).status_code == 403
    assert tenants.stored() == ([], [])


def _confirm(tenants, back):
    """Come back from Meta, and press Connect."""
    url = f"{tenants.stack.site.url}{CALLBACK}"
    page = requests.get(url, params=back, timeout=60).text
    fields = dict(re.findall(r'name="(state|ticket)" value="([^"]+)"', page))
    fields["account"] = tenants.account["instagramAccountId"]
    return requests.post(url, data=fields, timeout=60)


def test_a_login_connects_a_listed_agent(tenants):
    back = _log_in(tenants, query={"retellAgentId": FOREIGN}, retellAgentIds=[FOREIGN])
    assert _confirm(tenants, back).status_code == 200
    assert tenants.write(tenants.account["instagramAccountId"]) == [FOREIGN]


# ── claims


@pytest.mark.parametrize("rule", ["own-key", "claims"])
@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        ({"retellAgentIds": ["agent_x"]}, (200, None)),
        ({"agentIds": ["agent_2", "agent_x"]}, (200, None)),
        ({"retellAgentIds": ["agent_x"], "agentIds": ["agent_2"]}, (200, None)),
        ({"retellAgentIds": ["agent_2"], "agentIds": ["agent_2", "agent_x"]}, (403, "agent_not_allowed")),
        ({"agentIds": ["agent_2"]}, (403, "agent_not_allowed")),
        ({"retellAgentIds": []}, (403, "agent_not_allowed")),
        ({"retellAgentIds": {"agent_x": True}}, (403, "agent_not_allowed")),
        ({"retellAgentIds": "agent_x"}, (403, "agent_not_allowed")),
        ({"retellAgentIds": 5}, (403, "agent_not_allowed")),
        ({"retellAgentIds": [["agent_x"]]}, (403, "agent_not_allowed")),
        ({}, (403, "agent_not_allowed")),
    ],
    ids=str,
)
def test_a_token_must_list_the_agent(tenants, rule, claims, outcome):
    tenants.rule(rule)
    assert tenants.connect(agent="agent_x", **claims) == outcome


def test_a_token_that_lists_other_agents_at_retell_is_refused_under_each_rule(tenants):
    for rule in ("own-key", "claims", "open"):
        tenants.rule(rule)
        assert tenants.connect(retellAgentIds=["agent_x"]) == (403, "agent_not_allowed"), rule


def test_claims_refuses_the_agent_in_the_path_of_a_token_that_lists_none(tenants):
    tenants.rule("claims")
    assert tenants.connect() == (403, "agent_not_allowed")


def test_a_listed_agent_is_taken_back_from_who_was_first(tenants):
    """The owner's platform lists it, and the one who was first loses it at once."""
    tenants.connect((ATTACKER[0], "agent_new"))
    assert tenants.connect_victim(retellAgentIds=["agent_1", "agent_new"]) == (200, None)
    other = tenants.stack.simulate("POST", "accounts")
    owner = (VICTIM[0], "agent_new")
    assert tenants.connect(owner, account=other) == (400, "not_ready")
    assert tenants.connect(owner, account=other, retellAgentIds=["agent_new"]) == (200, None)
    assert tenants.write(tenants.account["instagramAccountId"]) == []
    assert tenants.write(other["instagramAccountId"]) == ["agent_new"]
    assert tenants.connect((ATTACKER[0], "agent_new")) == (400, "not_ready")


# ── connections that the rule no longer allows


@pytest.mark.parametrize("rule", ["own-key", "claims"])
def test_a_connection_that_a_stricter_rule_forbids_answers_no_more(tenants, rule):
    tenants.rule("open")
    tenants.connect()
    assert tenants.connect(agent=FOREIGN) == (200, None)
    tenants.rule(rule)
    account = tenants.account["instagramAccountId"]
    assert tenants.write(account) == []
    stored = tenants.call(ATTACKER, "GET", "messages", query={"userId": USER})[1]["data"]["messages"]
    assert [(one["status"], one["error"]["code"]) for one in stored] == [("unanswered", "agent_not_allowed")]
    assert tenants.status()["lastError"]["code"] == "agent_not_allowed"
    (row,) = [one for one in tenants.status(live="true")["checks"] if one["name"] == "agent"]
    assert (row["outcome"], row["code"]) == ("failed", "agent_not_allowed")
    if rule == "own-key":
        assert tenants.write(ACCOUNT) == ["agent_1"], "its owner still has it"


def test_a_session_that_is_open_is_not_used_when_the_rule_forbids_it(tenants):
    tenants.rule("open")
    tenants.connect(agent=FOREIGN)
    account = tenants.account["instagramAccountId"]
    assert tenants.write(account) == [FOREIGN]
    tenants.rule("own-key")
    asked = len(tenants.stack.questions())
    tenants.write(account, "Hello?")
    assert len(tenants.stack.questions()) == asked
    tenants.rule("open")
    tenants.write(account, "Hello again?")
    assert tenants.status()["lastError"] is None


def test_an_own_key_that_is_removed_takes_its_agents_with_it(tenants):
    tenants.give_key(ATTACKER[0])
    assert tenants.connect(agent=FOREIGN) == (200, None)
    assert tenants.write(tenants.account["instagramAccountId"]) == [FOREIGN]
    tenants.stack.aws.ssm.delete_parameter(Name="/test-stack/subaccounts/sub_2/retell-api-key")
    tenants.stack.forget_environments()
    asked = len(tenants.stack.questions())
    tenants.write(tenants.account["instagramAccountId"], "Hello?")
    assert len(tenants.stack.questions()) == asked
    assert tenants.status()["lastError"]["code"] == "agent_not_allowed"


def test_the_deployments_key_stored_for_a_subaccount_is_not_its_own(tenants):
    tenants.stack.aws.put_secret(f"subaccounts/{ATTACKER[0]}/retell-api-key", "key_test")
    tenants.stack.forget_environments()
    assert tenants.connect(agent=FOREIGN) == (403, "agent_not_allowed")


# ── connections of older versions


def _age(tenants, *ends):
    """Leave the stored connections as an older version wrote them."""
    tenants.stack.database["instagram_agents"].drop()
    for tenant in ends:
        tenants.stack.database["instagram_connections"].update_one(
            {"_id": "/".join(tenant)}, {"$unset": {"agentBasis": 1}}
        )


def test_a_connection_of_an_older_version_keeps_its_agent(tenants):
    _age(tenants, VICTIM)
    assert tenants.connect((ATTACKER[0], FOREIGN)) == (400, "not_ready")
    assert tenants.write(ACCOUNT) == ["agent_1"]
    assert tenants.connect((ATTACKER[0], FOREIGN)) == (400, "not_ready")


def test_of_older_connections_the_one_with_the_agent_in_its_path_answers(tenants):
    tenants.rule("open")
    tenants.connect(agent=FOREIGN)
    _age(tenants, VICTIM, ATTACKER)
    tenants.rule("own-key")
    assert tenants.write(tenants.account["instagramAccountId"]) == []
    assert tenants.write(ACCOUNT) == ["agent_1"]


def test_an_agent_in_no_path_that_several_older_connections_use_answers_nobody(tenants):
    tenants.rule("open")
    own = {"accessToken": PAGE_TOKEN, "instagramAccountId": ACCOUNT, "pageId": PAGE}
    tenants.connect(VICTIM, agent="agent_x", account=own)
    tenants.connect(agent="agent_x")
    _age(tenants, VICTIM, ATTACKER)
    tenants.rule("own-key")
    assert tenants.write(tenants.account["instagramAccountId"]) == tenants.write(ACCOUNT) == []
    assert tenants.connect(("sub_3", "agent_x")) == (400, "not_ready")
