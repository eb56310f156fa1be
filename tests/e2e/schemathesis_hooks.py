"""What Schemathesis cannot know by itself: which ids mean something, and how Meta signs.

It loads this in a process of its own (`hooks` in schemathesis.toml).
"""

import hmac
import json
import os
import re
import time
from hashlib import sha256
from typing import Any

import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

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

UNSAYABLE = re.compile(
    r"has \d+ bytes in UTF-8; Instagram takes at most 1000"  # JSON Schema counts characters
    r"|must be a time in ISO 8601, .*"  # what it knows of times has February, 30
    r"|is not one of the deployment's ReturnUrls, to the letter"  # each deployment has its own
    r"|must be later than since"  # it looks at each parameter alone
    r"|must be a nextCursor that this endpoint has returned"  # and knows of no other answer
)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Let the examples speak of the account, the agent and the customer that there are."""
    text = json.dumps(raw_schema)
    for sample, real in REAL.items():
        text = text.replace(json.dumps(sample), json.dumps(real))
    raw_schema |= json.loads(text)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Let those refusals of well-formed requests pass that no JSON Schema could announce."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    details = response.json()["error"].get("details", [])
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
    """Have the account connected again for the operations that come next. Only a story may do without."""
    changed = case.operation.definition.raw["operationId"] in ("connect", "disconnect") and response.status_code == 200
    if changed and case.meta is not None and case.meta.phase.name is not TestPhase.STATEFUL:
        base = os.environ["API_URL"], "api/database", os.environ["SUBACCOUNT_ID"], "chat-agents", os.environ["AGENT_ID"]
        body = {
            "accessToken": os.environ["ACCESS_TOKEN"],
            "instagramAccountId": os.environ["ACCOUNT_ID"],
            "pageId": os.environ["PAGE_ID"],
            "webhookVerificationToken": os.environ["VERIFY_TOKEN"],
        }
        headers = {"Authorization": f"Bearer {os.environ['API_TOKEN']}"}
        requests.post("/".join((*base, "instagram/connect")), json=body, headers=headers, timeout=30).raise_for_status()


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
