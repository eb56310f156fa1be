"""`make run` as a person meets it: restarts, kills, other people's servers, wrong settings."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, jsonify, request

from local.simulators.server import serve
from tests.e2e.conftest import ROOT, Agent, System, running_system, wait_for
from tests.e2e.test_one_dm import answers, dm, write

pytestmark = pytest.mark.races

ACCOUNT = {
    "accessToken": "EAAforeignpagetoken",
    "instagramAccountId": "17841400000000077",
    "pageId": "101234567890777",
    "username": "foreign_shop",
}
CUSTOMER = {"userId": "1234567890123777"}


class Foreign:
    """Somebody else's Graph API and Retell: written from their documentation, knowing nothing of ours."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.subscribed: list[str] = []
        self.lock = threading.Lock()

    def graph(self) -> Flask:
        app = Flask(__name__)

        @app.before_request
        def check() -> Any:
            if request.headers.get("Authorization") != f"Bearer {ACCOUNT['accessToken']}":
                error = {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}
                return jsonify(error=error), 401
            return None

        @app.get(f"/<version>/{ACCOUNT['instagramAccountId']}")
        def account(version: str) -> Any:
            return jsonify(id=ACCOUNT["instagramAccountId"], username=ACCOUNT["username"], name="Foreign")

        @app.get(f"/<version>/{ACCOUNT['pageId']}")
        def page(version: str) -> Any:
            linked = {"id": ACCOUNT["instagramAccountId"]}
            return jsonify(id=ACCOUNT["pageId"], name="Foreign", instagram_business_account=linked)

        @app.post("/<version>/<page_id>/subscribed_apps")
        def subscribe(version: str, page_id: str) -> Any:
            self.subscribed.append(page_id)
            return jsonify(success=True)

        @app.post("/<version>/<page_id>/messages")
        def send(version: str, page_id: str) -> Any:
            wanted = request.get_json()
            recipient_id = wanted["recipient"]["id"]
            if "sender_action" in wanted:  # typing and seen make no message
                return jsonify(recipient_id=recipient_id)
            with self.lock:
                self.sent.append(wanted)
                mid = f"mid.{len(self.sent)}"
            return jsonify(recipient_id=recipient_id, message_id=mid)

        return app

    def retell(self) -> Flask:
        app = Flask(__name__)

        @app.post("/create-chat")
        def create() -> Any:
            return jsonify(chat_id="chat_foreign", agent_id=request.get_json()["agent_id"], chat_status="ongoing"), 201

        @app.post("/create-chat-completion")
        def complete() -> Any:
            self.asked.append(request.get_json())
            said = {"message_id": "m1", "role": "agent", "content": "Foreign greetings", "created_timestamp": 1}
            return jsonify(messages=[said]), 201

        return app


@pytest.fixture
def foreign() -> Iterator[tuple[Foreign, str, str]]:
    servers = Foreign()
    graph, retell = serve(servers.graph()), serve(servers.retell())
    yield servers, graph.url, retell.url
    graph.stop()
    retell.stop()


def test_other_peoples_servers_can_take_the_simulators_place(foreign, tmp_path):
    servers, graph_url, retell_url = foreign
    environment = {"FACEBOOK_GRAPH_URL": graph_url, "RETELL_URL": retell_url, "APP_SECRET": "their app secret"}
    with running_system(tmp_path, **environment) as system:
        agent = system.agent("sub_foreign", "agent_foreign")
        connected = agent.connect(ACCOUNT)
        system.post_signed(f"{agent.path}/webhook", dm(ACCOUNT, CUSTOMER, "hello, foreigners"))
        wait_for(lambda: servers.sent, "the answer at their Graph API")
        stored = wait_for(
            lambda: (page := agent.messages())[0]["status"] == "sent" and page, "the answer stored as sent"
        )

    assert connected.json()["data"]["username"] == ACCOUNT["username"]
    assert system.run["appSecret"] == "their app secret"
    assert (system.run["facebookGraphUrl"], system.run["retellUrl"]) == (graph_url, retell_url)
    assert servers.subscribed == [ACCOUNT["pageId"]]
    assert [ask["content"] for ask in servers.asked] == ["hello, foreigners"]
    assert servers.sent[0]["recipient"] == {"id": CUSTOMER["userId"]}
    assert servers.sent[0]["message"] == {"text": "Foreign greetings"}
    assert [(message["role"], message["mid"] is not None) for message in stored] == [("agent", True), ("user", True)]


def one_round(system: System, agent: Agent, account: dict[str, Any], customer: dict[str, Any], text: str) -> None:
    before = len(answers(system, account, customer))
    write(system, account, customer, text)
    wait_for(lambda: len(answers(system, account, customer)) == before + 1, f"the answer to “{text}”")


def test_connection_secrets_and_chats_stand_after_a_restart_and_after_a_kill(tmp_path):
    with running_system(tmp_path) as first:
        account = first.simulator("GET", "state")["accounts"][0]
        customer = first.simulator("GET", "state")["users"][0]
        first.agent("acme", "agent_barista").connect(account)
        one_round(first, first.agent("acme", "agent_barista"), account, customer, "before the restart")

    with running_system(tmp_path) as second:
        agent = second.agent("acme", "agent_barista")
        assert agent.call("GET", "status").json()["data"]["isConnected"] is True
        one_round(second, agent, account, customer, "after the restart")
        second.process.send_signal(signal.SIGKILL)
        second.process.wait()

    with running_system(tmp_path) as third:
        agent = third.agent("acme", "agent_barista")
        assert agent.call("GET", "status").json()["data"]["isConnected"] is True
        sent = agent.call("POST", "send", {"to": customer["userId"], "message": "after the kill"})
        messages = agent.messages()

    assert sent.status_code == 200, sent.text
    said = [message["text"] for message in messages if message["role"] == "user"]
    assert said == ["after the restart", "before the restart"]
    assert len({message["chatId"] for message in messages}) == 1
    assert first.run["jwtSecret"] == third.run["jwtSecret"]


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | {"LOCAL_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = start(tmp_path, PORT=str(taken.getsockname()[1]))

    assert failed.returncode == 1
    assert "is taken. Choose another" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_port_that_is_none_is_told_in_one_sentence(tmp_path):
    failed = start(tmp_path, PORT="http")

    assert failed.returncode == 1
    assert failed.stderr.strip() == "PORT must be a number from 0 (any free port) to 65535, not “http”."


def test_a_second_run_over_the_same_data_is_refused(system):
    failed = start(system.folder, PORT="0")

    assert failed.returncode == 1
    assert "Another `make run` uses" in failed.stderr
    assert json.loads((system.folder / "run.json").read_text()) == system.run


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("mongodb://u:secretword@127.0.0.1:1/connector", "The MongoDB of MONGODB_URI does not answer within 5 s"),
        ("mongodb://u:secretword@127.0.0.1:1", "MONGODB_URI cannot be used (ConfigurationError). It must look like"),
        ("127.0.0.1:27017/secretword", "MONGODB_URI cannot be used (InvalidURI). It must look like"),
    ],
)
def test_a_wrong_mongodb_uri_is_told_at_the_start(tmp_path, uri, sentence):
    failed = start(tmp_path, MONGODB_URI=uri, PORT="0")

    assert failed.returncode == 1
    assert sentence in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "secretword" not in failed.stderr


def test_clean_refuses_while_the_system_runs(system):
    def clean():
        command = [sys.executable, "-m", "local.folder", str(system.folder)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    refused = clean()
    assert refused.returncode == 1
    assert f"(process {system.process.pid}). Stop it first" in refused.stderr
    assert "-m local.folder" in (ROOT / "Makefile").read_text().partition("\nclean:")[2].partition("rm -rf")[0]


def test_clean_is_free_to_delete_what_nothing_runs_in(tmp_path):
    command = [sys.executable, "-m", "local.folder", str(tmp_path)]

    assert subprocess.run(command, cwd=ROOT, timeout=30, check=False).returncode == 0


def test_make_token_prints_a_request_that_works(system):
    command = [sys.executable, "-m", "local.tokens"]
    environment = os.environ | {"LOCAL_DIR": str(system.folder)}
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=True)

    request = printed.stdout.partition("\n\n")[0]
    answer = subprocess.run(["sh", "-c", request], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(answer.stdout)["success"] is True
    for name in ("subaccountId", "agentId"):
        assert f"{name} " in printed.stdout


def test_make_token_says_that_nothing_runs(tmp_path):
    command = [sys.executable, "-m", "local.tokens"]
    environment = os.environ | {"LOCAL_DIR": str(tmp_path)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"No system runs in {tmp_path}. Start one first: make run\n"


def test_the_console_connects_ones_own_agent(tmp_path):
    with running_system(tmp_path, RETELL_AGENT_ID="agent_mine") as system:
        config = requests.get(f"{system.run['apiUrl']}/console/config.json", timeout=30).json()

    assert config["agentId"] == "agent_mine"
