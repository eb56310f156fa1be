"""The running API keeps what docs/openapi.json promises: Schemathesis looks for a request with which it does not.

It sends what the description allows and what it forbids, with and without a token, alone and in stories along the
links, and holds every answer against the description. schemathesis.toml says what it is told, and which checks are
other than by default, and why.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import pytest
import requests

from tests.e2e.conftest import ROOT, Agent, System, wait_for
from tests.e2e.test_one_dm import write

DESCRIPTION = ROOT / "docs" / "openapi.json"
CONFIG = ROOT / "tests" / "e2e" / "schemathesis.toml"
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
# Each day the same requests, so that a red build is about what was built; now and then others, and many of them.
OPTIONS = [] if IS_LONG else ["--seed", "1"]
SECONDS = 7200 if IS_LONG else 600
LINKS = re.compile(r"API Links: +(\d+) covered / (\d+) selected")


@pytest.fixture
def values(system: System, agent: Agent, account: dict[str, Any], customer: dict[str, Any]) -> dict[str, str]:
    """An account that is connected, and a customer who has written to it: what Schemathesis cannot make up."""
    verify_token = json.loads((system.folder / "keys.json").read_text())["verify_token"]
    assert agent.connect(account, verify_token).status_code == 200
    write(system, account, customer, "hello")
    (written,) = wait_for(lambda: [one for one in agent.messages() if one["role"] == "user"], "the customer's message")
    return {
        "API_URL": system.run["apiUrl"],
        "API_TOKEN": system.token(agent.subaccount_id, exp=int(time.time()) + SECONDS),
        "STRANGERS_TOKEN": system.token("another_subaccount", exp=int(time.time()) + SECONDS),
        "EXAMPLES": "500" if IS_LONG else "8",
        "STORIES": "500" if IS_LONG else "40",
        "APP_SECRET": system.run["appSecret"],
        "SUBACCOUNT_ID": agent.subaccount_id,
        "AGENT_ID": agent.agent_id,
        "ACCOUNT_ID": account["instagramAccountId"],
        "PAGE_ID": account["pageId"],
        "ACCESS_TOKEN": account["accessToken"],
        "VERIFY_TOKEN": verify_token,
        "USER_ID": customer["userId"],
        "MID": written["mid"],
        "DELETION_CODE": agent.call("POST", "forget", {"userId": "999"}).json()["data"]["confirmationCode"],
    }


@pytest.fixture
def run(values: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Schemathesis on a description."""

    def start(description: str, *options: str) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "schemathesis.toml"
        config.write_text(Template(CONFIG.read_text()).substitute(values))
        return subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", description, *options],
            cwd=ROOT,
            env=os.environ | values | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "connector")])},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return start


def test_no_request_is_found_that_is_not_answered_as_the_description_says(values, run):
    done = run(f"{values['API_URL']}/openapi.json", *OPTIONS)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
    found = LINKS.search(done.stdout)
    assert found is not None, done.stdout
    followed, described = map(int, found.groups())
    assert followed >= described / 3, f"of {described} links, the stories went along {followed} only"


def test_an_answer_that_is_not_as_described_is_found(run, tmp_path):
    """Or else the search above proves nothing."""
    described = json.loads(DESCRIPTION.read_text())
    described["components"]["schemas"]["Paused"]["properties"]["isPaused"] = {"type": "string"}
    wrong = tmp_path / "openapi.json"
    wrong.write_text(json.dumps(described))

    done = run(str(wrong), "--phases", "examples", "--include-operation-id", "pauseAgent")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "is not of type" in done.stdout


def test_the_console_serves_the_description_and_leads_to_it(system):
    url = system.run["apiUrl"]

    assert requests.get(f"{url}/openapi.json", timeout=30).json() == json.loads(DESCRIPTION.read_text())
    assert 'href="/openapi.json"' in requests.get(url, timeout=30).text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "GET", "OPTIONS", "HEAD"])
def test_a_method_that_a_path_does_not_have_is_not_found_as_the_description_says(connected, method):
    """Which is why Schemathesis does not look for 405: API Gateway has none."""
    headers = {"Authorization": f"Bearer {connected.system.token(connected.subaccount_id)}"}
    url = f"{connected.system.run['apiUrl']}{connected.path}/send"
    answer = requests.request(method, url, json={}, headers=headers, timeout=30)

    assert answer.status_code == 404
    assert method == "HEAD" or answer.json() == {"message": "Not Found"}
