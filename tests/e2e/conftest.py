"""The whole system, as `make run` starts it: driven from outside, through HTTP only."""

import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from pymongo import MongoClient

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
_ENVIRONMENT = {"PORT": "0", "PYTHONUNBUFFERED": "1", "RETURN_URLS": "https://app.example.com/instagram"}
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class System:
    """A running system, as run.json describes it."""

    folder: Path
    process: subprocess.Popen[str]
    run: dict[str, str]

    def token(self, subaccount_id: str, **claims: Any) -> str:
        now = int(time.time())
        body = {"sub": "tester", "iat": now, "exp": now + 600, "subaccountId": subaccount_id} | claims
        return jwt.encode(body, self.run["jwtSecret"], algorithm="HS256")

    def agent(self, subaccount_id: str, agent_id: str) -> "Agent":
        return Agent(self, subaccount_id, agent_id)

    def simulator(self, method: str, path: str, **json_body: Any) -> Any:
        answer = requests.request(
            method, f"{self.run['facebookGraphUrl']}/_simulator/{path}", json=json_body or None, timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def retell(self, method: str, path: str, **json_body: Any) -> Any:
        answer = requests.request(
            method, f"{self.run['retellUrl']}/_simulator/{path}", json=json_body or None, timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def questions(self) -> list[str]:
        """What the agent was asked, in all chats."""
        chats = self.retell("GET", "state")["chats"]
        return [said["content"] for chat in chats for said in chat["messages"] if said["role"] == "user"]

    def post_signed(self, path: str, body: bytes, *, signature: str | None = None) -> requests.Response:
        """POST a body to a webhook path as Meta does; `signature` instead of the right one."""
        right = "sha256=" + hmac.new(self.run["appSecret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": right if signature is None else signature}
        return requests.post(f"{self.run['apiUrl']}{path}", data=body, headers=headers, timeout=30)

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in (self.folder / "logs").iterdir())


@dataclass(frozen=True)
class Agent:
    """One agent's documented API, with its own subaccount's token."""

    system: System
    subaccount_id: str
    agent_id: str

    @property
    def path(self) -> str:
        return f"/api/database/{self.subaccount_id}/chat-agents/{self.agent_id}/instagram"

    def call(
        self, method: str, name: str, body: Any = None, *, token: str | None = None, query: str = ""
    ) -> requests.Response:
        bearer = self.system.token(self.subaccount_id) if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        url = f"{self.system.run['apiUrl']}{self.path}/{name}{query}"
        return requests.request(method, url, json=body, headers=headers, timeout=30)

    def connect(self, account: dict[str, Any], verify_token: str = "my-verification-token") -> requests.Response:
        body = {
            "accessToken": account["accessToken"],
            "instagramAccountId": account["instagramAccountId"],
            "pageId": account["pageId"],
            "webhookVerificationToken": verify_token,
        }
        return self.call("POST", "connect", body)

    def messages(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.call("GET", "messages", query=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["messages"]


def wait_for[T](what: Callable[[], T], why: str, seconds: float = ANSWER_SECONDS) -> T:
    """Return the first true value of `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {why}")


@contextlib.contextmanager
def running_system(folder: Path, **environment: str) -> Iterator[System]:
    """Start the system as `make run` does, and stop it as Ctrl-C does."""
    run = folder / "run.json"
    run.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | _ENVIRONMENT | {"LOCAL_DIR": str(folder)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        deadline = time.monotonic() + START_SECONDS
        while not run.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the system did not start:\n{process.stdout.read()}")
            time.sleep(0.05)
        yield System(folder, process, json.loads(run.read_text()))
    finally:
        failure = sys.exception()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("the system did not stop within 30 s of Ctrl-C") from None
        if failure is not None:
            failure.add_note(f"The system said, and its functions in {folder / 'logs'}:\n{said}")
    assert process.returncode in (0, -signal.SIGKILL), said
    assert process.returncode != 0 or not run.exists(), "run.json speaks of a system that has stopped"


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def account(system: System) -> dict[str, Any]:
    """A new Instagram account with a Page and a token, at the simulated Meta."""
    return system.simulator("POST", "accounts", username=f"shop_{time.time_ns()}")


@pytest.fixture
def customer(system: System) -> dict[str, Any]:
    """A new person on the simulated Instagram."""
    return system.simulator("POST", "users", username=f"ana_{time.time_ns()}")


@pytest.fixture
def agent(system: System) -> Agent:
    """A chat agent nobody else uses, of a subaccount nobody else uses."""
    return system.agent(f"sub_{time.time_ns()}", f"agent_{time.time_ns()}")


@pytest.fixture
def connected(agent: Agent, account: dict[str, Any]) -> Agent:
    answer = agent.connect(account)
    assert answer.status_code == 200, answer.text
    return agent


@pytest.fixture
def mongo_of() -> Iterator[Callable[[System], Any]]:
    """Open the system's database, to look at what other readers of `chats` will see."""
    with contextlib.ExitStack() as clients:
        yield lambda system: clients.enter_context(MongoClient(system.run["mongodbUri"])).get_default_database()
