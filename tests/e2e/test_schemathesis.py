"""The running API keeps what docs/openapi.json promises: Schemathesis looks for a request with which it does not.

It sends what the description allows and what it forbids, with and without a token, alone and in stories along the
links, and holds every answer against the description. schemathesis.toml says what it is told, and which checks are
other than by default, and why.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import hypothesis
import pytest

from tests.e2e.conftest import ROOT, Agent, System, wait_for
from tests.e2e.test_one_dm import write

CONFIG = ROOT / "tests" / "e2e" / "schemathesis.toml"
IS_LONG = hypothesis.settings.get_profile("long") == hypothesis.settings.default
# Each day the same requests, so that a red build is about what was built; now and then others, and many of them.
OPTIONS = ["--max-examples", "500"] if IS_LONG else ["--max-examples", "10", "--seed", "1"]
SECONDS = 7200 if IS_LONG else 600


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
        "APP_SECRET": system.run["appSecret"],
        "SUBACCOUNT_ID": agent.subaccount_id,
        "AGENT_ID": agent.agent_id,
        "ACCOUNT_ID": account["instagramAccountId"],
        "PAGE_ID": account["pageId"],
        "ACCESS_TOKEN": account["accessToken"],
        "VERIFY_TOKEN": verify_token,
        "USER_ID": customer["userId"],
        "MID": written["mid"],
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


def test_an_answer_that_is_not_as_described_is_found(run, tmp_path):
    """Or else the search above proves nothing."""
    described = json.loads((ROOT / "docs" / "openapi.json").read_text())
    described["components"]["schemas"]["Paused"]["properties"]["isPaused"] = {"type": "string"}
    wrong = tmp_path / "openapi.json"
    wrong.write_text(json.dumps(described))

    done = run(str(wrong), "--phases", "examples", "--include-operation-id", "pauseAgent")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "is not of type" in done.stdout
