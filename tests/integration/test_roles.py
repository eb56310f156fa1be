"""The roles, by a recorded run: each call of AWS is allowed by the function's role, and each permission is used.

The run takes every function through every path that calls AWS, with connections as they are stored now and as older
versions stored them. A refused call fails the run with a sentence; `deployment` and `stack` hold all other tests to the
roles as well (tests/integration/enforcing.py). A permission that no call uses fails unless it has a reason here.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.roles import Permission, resolved
from tests.conftest import PREFIX
from tests.contract.deployment import deployment
from tests.integration.enforcing import values_with
from tests.integration.forms import Form
from tests.integration.stack import Stack, running_stack
from tests.unit.payloads import ACCOUNT, PAGE, signed_headers

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

REASONS = {
    "logs:CreateLogStream": "The Lambda runtime writes the logs.",
    "logs:PutLogEvents": "The Lambda runtime writes the logs.",
    "xray:PutTraceSegments": "The Lambda runtime writes the traces.",
    "xray:PutTelemetryRecords": "The Lambda runtime writes the traces.",
    "sqs:ReceiveMessage": "The event source mapping polls with the function's role.",
    "sqs:DeleteMessage": "The event source mapping polls with the function's role.",
    "sqs:GetQueueAttributes": "The event source mapping polls with the function's role.",
}
"""Actions that AWS's own code uses with the role, not the function's code."""

RARE = {
    ("refresh", "ssm:DeleteParameters"): "Used where a connection ends while its token is renewed, "
    "as tests/integration/test_refresh.py has it.",
    ("ingest", "sqs:SendMessage"): "Used for the inbox where the database is away for hours, "
    "as tests/integration/test_outages.py has it.",
}
"""Actions of single functions that only a race or an outage uses."""

VERIFY = "meatyhamhock"
OWN_SECRET = "0123456789abcdef0123456789abcdef"
CONNECT = {
    "instagramAccountId": ACCOUNT,
    "pageId": PAGE,
    "webhookVerificationToken": VERIFY,
}
START = "/api/database/sub_1/chat-agents/agent_1/instagram"


class Run:
    """Takes the functions through what they do."""

    def __init__(self, stack: Stack, *, old: bool) -> None:
        self.stack = stack
        self.old = old
        """Whether connections are stored as older versions did."""
        assert stack.site is not None
        self.url = stack.site.url

    def everything(self) -> None:
        """Use every function."""
        self.connected()
        self._read_and_write()
        self._converse()
        self._call_back()
        self._lose_and_find()
        self._end()
        self._log_in()
        self._renew()
        self.invoke("indexes")

    def connected(self, **changes: Any) -> None:
        """Connect the agent."""
        body = CONNECT | {"accessToken": self._token("page", pageId=PAGE)} | changes
        self._ok(self.stack.call("POST", "connect", body))
        if self.old:
            self._as_older_versions()

    def invoke(self, name: str) -> None:
        """Have a schedule invoke a function."""
        (function,) = [one for one in self.stack.template.functions if one.name == name]
        self.stack.invoke(function, {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"})

    def _read_and_write(self) -> None:
        for verb in ("messages", "conversations", "export", "menu"):
            self._ok(self.stack.call("GET", verb))
        self._ok(self.stack.call("GET", "status", live="true"))
        self._ok(self.stack.call("POST", "menu", {"iceBreakers": None}))
        for verb in ("pause", "resume"):
            self._ok(self.stack.call("POST", verb, {}))

    def _converse(self) -> None:
        self.user = str(self.stack.simulate("POST", "users")["userId"])
        self.stack.write("What are your hours?", user=self.user)
        self.stack.settle()
        self._ok(self.stack.call("POST", "send", {"to": self.user, "message": "And until six."}))
        self.stack.settle()

    def _call_back(self) -> None:
        """Have strangers and Meta call, signed with secrets that the deployment does not know."""
        url = f"{self.url}{START}"
        challenge = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1"}
        self._ok(requests.get(f"{url}/webhook", params=challenge, timeout=30))
        headers = signed_headers(b"{}", OWN_SECRET)
        assert requests.post(f"{url}/webhook", data=b"{}", headers=headers, timeout=30).status_code == 401
        form = {"signed_request": f"{'A' * 43}.{urlsafe_b64encode(b'{}').decode().rstrip('=')}"}
        for verb in ("deauthorize", "delete-data"):
            assert requests.post(f"{url}/{verb}", data=form, timeout=30).status_code == 401
        self.stack.settle()

    def _lose_and_find(self) -> None:
        """Lose webhooks, queue messages and answers, so that they have to be found again."""
        stack = self.stack
        stack.write("Hello?", user=self.user, hintOnly=True)
        stack.settle()
        stack.write("Is there anybody?", user=self.user, silent=True)
        stack.clock.shift(timedelta(minutes=10))
        self._ok(stack.call("POST", "recover", {}))
        stack.settle()
        stack.write("I write again.", user=self.user, silent=True)
        stack.clock.shift(timedelta(hours=2))
        self.invoke("compare")
        stack.settle()
        stack.write("And again.", user=self.user)
        stack.take_in()
        stack.aws.bodies(stack.queues["TurnQueue"])  # lost
        stack.clock.shift(timedelta(minutes=10))
        stack.sweep()
        stack.settle()
        self._put_off()

    def _put_off(self) -> None:
        """Have MongoDB fail once for ingest, and once for reply, and Retell once for reply."""
        stack = self.stack
        data = {"failCommands": ["find", "findAndModify"], "errorCode": 8000, "appName": "instagram-connector"}
        fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
        stack.write("Once more.", user=self.user)
        stack.database.client.admin.command(fail)
        stack.take_in()
        stack.clock.shift(timedelta(seconds=30))
        stack.take_in()
        stack.database.client.admin.command(fail)
        stack.settle()

        stack.agent("PUT", "faults", fail_completions={"status": 503, "times": 1})
        stack.write("One thing.", user=self.user)
        stack.settle()

    def _end(self) -> None:
        stack = self.stack
        self._ok(stack.call("POST", "forget", {"userId": self.user}))
        self.connected()
        self._later("refresh")
        self._over(self._by_token)
        self._later("erase")
        self.connected()
        self._ok(self._by_token(self._first()))
        self._later("erase")
        self.connected()
        self._ok(stack.call("POST", "disconnect"))
        self._ok(stack.call("POST", "disconnect", {"purge": True}))
        self._later("erase")
        start = f"{self.url}/api/instagram"
        stack.simulate(
            "POST", "callbacks", deauthorizeUrl=f"{start}/deauthorize", dataDeletionUrl=f"{start}/delete-data"
        )
        for name in ("deauthorize", "data-deletion"):
            self.connected()
            told = stack.simulate("POST", name, accountId=ACCOUNT)
            assert told["status"] == 200, told
            self._later("erase")
        code = json.loads(told["body"])["url"].rpartition("/")[2]
        self._ok(requests.get(f"{start}/deletions/{code}", timeout=30))

    def _log_in(self) -> None:
        self.connected()
        self._over(self._by_login)
        self._later("erase")

    def _over(self, join: Callable[[Any], requests.Response]) -> None:
        """Join to another account, then to the first one, then to one that another agent has joined meanwhile."""
        accounts = [self.stack.simulate("POST", "accounts") for _ in range(2)]
        self._ok(join(accounts[0]))
        if self.old:
            self._as_older_versions()
        self._ok(join(self._first()))
        self.stack.clock.shift(timedelta(hours=1))
        self.stack.calls.interrupt("POST subscribed_apps", lambda: self._ok(self._by_token(accounts[1], "agent_2")))
        assert join(accounts[1]).status_code == 409
        self._ok(self.stack.call("POST", "disconnect", agent="agent_2"))

    def _first(self) -> Any:
        (account,) = [one for one in self.stack.simulate("GET", "state")["accounts"] if _account(one) == ACCOUNT]
        return account

    def _by_token(self, account: Any, agent: str = "agent_1") -> requests.Response:
        token = self._token("page", pageId=account["pageId"])
        body = {"accessToken": token, "instagramAccountId": _account(account), "pageId": account["pageId"]}
        return self.stack.call("POST", "connect", body | {"webhookVerificationToken": VERIFY}, agent=agent)

    def _by_login(self, account: Any) -> requests.Response:
        invited = self.stack.call("GET", "authorize", login="instagram")
        self._ok(invited)
        self.stack.simulate("PUT", "dialog", accountId=_account(account))
        back = requests.get(invited.json()["data"]["url"], timeout=30, allow_redirects=False).headers["Location"]
        query = {name: one for name, (one,) in parse_qs(urlsplit(back).query).items()}
        url = f"{self.url}/api/instagram/oauth/callback"
        page = requests.get(url, params=query, timeout=30)
        if "<form" not in page.text:
            return page
        form = Form(page.text)
        return requests.post(url, data=form.fields | {"account": form.buttons["Connect"]}, timeout=30)

    def _renew(self) -> None:
        self._ok(self._by_login(self._first()))
        if self.old:
            self._as_older_versions()
        self.stack.clock.shift(timedelta(days=55))
        self.invoke("refresh")
        self.stack.simulate("PUT", "dialog")

    def _later(self, function: str) -> None:
        self.stack.clock.shift(timedelta(hours=1))
        self.invoke(function)

    def _token(self, kind: str, **of: Any) -> str:
        return str(self.stack.simulate("POST", "tokens", kind=kind, **of)["token"])

    def _as_older_versions(self) -> None:
        """Store the connection's secrets under the names of older versions, and forget its newer ones."""
        ssm, start = self.stack.aws.ssm, f"{PREFIX}/connections/sub_1/agent_1"
        for kind in ("access-token", "webhook"):
            found = ssm.get_parameters_by_path(Path=f"{start}/{kind}", WithDecryption=True)["Parameters"]
            newest = max(found, key=lambda one: one["LastModifiedDate"])
            ssm.delete_parameters(Names=[one["Name"] for one in found])
            self.stack.aws.put_secret(f"connections/sub_1/agent_1/{kind}", newest["Value"])
        version = ssm.get_parameter(Name=f"{start}/access-token")["Parameter"]["Version"]
        changed = {"$set": {"secretsId": None, "tokenVersion": version}}
        self.stack.database["instagram_connections"].update_one({"_id": "sub_1/agent_1"}, changed)
        self.stack.forget_environments()

    @staticmethod
    def _ok(answer: requests.Response) -> None:
        assert answer.status_code < 300, answer.text


def _account(shown: Any) -> str:
    return str(shown["instagramAccountId"])


@pytest.fixture(scope="module")
def recorded(module_aws, mongodb, mongodb_uri) -> Iterator[Stack]:
    """A stack in which everything was used."""
    database = mongodb["roles"]
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    with pytest.MonkeyPatch.context() as patch, running_stack(module_aws, database, uri, patch.setenv) as stack:
        stack.starts_cold = True
        for old in (False, True):
            Run(stack, old=old).everything()
        yield stack
    mongodb.drop_database(database.name)


def test_the_recorded_run_reaches_every_function(recorded):
    assert set(recorded.invoked) == {function.name for function in recorded.template.functions}


def test_every_call_of_aws_is_allowed_by_the_functions_role(recorded):
    assert recorded.enforcement.refused == []


def test_every_statement_is_used_or_has_a_reason(recorded):
    """Each statement with each of its actions, and with each of its resources."""
    used = {part for one in recorded.enforcement.used for part in _parts(one)}
    allowed = [one for role in recorded.enforcement.roles.values() for one in role.permissions]
    unused = {part for one in allowed if one.action not in REASONS for part in _parts(one)} - used
    unexplained = sorted(part for part in unused if part[::2] not in RARE)
    assert not unexplained, "\n".join(
        f"{function}: nothing uses {part} of {sid}" for function, sid, part in unexplained
    )


def test_a_reason_is_for_something_that_is_allowed(recorded):
    allowed = {one for role in recorded.enforcement.roles.values() for one in role.permissions}
    assert {one.action for one in allowed} >= set(REASONS)
    assert {(one.function, one.action) for one in allowed} >= set(RARE)


def _parts(one: Permission) -> set[tuple[str, str, str]]:
    return {(one.function, one.statement, part) for part in (one.action, one.resource)}


def test_the_roles_are_those_that_deploy(recorded):
    values = values_with({name: name for name in recorded.queues})
    for folder, role in recorded.enforcement.roles.items():
        assert role.statements == tuple(resolved(one, values) for one in deployment().statements(folder))
