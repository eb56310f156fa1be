"""The Meta simulator answers any call with any body, status and headers: `local.simulators.meta.faults`."""

import pytest
import requests

from local.simulators.meta.app import create_app
from local.simulators.server import serve

ERROR = {"error": {"message": "no"}}


@pytest.fixture
def meta():
    running = serve(create_app(app_secret="s"))
    yield running.url
    running.stop()


def put(meta, **faults):
    requests.put(f"{meta}/_simulator/faults", json=faults, timeout=10).raise_for_status()


def tokens(meta):
    account = requests.post(f"{meta}/_simulator/accounts", json={}, timeout=10).json()
    return {"Authorization": f"Bearer {account['accessToken']}"}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [(ERROR, 200, '"no"'), ("<html>Sorry</html>", 502, "<html>Sorry</html>"), ({"error": ["x"]}, 429, '"x"')],
    ids=["error-in-200", "html", "list"],
)
def test_any_call_is_answered_as_scripted(meta, body, status, text):
    headers = tokens(meta)
    put(meta, fail_calls={"method": "GET", "path": "/me", "body": body, "status": status, "headers": {"X-Canary": "1"}})
    answer = requests.get(f"{meta}/v26.0/me", headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["X-Canary"]) == (status, "1")
    assert text in answer.text
    assert requests.get(f"{meta}/v26.0/me", headers=headers, timeout=10).status_code == 200, "once was asked for"


def test_other_calls_are_not_touched(meta):
    headers = tokens(meta)
    put(meta, fail_calls={"method": "POST", "path": "/me", "code": 190, "status": 401})
    assert requests.get(f"{meta}/v26.0/me", headers=headers, timeout=10).status_code == 200
    answer = requests.post(f"{meta}/v26.0/me", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)


def test_a_call_inside_a_batch_can_fail(meta):
    headers = tokens(meta)
    put(meta, fail_calls={"path": "/me", "body": ERROR, "status": 200})
    batch = {"batch": [{"method": "GET", "relative_url": "me"}], "include_headers": False}
    (inner,) = requests.post(f"{meta}/v26.0/", json=batch, headers=headers, timeout=10).json()
    assert (inner["code"], "error" in inner["body"]) == (200, True)


@pytest.mark.parametrize("status", [199, 600])
def test_an_impossible_status_is_refused(meta, status):
    answer = requests.put(f"{meta}/_simulator/faults", json={"fail_calls": {"status": status}}, timeout=10)
    assert answer.status_code == 400
