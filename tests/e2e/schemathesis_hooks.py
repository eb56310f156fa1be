"""What Schemathesis cannot know by itself: which ids mean something, and how Meta signs.

It loads this in a process of its own (`hooks` in schemathesis.toml).
"""

import hmac
import json
import os
import re
import time
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

from local.openapi.guide import SAMPLES
from local.simulators.meta.signed_requests import request_payload, sign_request

REAL = {
    SAMPLES["subaccountId"]: os.environ["SUBACCOUNT_ID"],
    SAMPLES["agentId"]: os.environ["AGENT_ID"],
    SAMPLES["accessToken"]: os.environ["ACCESS_TOKEN"],
    SAMPLES["instagramAccountId"]: os.environ["ACCOUNT_ID"],
    SAMPLES["pageId"]: os.environ["PAGE_ID"],
    SAMPLES["webhookVerificationToken"]: os.environ["VERIFY_TOKEN"],
    SAMPLES["userId"]: os.environ["USER_ID"],
    SAMPLES["otherUserId"]: os.environ["USER_ID"],
    SAMPLES["thirdUserId"]: os.environ["USER_ID"],
    SAMPLES["customerMid"]: os.environ["MID"],
}

STEPS_WITHOUT = 3
"""How many steps a story goes on after it has connected something else, or has disconnected."""


@dataclass
class Without:
    """Whether the account is connected no more."""

    steps_left: int | None = None
    """For so many steps; None where it is connected."""
    connected: list[str] = field(default_factory=list)
    """The paths at which something was connected meanwhile."""


without = Without()

UNSAYABLE = re.compile(
    r"has \d+ bytes in UTF-8; Instagram takes at most 1000"  # JSON Schema counts characters
    r"|must be a time in ISO 8601, .*"  # what it knows of times has February, 30
    r"|is not one of the deployment's ReturnUrls, to the letter"  # each deployment has its own
    r"|must be later than since"  # it looks at each parameter alone
    r"|must be the id of the Facebook Page; .*|must be left out: with Instagram Login .*"  # which it is, the token says
    r"|must be a nextCursor that this endpoint has returned"  # and knows of no other answer
)

OF_META = ("authentication_failed", "page_not_linked", "not_ready", "rate_limited")
"""Refusals of what only Meta can know of a token or an account."""


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Let the examples speak of the account, the agent and the customer that there are."""
    text = json.dumps(raw_schema)
    for sample, real in REAL.items():
        text = text.replace(json.dumps(sample), json.dumps(real))
    raw_schema |= json.loads(text)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Let those refusals of well-formed requests pass that no JSON Schema could announce, and API Gateway's own 404.

    That is what its HTTP APIs answer for a method that a path does not have, and never 405. Who comes back from a login
    is refused whatever they bring: Meta has sent nobody.
    """
    if isinstance(failure, UnsupportedMethodResponse):
        return (response.status_code, response.json()) != (404, {"message": "Not Found"})
    if not isinstance(failure, RejectedPositiveData):
        return True
    if case.operation.definition.raw["operationId"] in ("finishLogin", "confirmLogin"):
        return response.status_code != HTTPStatus.BAD_REQUEST
    error = response.json()["error"]
    if error["code"] in OF_META:
        return False
    details = error.get("details", [])
    return not details or any(UNSAYABLE.fullmatch(detail["problem"]) is None for detail in details)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Sign what Meta might post, so that it is taken; what Meta would not post stays unsigned."""
    is_post = _is_metas(case) and case.method == "POST"
    if is_post and case.meta is not None and case.meta.generation.mode.is_positive:
        sent = case.as_transport_kwargs()
        request = requests.Request("POST", sent["url"], data=sent.get("data"), json=sent.get("json")).prepare()
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        signature = hmac.new(os.environ["APP_SECRET"].encode(), body, sha256).hexdigest()
        case.headers = {**(case.headers or {}), "X-Hub-Signature-256": f"sha256={signature}"}
    if _is_about_people(case) and case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = {"signed_request": sign_request(os.environ["APP_SECRET"], request_payload("999", int(time.time())))}


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Have the account connected again for what comes next. A story may do without for a few steps."""
    is_story = case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL
    operation = case.operation.definition.raw["operationId"]
    if operation in ("connect", "disconnect") and response.status_code == 200:
        without.steps_left = STEPS_WITHOUT if is_story else 0
        without.connected += [case.formatted_path] if operation == "connect" else []
    elif without.steps_left is not None:
        without.steps_left -= 1
    if without.steps_left == 0:
        without.steps_left = None
        _connect()


def _connect() -> None:
    path = f"/api/database/{os.environ['SUBACCOUNT_ID']}/chat-agents/{os.environ['AGENT_ID']}/instagram/connect"
    while without.connected:
        if (other := without.connected.pop()) != path:
            _post(other.removesuffix("connect") + "disconnect", {})
    body = {
        "accessToken": os.environ["ACCESS_TOKEN"],
        "instagramAccountId": os.environ["ACCOUNT_ID"],
        "pageId": os.environ["PAGE_ID"],
        "webhookVerificationToken": os.environ["VERIFY_TOKEN"],
    }
    _post(path, body)


def _post(path: str, body: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
    requests.post(os.environ["API_URL"] + path, json=body, headers=headers, timeout=30).raise_for_status()


@schemathesis.check
def another_tenant_is_told_nothing(ctx: CheckContext, response: Response, case: Case) -> None:
    """Ask again, as somebody whom the token proves to be another tenant."""
    is_open = case.operation.definition.raw.get("security") == []
    if 200 <= response.status_code < 300 and not is_open:
        sent = case.as_transport_kwargs()
        sent["headers"] = {**sent["headers"], "Authorization": f"Bearer {os.environ['STRANGERS_TOKEN']}"}
        told = requests.request(**sent, timeout=30)
        assert (told.status_code, told.json()["error"]["code"]) == (404, "not_found"), told.text


def _is_metas(case: Case) -> bool:
    return bool(case.operation.definition.raw["operationId"].startswith(("receiveWebhook", "verifyWebhook")))


def _is_about_people(case: Case) -> bool:
    return bool(case.operation.definition.raw["operationId"].startswith(("deauthorize", "deleteData")))
