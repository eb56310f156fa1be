"""The frontend guide tells the truth: its examples are sent, its JavaScript is run, its tables are the code's."""

import ast
import base64
import hmac
import importlib
import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import zxingcpp
from PIL import Image

import connector
from connector import errors
from connector.accounts import ConnectionStatus
from connector.chat import OTHER_APP, PAUSED, RECOVERED_LATE, SEND_UNKNOWN, MessageStatus, Role
from connector.contract.attachments import AttachmentView, ButtonView, CardView, CoordinatesView
from connector.contract.base import Body
from connector.contract.checks import CheckView
from connector.contract.connection import ConnectRequest, Status
from connector.contract.conversations import ConversationView
from connector.contract.deletions import DisconnectRequest, ForgetRequest, Forgotten, RetellView
from connector.contract.exporting import CONTENT_TYPE, MOST_LINES
from connector.contract.menus import MenuRequest, MenuView
from connector.contract.messages import MessageView
from connector.contract.pausing import Paused, PauseRequest
from connector.contract.recovering import Recovered
from connector.contract.sending import SendRequest
from connector.contract.texts import MAX_SPLIT_CHARACTERS
from connector.conversation import policy
from connector.conversation.history import MOST_CHARACTERS, MOST_LOOKED_AT
from connector.http import MAX_BODY_BYTES
from connector.instagram import errors as instagram_errors
from connector.instagram import limits
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.webhook import MAX_BODY_BYTES as MAX_WEBHOOK_BYTES
from local.settings import read_settings
from local.simulators.meta.signed_requests import request_payload, sign_request
from local.template import read_template
from tests.e2e import guide
from tests.e2e.conftest import Agent, System, wait_for
from tests.e2e.test_one_dm import thread, write

CODE = Path(connector.__path__[0])

NOT_TOLD = {
    "outside_error": "the base of what other companies answer: only its subclasses are raised",
    "session_ended": "Retell's: only reply asks Retell, and reply answers nobody over HTTP",
}
"""Codes of the hierarchy that no HTTP answer can bear."""

NOT_SHOWN = {
    *("/api/instagram/webhook", "/api/instagram/deauthorize", "/api/instagram/delete-data"),  # as at an agent's path
    "/api/instagram/deletions/{code}",  # a page for people
}
"""Paths that the guide need not show."""

MADE_BY_A_STEP = {("GET", "/api/instagram/oauth/callback")}
"""Routes that the guide tells of, and that the step "the owner logs in" calls."""

QUICK_START_CONNECT = """
// Connect Instagram
async function connectInstagram() {
  const response = await fetch(
    `/api/database/${subaccountId}/chat-agents/${agentId}/instagram/connect`,
    {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Authorization': `Bearer ${token}`
      },
      body: JSON.stringify({
        accessToken: 'YOUR_TOKEN',
        instagramAccountId: 'YOUR_ACCOUNT_ID',
        pageId: 'YOUR_PAGE_ID',
        webhookVerificationToken: 'YOUR_TOKEN'
      })
    }
  );

  const data = await response.json();
  if (data.success) {
    // Display QR code
    document.getElementById('qr-code').src = data.data.qrCodeDataUrl;
  }
}
"""

QUICK_START_STATUS = """
// Check connection status
async function checkStatus() {
  const response = await fetch(
    `/api/database/${subaccountId}/chat-agents/${agentId}/instagram/status`,
    {
      headers: {
        'Authorization': `Bearer ${token}`
      }
    }
  );

  const data = await response.json();
  console.log('Connected:', data.data.isConnected);
}
"""

QUICK_START_TROUBLESHOOTING = """
**"Authentication failed"**
- Verify access token is valid and has required permissions
- Check token hasn't expired
- Ensure Instagram account is Business/Creator type

**"Webhook not receiving messages"**
- Verify webhook URL is publicly accessible (HTTPS)
- Check webhook is verified in Facebook Developer Console
- Ensure subscribed to correct fields

**"QR code not displaying"**
- Check `qrCodeDataUrl` in response
- Verify image can be rendered (data URL format)
"""


_FAULTS = {"24 hours pass": "close_window", "the access token expires": "expire_token"}


# ── the examples, sent in the guide's order ──────────────────────────────────────────────────────────────────────────


@dataclass
class Walk:
    """The guide's story, played with a tenant, an account and customers of its own."""

    system: System
    agent: Agent
    account: dict[str, Any]
    values: dict[str, str]

    def play(self, example: guide.Example) -> list[str]:
        """Send an example's request and return what of the answer is not as the guide shows it."""
        for event in example.events:
            self._happen(event)
        self._settle()
        method, path, _ = example.request.start.split(" ")
        body = guide.filled(example.request.body, self.values).encode()
        signed = self.values | {"signature": hmac.new(self.system.run["appSecret"].encode(), body, sha256).hexdigest()}
        headers = {name: guide.filled(value, signed) for name, value in example.request.headers.items()}
        url = f"{self.system.run['apiUrl']}{guide.filled(path, self.values)}"
        answer = requests.request(method, url, data=body or None, headers=headers, timeout=30, allow_redirects=False)
        return self._differences(example.answer, answer)

    def _differences(self, shown: guide.Message, answer: requests.Response) -> list[str]:
        status = f"HTTP/1.1 {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
        found = [] if shown.start == status else [f"{status} instead of {shown.start}"]
        if answer.is_redirect:
            goes_on = {"Location": answer.headers["Location"]}
            return found + ([] if shown.headers == goes_on else [f"{goes_on} instead of {shown.headers}"])
        content_type = answer.headers["Content-Type"]
        if shown.headers != {"Content-Type": content_type}:
            found.append(f"Content-Type {content_type} instead of {shown.headers}")
        expected = guide.filled(shown.body, self.values)
        if content_type == CONTENT_TYPE:
            lines = [[json.loads(line) for line in text.splitlines()] for text in (expected, answer.text)]
            return found + guide.differences(*lines, self.values)
        if content_type != "application/json":
            return found + ([] if answer.text == expected else [f"{answer.text!r} instead of {expected!r}"])
        return found + guide.differences(json.loads(expected), answer.json(), self.values)

    def _happen(self, event: str) -> None:
        """Do what a comment of the guide says."""
        name, _, what = event.partition(": ")
        match name:
            case "the customer writes":
                self._write("userId", text=what)
            case "a third customer writes":
                self.values["customerMid"] = self._write("thirdUserId", text=what)
            case "another customer sends a picture":
                self._write("otherUserId", attachments=[{"type": "image", "payload": {"url": what}}])
            case "the agent answers":
                self._wait_for_answer(self.values["newMid"])
            case "the owner logs in":
                self._log_in()
            case "24 hours pass" | "the access token expires":
                self.system.simulator("PUT", "faults", **{_FAULTS[name]: True})
            case "the owner switches off access to messages" | "the owner switches it on again":
                self._allow_messages(allowed="again" in name)
            case "the same day again":
                self.system.simulator("DELETE", "faults")
            case "the account is connected again":
                assert self.agent.connect(self.account, self.values["webhookVerificationToken"]).status_code == 200
            case _:
                raise AssertionError(f"the guide says “{event}”, and the test does not know what that is")

    def _allow_messages(self, *, allowed: bool) -> None:
        path = f"accounts/{self.account['instagramAccountId']}"
        self.system.simulator("PUT", path, allowsMessages=allowed)

    def _log_in(self) -> None:
        """Log in as the account's owner, as far as Meta sends the browser back."""
        url = f"{self.values['loginUrl']}&simulator_account={self.account['instagramAccountId']}"
        back = requests.get(url, timeout=30, allow_redirects=False).headers["Location"]
        query = parse_qs(urlsplit(back).query)
        callback = f"{self.system.run['apiUrl']}/api/instagram/oauth/callback"
        page = requests.get(callback, params={name: query[name][0] for name in ("code", "state")}, timeout=30)
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
        self.values |= {"loginTicket": ticket, "loginState": query["state"][0]}

    def _write(self, who: str, **message: Any) -> str:
        told = self.system.simulator(
            "POST",
            f"users/{self.values[who]}/messages",
            accountId=self.account["instagramAccountId"],
            **message,
        )
        self._wait_for_answer(told["mid"])
        return str(told["mid"])

    def _wait_for_answer(self, mid: str) -> None:
        def is_answered() -> bool:
            (status, error), *_ = [
                (one["status"], one["error"]) for one in self.agent.messages() if one["mid"] == mid
            ] or [(None, None)]
            assert status != "unanswered", f"the agent's turn ended without an answer: {error}"
            return bool(status == "answered")

        wait_for(is_answered, "the agent's answer", seconds=60)

    def _settle(self) -> None:
        """Wait until Meta has echoed what was sent."""
        unsettled = {"received", "pending", "sending", "sent"}
        wait_for(lambda: not any(one["status"] in unsettled for one in self.agent.messages()), "every echo")


@pytest.fixture(scope="module")
def walk(system: System) -> Iterator[Walk]:
    account = system.simulator("POST", "accounts", username=f"guide_{time.time_ns()}")
    agent = system.agent(f"sub_{time.time_ns()}", f"agent_{time.time_ns()}")
    customer, other, third = (system.simulator("POST", "users") for _ in range(3))
    values = {
        "subaccountId": agent.subaccount_id,
        "agentId": agent.agent_id,
        "otherAgentId": f"{agent.agent_id}_2",
        "token": system.token(agent.subaccount_id),
        "accessToken": account["accessToken"],
        "instagramAccountId": account["instagramAccountId"],
        "pageId": account["pageId"],
        "username": account["username"],
        "webhookVerificationToken": "my-verification-token",
        "userId": customer["userId"],
        "customersName": customer["username"],
        "otherUserId": other["userId"],
        "otherCustomersName": other["username"],
        "thirdUserId": third["userId"],
        "now": str(time.time_ns() // 10**6),
        "newMid": f"aWdfZAG1faXRlbToxOk{time.time_ns()}",
        "signedRequest": sign_request(system.run["appSecret"], request_payload("999", time.time_ns() // 10**9)),
    }
    yield Walk(system, agent, account, values)
    system.simulator("DELETE", "faults")


@pytest.fixture(scope="module")
def walked(walk: Walk) -> dict[int, list[str]]:
    """Play all examples; what is wrong with each, by its line. An example may rest on those before it."""
    try:
        return {example.line: walk.play(example) for example in guide.examples()}
    finally:
        walk.system.simulator("DELETE", "faults")


@pytest.mark.parametrize("example", guide.examples(), ids=str)
def test_the_example_gets_the_answer_that_the_guide_shows(walked: dict[int, list[str]], example: guide.Example):
    assert walked[example.line] == []


def test_the_webhook_example_becomes_a_message_of_the_customer(walk: Walk, walked: dict[int, list[str]]):
    mine = [one for one in walk.agent.messages() if one["mid"] == walk.values["newMid"]]
    assert [(one["text"], one["role"], one["userId"]) for one in mine] == [
        ("Where are you?", "user", walk.values["otherUserId"])
    ]


def test_the_examples_show_every_route_of_the_template_that_a_frontend_or_meta_calls():
    shown = {
        (method, path.partition("?")[0])
        for method, path, _ in (example.request.start.split(" ") for example in guide.examples())
    }
    routes = {(route.method, route.path) for function in read_template().functions for route in function.routes}
    assert {(method, path) for method, path in routes if path not in NOT_SHOWN} <= shown | MADE_BY_A_STEP


def test_the_guide_has_no_block_that_is_not_tried():
    assert {block.language for block in guide.blocks()} == {"event", "http", "javascript", "html"}
    assert guide.text().count("```") == 2 * sum(block.language != "event" for block in guide.blocks())


def test_the_guide_says_where_to_look_for_each_of_its_sections():
    sections = re.findall(r"^## (.+)$", guide.text(), re.MULTILINE)
    addresses = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in sections if one != "Where to look"}
    told = [name for row in guide.table("Where to look") for name in re.findall(r"\(#(.+?)\)", row["Sections"])]
    assert sorted(told) == sorted(addresses), "the table at its beginning"


def test_every_link_inside_the_guide_leads_to_one_of_its_headings():
    headings = re.findall(r"^#+ (.+)$", guide.text(), re.MULTILINE)
    addresses = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
    assert set(re.findall(r"\]\(#(.+?)\)", guide.text())) <= addresses


@pytest.mark.parametrize(
    ("shown", "answered", "wrong"),
    [
        pytest.param({"a": 1}, {"a": 1}, 0, id="the same"),
        pytest.param({"a": 1}, {"a": 1, "b": None}, 1, id="a key more"),
        pytest.param({"a": 1, "b": None}, {"a": 1}, 1, id="a key less"),
        pytest.param({"a": None}, {"a": False}, 1, id="another kind of nothing"),
        pytest.param({"a": True}, {"a": 1}, 1, id="a number for a truth"),
        pytest.param([1], [1, 1], 1, id="an item more"),
        pytest.param("{time}", "2026-01-31T09:30:00.000Z", 0, id="a time"),
        pytest.param("{time}", "2026-01-31T09:30:00Z", 1, id="a time without milliseconds"),
        pytest.param(["{id1}", "{id1}"], ["a" * 24, "b" * 24], 1, id="one placeholder for two values"),
        pytest.param(["{id1}", "{id2}"], ["a" * 24, "a" * 24], 1, id="two placeholders for one value"),
        pytest.param("{nobody}", "x", 1, id="a placeholder of no known form"),
        pytest.param({"a": 1, "…": "…"}, {"a": 1, "b": None}, 0, id="the rest of an object"),
        pytest.param({"a": 1, "…": "…"}, {"b": None}, 1, id="a key less before the rest"),
        pytest.param("abc…", "abcd", 0, id="the rest of a text"),
        pytest.param("abc…", "abc", 1, id="no rest"),
        pytest.param("a…c", "abc", 1, id="an ellipsis in the middle is an ellipsis"),
    ],
)
def test_an_answer_differs_from_the_guide_wherever_it_is_not_as_shown(shown: Any, answered: Any, wrong: int):
    assert len(guide.differences(shown, answered, {})) == wrong


# ── the JavaScript, run by node ──────────────────────────────────────────────────────────────────────────────────────

_BROWSER = """
const told = [];
console.log = (...words) => told.push(words);
const image = {};
globalThis.document = { hidden: false, getElementById: (id) => (id === 'qr-code' ? image : null) };
const realFetch = globalThis.fetch;
globalThis.fetch = (path, options) => realFetch(new URL(path, %s), options);
"""

_DRIVE = """
await connectInstagram();
await checkStatus();
const status = await callInstagram('GET', 'status');
const refusal = await callInstagram('POST', 'send', { to: 'x', message: 'Hello!' }).catch((error) => error);
const absent = await callInstagram('GET', 'nothing').catch((error) => error);
const all = await allMessages();
const ofOne = await allMessages(all[0].userId);
const inbox = await allConversations();
const exported = (await exportMessages(all[0].userId)).trim().split('\\n').map((line) => JSON.parse(line));
// Stopped, it leaves nothing to do: else node would not end.
const watched = await new Promise((resolve, reject) => {
  const stop = watchMessages((messages) => { stop(); resolve(messages); }, reject);
});
const loginUrl = await new Promise((assign) => {
  globalThis.location = { assign };
  connectByLogin('instagram', 'https://app.example.com/instagram');
});
const shown = (error) => ({ code: error.code, message: error.message, details: error.details });
process.stdout.write(JSON.stringify(
  { told, image, status, loginUrl, refusal: shown(refusal), absent: shown(absent), all, ofOne, inbox, exported,
    watched },
));
"""

_LOSE_AN_ANSWER = """
const fetchAll = globalThis.fetch;
let lost = 0;
globalThis.fetch = async (...request) => {
  const answer = await fetchAll(...request);
  if (lost++ === 0) throw new TypeError('the connection was closed');
  return answer;
};
process.stdout.write(JSON.stringify(await sendOnce(%s, 'Only once')));
"""


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("snippet", [QUICK_START_CONNECT, QUICK_START_STATUS], ids=["connectInstagram", "checkStatus"])
def test_the_guide_has_the_quick_starts_javascript_word_for_word(snippet: str):
    assert _squeezed(snippet) in [_squeezed(script) for script in guide.scripts()]


def test_the_guide_has_the_quick_starts_troubleshooting_word_for_word():
    section = guide.text().partition("\n## Troubleshooting\n")[2]
    for part in QUICK_START_TROUBLESHOOTING.strip().split("\n\n"):
        assert part in section


@pytest.fixture(scope="module")
def ran(system: System) -> dict[str, Any]:
    """What the guide's JavaScript did, all of it together, in node, for a customer who has written 120 times."""
    account = system.simulator("POST", "accounts", username=f"guide_js_{time.time_ns()}")
    agent = system.agent(f"sub_{time.time_ns()}", f"agent_{time.time_ns()}")
    assert agent.connect(account).status_code == 200
    _receive_messages(agent, account["instagramAccountId"], 120)
    return {"account": account, **_run(agent, account, _DRIVE)}


def _run(agent: Agent, account: dict[str, Any], drive: str) -> Any:
    """Run all of the guide's JavaScript in node, then `drive`, and return what that tells."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("the guide's JavaScript is run by node, which is not installed here and which nothing else needs")
    values = {
        "'YOUR_SUBACCOUNT_ID'": agent.subaccount_id,
        "'YOUR_AGENT_ID'": agent.agent_id,
        "'YOUR_JWT_TOKEN'": agent.system.token(agent.subaccount_id),
        "accessToken: 'YOUR_TOKEN'": account["accessToken"],
        "'YOUR_ACCOUNT_ID'": account["instagramAccountId"],
        "'YOUR_PAGE_ID'": account["pageId"],
        "webhookVerificationToken: 'YOUR_TOKEN'": "my-verification-token",
    }
    script = "\n".join(guide.scripts())
    for name, value in values.items():
        assert script.count(name) == 1, f"{name} stands {script.count(name)} times in the guide's JavaScript"
        script = script.replace(name, name.replace(name[name.index("'") :], json.dumps(value)))
    assert "YOUR_" not in script
    program = _BROWSER % json.dumps(agent.system.run["apiUrl"]) + script + drive
    done = subprocess.run(
        [node, "--input-type=module", "-"], input=program, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _receive_messages(agent: Agent, account_id: str, count: int) -> None:
    """Have a customer's messages stored, in standby: so that nobody answers them."""
    user_id = agent.system.simulator("POST", "users")["userId"]
    now = time.time_ns() // 10**6
    items = [
        {
            "sender": {"id": user_id},
            "recipient": {"id": account_id},
            "timestamp": now - 1000 * count + 1000 * index,
            "message": {"mid": f"{account_id}-{index}", "text": f"Message {index}"},
        }
        for index in range(count)
    ]
    body = {"object": "instagram", "entry": [{"id": account_id, "time": now, "standby": items}]}
    agent.system.post_signed(f"{agent.path}/webhook", json.dumps(body).encode()).raise_for_status()
    last = "?limit=100&userId=" + user_id
    wait_for(lambda: len(_every_message(agent, last)) == count, f"{count} messages")


def _every_message(agent: Agent, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = agent.call("GET", "messages", query=query + cursor).json()["data"]
        found += page["messages"]
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"


def test_connect_instagram_of_the_guide_connects_and_shows_a_qr_code_of_the_profile(ran: dict[str, Any]):
    kind, _, data = ran["image"]["src"].partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == f"https://www.instagram.com/{ran['account']['username']}/" == ran["status"]["instagramUrl"]


def test_check_status_of_the_guide_says_that_the_agent_is_connected(ran: dict[str, Any]):
    assert ran["told"] == [["Connected:", True]]


def test_connect_by_login_of_the_guide_leads_to_the_login(ran: dict[str, Any], system: System):
    assert ran["loginUrl"].startswith(f"{system.run['instagramGraphUrl']}/oauth/authorize?client_id=")


def test_call_instagram_of_the_guide_throws_the_apis_code_message_and_details(ran: dict[str, Any]):
    assert ran["refusal"]["code"] == "invalid_request"
    assert [detail["field"] for detail in ran["refusal"]["details"]] == ["to"]
    assert ran["absent"] == {"code": "no_answer", "message": "HTTP 404", "details": []}


def test_all_messages_of_the_guide_reads_every_page_and_each_message_once(ran: dict[str, Any]):
    assert [one["text"] for one in ran["all"]] == [f"Message {index}" for index in reversed(range(120))]
    assert ran["ofOne"] == ran["all"]


def test_all_conversations_of_the_guide_reads_every_row(ran: dict[str, Any]):
    assert [one["lastMessage"]["id"] for one in ran["inbox"]] == [ran["all"][0]["id"]]


def test_export_messages_of_the_guide_reads_every_line_oldest_first(ran: dict[str, Any]):
    assert [one["id"] for one in ran["exported"]] == [one["id"] for one in reversed(ran["all"])]


def test_send_once_of_the_guide_sends_once_although_its_first_answer_is_lost(
    connected: Agent, account: dict[str, Any], customer: dict[str, Any]
):
    write(connected.system, account, customer, "hello")
    wait_for(connected.messages, "the customer's message")
    sent = _run(connected, account, _LOSE_AN_ANSWER % json.dumps(customer["userId"]))
    stored = [one["id"] for one in connected.messages() if one["text"] == "Only once"]
    at_instagram = [one for one in thread(connected.system, account, customer) if one["text"] == "Only once"]
    assert stored == [sent["id"]]
    assert len(at_instagram) == 1


def test_watch_messages_of_the_guide_shows_the_first_page_oldest_first(ran: dict[str, Any]):
    assert ran["watched"] == ran["all"][:50][::-1]


# ── the tables, compared with the code ───────────────────────────────────────────────────────────────────────────────


def test_the_table_of_all_codes_has_exactly_the_codes_and_statuses_that_the_api_can_answer():
    classes = {(kind.code, kind.status) for kind in _error_classes() if kind.code not in NOT_TOLD}
    refusals = {(reason, errors.refusal(reason, "").status) for reason in _reasons_of_instagram()}
    not_allowed = (policy.WINDOW_CLOSED, policy.OPTED_OUT, SEND_UNKNOWN)
    refusals |= {(reason, errors.NotAllowed.status) for reason in not_allowed}
    rows = guide.table("All codes")
    assert {(row["Code"], HTTPStatus(int(row["HTTP status"]))) for row in rows} == classes | refusals
    assert len(rows) == len(classes | refusals)


def test_the_codes_left_out_of_the_table_exist_and_are_raised_nowhere_that_answers_http():
    assert NOT_TOLD.keys() <= {kind.code for kind in _error_classes()}
    raised = {path.name for path in CODE.rglob("*.py") for name in _called(path) if name == "SessionEnded"}
    assert raised == {"retell.py", "retell_errors.py"}
    assert not [path for path in CODE.rglob("*.py") if "OutsideError" in _called(path)]
    asking = {path.parent.name for path in _function_files() if "connector.wiring.turns" in path.read_text()}
    assert asking == {"reply"}


def test_the_table_of_a_messages_errors_has_exactly_the_codes_that_the_code_can_store():
    kinds = (
        errors.ReconnectNeeded,
        errors.TryLater,
        errors.RateLimited,
        errors.OutcomeUnknown,
        errors.SessionEnded,
    )
    turn, asking = "conversation/turn.py", "conversation/asking.py"
    speaking = _texts("conversation/speaking.py", "Ended", argument=1)
    ended = {"empty_answer", *speaking, *_texts(turn, "Ended", argument=1), *_texts(turn, "_excused", argument=1)}
    lost = {*_texts(asking, "Unproven", argument=0), *_texts(asking, "Refused", argument=0)}
    assert PAUSED in ended
    # A turn that finds its connection unusable ends with the connection's status.
    stopped = {status.value for status in ConnectionStatus} - {ConnectionStatus.CONNECTED.value}
    retell = ("agents/retell.py", "agents/retell_errors.py")
    of_retell = {code for module in retell for code in _texts(module, "Refused", argument=0)}
    bound = set(_texts("lifecycle/binding.py", "Refused", argument=0))
    written = [(CODE / place).read_text() for place in ("conversation/words.py", "storage/chats.py")]
    stored = {code for text in written for code in re.findall(r'\{"code": "(\w+)"\}', text)}
    assert len(of_retell) == 4
    assert len(stored) == 1
    stored |= {OTHER_APP, RECOVERED_LATE, policy.OPTED_OUT}
    expected = {kind.code for kind in kinds} | ended | lost | stopped | of_retell | bound | stored
    expected |= _reasons_of_instagram()
    rows = [row["error.code"] for row in guide.table("Error codes of a message")]
    assert sorted(rows) == sorted(expected)


def test_the_table_of_a_logins_codes_has_exactly_those_that_only_a_login_can_end_with():
    modules = ("lifecycle/login.py", "instagram/oauth.py")
    codes = {code for module in modules for code in _texts(module, "LoginFailed", argument=0)}
    assert sorted(row["code"] for row in guide.table("Codes of a login")) == sorted(codes)
    assert len(codes) == 8


def test_the_table_of_message_statuses_has_exactly_those_of_the_code():
    rows = guide.table("Status of a message")
    assert [row["status"] for row in rows] == [status.value for status in MessageStatus]
    theirs = {row["status"] for row in rows if row["Whose"] == "the customer's"}
    assert theirs == {"received", "answered", "unanswered"}


def test_the_table_of_roles_has_exactly_those_of_the_code():
    assert [row["role"] for row in guide.table("Role")] == [role.value for role in Role]


def test_the_table_of_connection_statuses_has_exactly_those_of_the_code():
    rows = guide.table("Status of a connection")
    assert {row["status"] for row in rows} == {status.value for status in ConnectionStatus}
    assert [row["status"] for row in rows if row["isConnected"] == "true"] == ["connected"]


def test_the_tables_of_fields_have_exactly_those_of_the_contract():
    for heading, model in (
        ("The fields of a message", MessageView),
        ("The fields of a conversation", ConversationView),
        ("The fields of a status", Status),
        ("The fields of a check", CheckView),
        ("Attachments", AttachmentView),
    ):
        assert [row["Field"] for row in guide.table(heading)] == [one.alias for one in model.model_fields.values()]
    for part in (CardView, ButtonView, CoordinatesView):
        for field in part.model_fields.values():
            assert f"`{field.alias}`" in guide.text()


def test_the_fields_of_connect_in_the_guide_are_exactly_those_of_the_contract():
    (first, *_) = (one for one in guide.examples() if "/instagram/connect" in one.request.start)
    shown = [*json.loads(first.request.body), *(row["Field"] for row in guide.table("Connect"))]
    assert sorted(shown) == sorted(str(one.alias) for one in ConnectRequest.model_fields.values())


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("The fields of send", SendRequest),
        ("The fields of pause", PauseRequest),
        ("What pause and resume answer", Paused),
        ("What recover answers", Recovered),
        ("The fields of forget", ForgetRequest),
        ("What forget answers", Forgotten),
        ("What forget answers about Retell", RetellView),
        ("The fields of disconnect", DisconnectRequest),
        ("The fields of the menu", MenuRequest),
        ("The fields of the menu", MenuView),
    ],
)
def test_a_table_has_exactly_the_fields_of_the_contract(heading: str, model: type[Body]):
    fields = {str(one.alias) for one in model.model_fields.values()}
    assert {row["Field"] for row in guide.table(heading)} == fields


def test_the_limits_of_each_kind_of_message_in_the_guide_are_those_of_the_code():
    told = {row["type"]: " ".join(row.values()) for row in guide.table("More than text")}
    for kind, limit in (
        ("text", f"at most {MAX_TEXT_BYTES} bytes in UTF-8, with up to {limits.MAX_QUICK_REPLIES} answers to tap"),
        ("text", f"`title` of at most {limits.MAX_BUTTON_TITLE} characters"),
        ("text", f"`payload` of at most {limits.MAX_PAYLOAD}."),
        ("image", f"1 to {limits.MAX_IMAGES} pictures"),
        ("cards", f"1 to {limits.MAX_ELEMENTS} cards"),
        ("cards", f"`title` of at most {limits.MAX_ELEMENT_TEXT} characters"),
        ("cards", f"`subtitle` (at most {limits.MAX_ELEMENT_TEXT})"),
        ("cards", f"`buttons` (at most {limits.MAX_BUTTONS})"),
        ("buttons", f"at most {limits.MAX_BUTTONS_TEXT} characters with 1 to {limits.MAX_BUTTONS} buttons"),
    ):
        assert limit in told[kind], (kind, limit)
    text = _squeezed(guide.text())
    assert f"`title` of at most {limits.MAX_BUTTON_TITLE} characters and a `payload` of at most" in text
    assert f"a text of up to {MAX_SPLIT_CHARACTERS} characters" in text


def test_the_limits_of_ice_breakers_and_menu_in_the_guide_are_those_of_the_code():
    told = {row["Field"]: row[""] for row in guide.table("The fields of the menu")}
    assert f"1 to {limits.MAX_ICE_BREAKERS} questions" in told["iceBreakers"]
    assert f"`question` of at most {limits.MAX_QUESTION} characters" in told["iceBreakers"]
    assert f"`payload` of at most {limits.MAX_PAYLOAD}." in told["iceBreakers"]
    assert f"1 to {limits.MAX_MENU_ITEMS} items" in told["persistentMenu"]
    assert f"`title` of at most {limits.MAX_MENU_TITLE} characters" in told["persistentMenu"]
    assert f"`payload` of at most {limits.MAX_PAYLOAD} characters" in told["persistentMenu"]


@pytest.mark.parametrize(("minutes", "is_taken"), [(0, False), (1, True), (43_200, True), (43_201, False)])
def test_a_pause_lasts_as_long_as_the_guide_says(connected: Agent, minutes: int, is_taken: bool):
    assert connected.call("POST", "pause", {"minutes": minutes}).ok is is_taken
    assert "1 to 43200" in guide.text()


def test_the_limits_that_the_guide_names_are_those_of_the_code(tmp_path: Path):
    text = _squeezed(guide.text())
    assert f"at most {MAX_TEXT_BYTES} bytes in UTF-8" in text
    assert f"over {MAX_BODY_BYTES // 1024} KiB (on the webhook: {MAX_WEBHOOK_BYTES // 1024 // 1024} MiB)" in text
    assert f"`http://localhost:{read_settings({'LOCAL_DIR': str(tmp_path)}).port}`" in text
    assert f"in capitals or not: 1 to {MOST_CHARACTERS} characters" in text
    assert f"one call looks at {MOST_LOOKED_AT} at most" in text
    assert f"An answer has at most {MOST_LINES} lines" in text


def test_connecting_and_disconnecting_twice_is_a_success_as_the_guide_says(agent: Agent, account: dict[str, Any]):
    assert [agent.connect(account).status_code for _ in range(2)] == [200, 200]
    assert [agent.call("POST", "disconnect").json()["data"] for _ in range(2)] == [{"isConnected": False}] * 2


def test_a_field_that_the_api_does_not_know_is_named_in_the_details_as_the_guide_says(agent: Agent):
    answer = agent.call("POST", "send", {"to": "1", "message": "Hello!", "colour": "red"}).json()
    assert [detail["field"] for detail in answer["error"]["details"]] == ["colour"]


@pytest.mark.parametrize("limit", [0, 1, 100, 101])
def test_a_page_has_1_to_100_messages_as_the_guide_says(agent: Agent, limit: int):
    assert agent.call("GET", "messages", query=f"?limit={limit}").ok is (1 <= limit <= 100)


def test_a_page_without_a_limit_has_50_messages_as_the_guide_says(ran: dict[str, Any], system: System):
    status = ran["status"]["webhookPath"].split("/")
    agent = system.agent(status[3], status[5])
    assert len(agent.messages()) == 50


def test_h19_an_origin_that_is_not_allowed_gets_no_cors_headers(agent: Agent):
    headers = {"Origin": "https://elsewhere.example.com", "Access-Control-Request-Method": "GET"}
    url = f"{agent.system.run['apiUrl']}{agent.path}/status"
    for method in ("OPTIONS", "GET"):
        answer = requests.request(method, url, headers=headers, timeout=30)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


# ── each refusal, provoked ───────────────────────────────────────────────────────────────────────────────────────────

_PROVOKED = {
    **instagram_errors.REASONS,
    (10, None): "permission_missing",
    (100, 33): "try_later",
    (200, None): "app_access_missing",
    (100, None): "graph_refused",
    (190, 463): "reconnect_needed",
    (613, None): "rate_limited",
    (2, None): "outcome_unknown",
}


@pytest.mark.parametrize(("code", "subcode"), _PROVOKED)
def test_what_meta_refuses_reaches_the_frontend_with_the_code_and_status_of_the_table(
    connected: Agent, customer: dict[str, Any], code: int, subcode: int | None
):
    connected.system.simulator("PUT", "faults", fail_sends={"code": code, "subcode": subcode, "status": 400})
    try:
        answer = connected.call("POST", "send", {"to": customer["userId"], "message": "Hello!"})
    finally:
        connected.system.simulator("DELETE", "faults")
    reason = _PROVOKED[code, subcode]
    told = answer.json()["error"]["code"], str(answer.status_code)
    assert told[0] == reason
    assert told in [(row["Code"], row["HTTP status"]) for row in guide.table("All codes")]
    (stored,) = connected.messages()
    assert stored["status"] == ("unknown" if reason == "outcome_unknown" else "failed")
    assert stored["error"]["code"] == reason
    assert reason in [row["error.code"] for row in guide.table("Error codes of a message")]


# ── what of the code the tables are compared with ────────────────────────────────────────────────────────────────────


def _error_classes() -> set[type[errors.ConnectorError]]:
    """Return every class of the hierarchy but those whose code is their reason."""
    found: set[type[errors.ConnectorError]] = set()
    waiting = [errors.ConnectorError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return found - {errors.Refused, errors.Undeliverable, errors.NotAllowed, errors.LoginFailed}


def _reasons_of_instagram() -> set[str]:
    """Return every reason that Meta's errors come out as. (`not_professional` is told as authentication_failed.)"""
    return {*instagram_errors.TEXTS}


def _texts(path: str, name: str, *, argument: int) -> list[str]:
    """Return the texts that a module of the connector may give to `name(…)` as its n-th argument."""
    module = importlib.import_module(".".join(["connector", *Path(path).with_suffix("").parts]))
    calls = (node for node in ast.walk(ast.parse((CODE / path).read_text())) if isinstance(node, ast.Call))
    arguments = [
        call.args[argument]
        for call in calls
        if name in (getattr(call.func, "id", None), getattr(call.func, "attr", None)) and len(call.args) > argument
    ]
    return [text for one in arguments for text in _texts_of(one, vars(module))]


def _texts_of(node: ast.expr, names: Mapping[str, Any]) -> list[str]:
    """Return what an expression may come to: its own texts and the module's constants. What it is given is unknown."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) if isinstance(names.get(name), str):
            return [names[name]]
        case ast.BoolOp(values=choices):
            return [text for choice in choices for text in _texts_of(choice, names)]
        case ast.IfExp(body=one, orelse=other):
            return _texts_of(one, names) + _texts_of(other, names)
        case _:
            return []


def _called(path: Path) -> set[str]:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def _function_files() -> list[Path]:
    return sorted(guide.PATH.parents[1].glob("functions/*/app.py"))
