"""Two tenants, each of whom tries to see, use, forge and break the other's connection, on every route there is.

The routes come from template.yaml, so that a new one is attacked as well.
"""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import requests

from local.template import read_template
from tests.e2e.conftest import Agent, System, wait_for
from tests.e2e.test_one_dm import answers, thread, write

_PREFIX = "/api/database/{subaccountId}/chat-agents/{agentId}/instagram/"
_METAS = ("/webhook", "/deauthorize", "/delete-data")
_ROUTES = [route for function in read_template().functions for route in function.routes]
TENANTS_ROUTES = [
    (route.method, route.path.removeprefix(_PREFIX))
    for route in _ROUTES
    if route.path.startswith(_PREFIX) and not route.path.endswith(_METAS)
]
META_ROUTES = [route.path for route in _ROUTES if not route.path.startswith(_PREFIX) and route.method == "POST"]

each_way = pytest.mark.parametrize("attack", [0, 1], indirect=True, ids=["a-attacks-b", "b-attacks-a"])


@dataclass(frozen=True)
class Side:
    """One tenant: an agent, its account with an app of its own, and a customer who has been answered."""

    agent: Agent
    account: dict[str, Any]
    customer: dict[str, Any]
    app_secret: str
    verify_token: str

    @property
    def body(self) -> dict[str, str]:
        return {
            "accessToken": self.account["accessToken"],
            "instagramAccountId": self.account["instagramAccountId"],
            "pageId": self.account["pageId"],
            "webhookVerificationToken": self.verify_token,
            "appSecret": self.app_secret,
        }


@dataclass(frozen=True)
class Attack:
    """Who does it to whom."""

    system: System
    attacker: Side
    victim: Side

    def call(self, path: str, method: str, body: Any = None, query: str = "", **headers: str) -> requests.Response:
        """Call a path as the attacker."""
        token = self.system.token(self.attacker.agent.subaccount_id)
        headers = {"Authorization": f"Bearer {token}"} | headers
        return requests.request(
            method,
            f"{self.system.run['apiUrl']}{path}{query}",
            json=body if method != "GET" else None,
            headers=headers,
            timeout=30,
        )

    def own(self, method: str, verb: str, body: Any = None, query: str = "") -> requests.Response:
        """Call the attacker's own connection."""
        return self.call(f"{self.attacker.agent.path}/{verb}", method, body, query)

    def body_of(self, verb: str) -> Any:
        """Return what a route takes, about the victim's customer."""
        user_id = self.victim.customer["userId"]
        return {
            "connect": self.attacker.body,
            "send": {"to": user_id, "message": "I am in your conversation"},
            "pause": {"userId": user_id, "minutes": 5},
            "resume": {"userId": user_id},
            "menu": {"iceBreakers": None},
            "disconnect": {"purge": True},
            "forget": {"userId": user_id},
            "recover": {"userId": user_id},
        }.get(verb, {})

    def post(self, path: str, body: bytes, secret: str) -> int:
        """POST a body to a webhook, signed with a secret."""
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return self.system.post_signed(path, body, signature=signature).status_code


def _side(system: System, name: str) -> Side:
    agent = system.agent(f"sub_{name}_{time.time_ns()}", f"agent_{name}_{time.time_ns()}")
    account, customer = system.simulator("POST", "accounts"), system.simulator("POST", "users")
    side = Side(
        agent, account, customer, hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), f"verify-{name}"
    )
    answer = agent.call("POST", "connect", side.body)
    assert answer.status_code == 200, answer.text
    questions = {"default": [{"question": f"A question to {name}?", "payload": name}]}
    assert agent.call("POST", "menu", {"iceBreakers": questions}).status_code == 200
    write(system, account, customer, f"a question that only {name} knows")
    wait_for(lambda: answers(system, account, customer), "the answer")
    wait_for(lambda: [one["status"] for one in agent.messages()] == ["delivered", "answered"], "the end of the turn")
    return side


@pytest.fixture(scope="module")
def sides(system: System) -> tuple[Side, Side]:
    return _side(system, "a"), _side(system, "b")


def _seen(system: System, side: Side) -> dict[str, Any]:
    """Return everything about a tenant that another could have changed."""
    agent = side.agent

    def told(verb: str) -> Any:
        answer = agent.call("GET", verb)
        assert answer.status_code == 200, answer.text
        return answer.text if verb == "export" else answer.json()["data"]

    status = told("status")
    return {
        "connection": [status[name] for name in ("isConnected", "status", "instagramAccountId", "connectedAt")],
        "last event": status["lastEventAt"],
        "messages": told("messages"),
        "conversations": told("conversations"),
        "export": told("export"),
        "menu": told("menu"),
        "thread": [message["text"] for message in thread(system, side.account, side.customer)],
        "subscribed": system.simulator("GET", f"accounts/{side.account['instagramAccountId']}")["subscribedFields"],
    }


@pytest.fixture
def attack(system: System, sides: tuple[Side, Side], request: pytest.FixtureRequest) -> Iterator[Attack]:
    """An attack after which the victim must be as before."""
    attacker, victim = sides if request.param == 0 else sides[::-1]
    before = _seen(system, victim)
    yield Attack(system, attacker, victim)
    assert _seen(system, victim) == before


@pytest.fixture
def unheard(attack: Attack) -> Iterator[None]:
    """Wait, after the attack, until what it may have put into the queues has been taken from them."""
    yield
    about = len([one for one in attack.attacker.agent.messages() if one["role"] == "user"])
    write(attack.system, attack.attacker.account, attack.attacker.customer, f"another question, after {about}")
    wait_for(
        lambda: len([m for m in attack.attacker.agent.messages() if m["status"] == "answered"]) > about, "its answer"
    )


# ── the other's path


def _told(answer):
    """Return the error of an answer without its request id, which differs each time."""
    return {name: value for name, value in answer.json()["error"].items() if name != "requestId"}


@each_way
def test_h5_the_other_tenants_paths_are_ones_that_do_not_exist(attack):
    let_in = []
    for method, verb in TENANTS_ROUTES:
        body = attack.body_of(verb)
        theirs = attack.call(f"{attack.victim.agent.path}/{verb}", method, body)
        nobodys = attack.call(f"{attack.system.agent('sub_nobody', 'agent_nobody').path}/{verb}", method, body)
        if (theirs.status_code, _told(theirs)) != (404, _told(nobodys)):
            let_in.append((method, verb, theirs.status_code, theirs.text))
    assert let_in == []


@each_way
@pytest.mark.parametrize("key", ["the app secret", "none", "the agent of another subaccount"])
def test_h2_h5_a_forged_token_opens_no_path(attack, key):
    agent, at = attack.victim.agent, int(time.time())
    claims = {"sub": "x", "iat": at, "exp": at + 600, "subaccountId": agent.subaccount_id}
    if key == "the agent of another subaccount":
        token = attack.system.token(attack.attacker.agent.subaccount_id, agentIds=[agent.agent_id])
    elif key == "none":
        token = jwt.encode(claims, None, algorithm="none")
    else:
        token = jwt.encode(claims, attack.attacker.app_secret.ljust(32, "x"), algorithm="HS256")
    expected = 404 if key == "the agent of another subaccount" else 401
    told = {
        (method, verb): agent.call(
            method, verb, attack.body_of(verb) if method != "GET" else None, token=token
        ).status_code
        for method, verb in TENANTS_ROUTES
    }
    assert told == dict.fromkeys(TENANTS_ROUTES, expected)


# ── the other's customers, cursors and messages, from the own path


@each_way
def test_h9_nothing_of_the_other_tenants_is_read_from_the_own_path(attack):
    secret = next(one["text"] for one in attack.victim.agent.messages() if one["role"] == "user")
    user_id = attack.victim.customer["userId"]
    for verb in ("messages", "conversations", "export", "status"):
        assert secret not in attack.own("GET", verb).text
    for verb in ("messages", "export"):
        assert secret not in attack.own("GET", verb, query=f"?userId={user_id}").text
    assert attack.own("GET", "messages", query=f"?userId={user_id}").json()["data"]["messages"] == []


@each_way
def test_h9_the_other_tenants_cursor_is_no_cursor(attack):
    cursor = attack.victim.agent.call("GET", "messages", query="?limit=1").json()["data"]["nextCursor"]
    assert cursor
    answer = attack.own("GET", "messages", query=f"?cursor={cursor}")
    assert answer.status_code == 400 or attack.victim.customer["userId"] not in answer.text


@each_way
@pytest.mark.parametrize("verb", ["send", "pause", "resume", "forget"])
def test_h5_the_other_tenants_customer_cannot_be_reached_from_the_own_path(attack, verb):
    answer = attack.own("POST", verb, attack.body_of(verb))
    assert answer.status_code in (202, 404, 409, 502) or answer.json()["data"].get("deleted", 0) == 0, answer.text


@each_way
def test_h5_the_other_tenants_messages_cannot_be_reacted_to_or_answered(attack):
    mid = next(one["mid"] for one in attack.victim.agent.messages() if one["role"] == "user")
    user_id = attack.victim.customer["userId"]
    attack.own("POST", "send", {"to": user_id, "message": {"type": "reaction", "mid": mid, "reaction": "love"}})
    attack.own("POST", "send", {"to": user_id, "message": "hi", "replyTo": mid})


@each_way
@pytest.mark.parametrize("flavour", ["with the Page's token", "with the account's token"])
def test_i1_the_other_tenants_account_cannot_be_connected_even_with_its_token(attack, flavour):
    body = attack.victim.body | {"webhookVerificationToken": "mine"}
    if flavour == "with the account's token":
        body = {name: value for name, value in body.items() if name != "pageId"}
        body["accessToken"] = attack.victim.account["instagramAccessToken"]
    answer = attack.own("POST", "connect", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_in_use")
    assert attack.victim.agent.agent_id not in answer.text
    assert attack.own("GET", "status").json()["data"]["isConnected"], "the attacker's own connection stands"


# ── forged events, also with the own app's secret


def _dm(account: dict[str, Any], customer: dict[str, Any], text: str) -> bytes:
    ends = {"sender": {"id": customer["userId"]}, "recipient": {"id": account["instagramAccountId"]}}
    moment = int(time.time() * 1000)
    item = ends | {"timestamp": moment, "message": {"mid": f"forged-{time.time_ns()}", "text": text}}
    entry = {"time": moment, "id": account["instagramAccountId"], "messaging": [item]}
    return json.dumps({"object": "instagram", "entry": [entry]}, separators=(",", ":")).encode()


@each_way
def test_i7_an_event_for_the_other_tenant_is_not_believed_on_its_path_or_on_everybodys(attack):
    body = _dm(attack.victim.account, attack.victim.customer, "forged")
    for path in (f"{attack.victim.agent.path}/webhook", "/api/instagram/webhook"):
        for secret in (attack.attacker.app_secret, attack.attacker.verify_token, ""):
            assert attack.post(path, body, secret) == 401


@each_way
@pytest.mark.usefixtures("unheard")
def test_i11_an_event_for_the_other_tenant_on_the_own_path_with_the_own_secret_changes_nothing(attack):
    path = f"{attack.attacker.agent.path}/webhook"
    body = json.loads(_dm(attack.victim.account, attack.victim.customer, "forged"))
    disguised = json.loads(json.dumps(body))
    disguised["entry"][0]["id"] = attack.attacker.account["instagramAccountId"]
    mid = attack.victim.agent.messages()[-1]["mid"]
    unsend = json.loads(json.dumps(body))
    unsend["entry"][0]["messaging"][0]["message"] = {"mid": mid, "is_deleted": True}
    own_unsend = json.loads(_dm(attack.attacker.account, attack.victim.customer, "x"))
    own_unsend["entry"][0]["messaging"][0]["message"] = {"mid": mid, "is_deleted": True}
    for forged in (body, disguised, unsend, own_unsend):
        raw = json.dumps(forged, separators=(",", ":")).encode()
        assert attack.post(path, raw, attack.attacker.app_secret) == 200, "it is signed; what it says is not believed"


@each_way
def test_the_other_tenants_webhook_does_not_answer_the_own_handshake(attack):
    challenge = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    for token in (attack.attacker.verify_token, "", attack.attacker.app_secret):
        answer = requests.get(
            f"{attack.system.run['apiUrl']}{attack.victim.agent.path}/webhook",
            params=challenge | {"hub.verify_token": token},
            timeout=30,
        )
        assert (answer.status_code, "1158201444" in answer.text) == (403, False)


@each_way
def test_j7_metas_callbacks_believe_nothing_that_is_signed_with_the_own_secret(attack):
    believed = []
    for path in (*META_ROUTES, *(attack.victim.agent.path + verb for verb in _METAS)):
        for name in ("ownerId", "appScopedId", "instagramAccountId", "pageId"):
            for secret in (attack.attacker.app_secret, "", attack.victim.verify_token):
                answer = _call_back(attack, path, attack.victim.account[name], secret)
                if answer.status_code not in (400, 401):
                    believed.append((path, name, answer.status_code))
    assert believed == []


@each_way
def test_j7_on_the_own_path_the_own_secret_says_nothing_about_the_other_tenant(attack):
    named = [*(attack.victim.account[name] for name in ("ownerId", "appScopedId")), attack.victim.customer["userId"]]
    for verb in ("/deauthorize", "/delete-data"):
        for user_id in named:
            answer = _call_back(attack, attack.attacker.agent.path + verb, user_id, attack.attacker.app_secret)
            assert answer.status_code == 200, "it is signed; the fixture looks whether the other has lost anything"


def _call_back(attack: Attack, path: str, user_id: str, secret: str) -> requests.Response:
    """Call one of Meta's callbacks about a person, signed with a secret."""
    payload = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": user_id}
    encoded = urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    made = hmac.new(secret.encode(), encoded, hashlib.sha256).digest()
    form = {"signed_request": f"{urlsafe_b64encode(made).rstrip(b'=').decode()}.{encoded.decode()}"}
    return requests.post(f"{attack.system.run['apiUrl']}{path}", data=form, timeout=30)


# ── and then


def test_both_are_served_as_before(system, sides):
    for side in sides:
        known = len(answers(system, side.account, side.customer))
        write(system, side.account, side.customer, "And what is on the menu?")
        wait_for(lambda side=side, known=known: len(answers(system, side.account, side.customer)) > known, "the answer")
