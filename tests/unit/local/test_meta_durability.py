"""The Meta simulator stands again after it was killed."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.simulators.meta.app import create_app
from local.simulators.server import serve
from tests.unit.local.meta_client import ACCOUNT, ANA, PAGE_TOKEN, MetaClient
from tests.unit.local.receiver import Receiver

pytestmark = pytest.mark.races


@contextmanager
def simulator(state_file: Path) -> Iterator[MetaClient]:
    app = create_app(app_secret="s", state_file=state_file, retry_delays_seconds=(60,))
    running = serve(app)
    try:
        yield MetaClient(running.url)
    finally:
        running.stop()


def test_accounts_threads_subscriptions_callback_and_calls_stand_after_a_restart(
    tmp_path: Path, receiver: Receiver, receiver_url: str
):
    with simulator(tmp_path / "meta.json") as before:
        before.set_callback(receiver_url)
        before.subscribe()
        before.control("POST", "/users", {"userId": "55555", "username": "new"})
        before.write_as_customer("Hi")
        before.send("Hello")
        receiver.wait_for(2)
        before.wait_until_delivered(2)
        state, thread = before.control("GET", "/state"), before.control("GET", f"/threads/{ACCOUNT}/{ANA}")
        calls = before.control("GET", "/calls")
    with simulator(tmp_path / "meta.json") as after:
        assert after.control("GET", "/state") == state
        assert after.control("GET", f"/threads/{ACCOUNT}/{ANA}") == thread
        assert after.control("GET", "/calls") == calls


def test_an_undelivered_webhook_is_delivered_after_a_restart_with_the_same_bytes(
    tmp_path: Path, receiver: Receiver, receiver_url: str
):
    receiver.statuses = [500, 500]
    with simulator(tmp_path / "meta.json") as before:
        before.set_callback(receiver_url)
        before.subscribe()
        before.write_as_customer("Hi")
        receiver.wait_for(2)
    with simulator(tmp_path / "meta.json") as after:
        posts = receiver.wait_for(3)
        assert len({post.body for post in posts}) == 1
        after.wait_until_delivered(1)


def test_collected_events_are_delivered_after_a_restart(tmp_path: Path, receiver: Receiver, receiver_url: str):
    with simulator(tmp_path / "meta.json") as before:
        before.set_callback(receiver_url)
        before.subscribe()
        before.faults(batch_webhooks=10)
        before.write_as_customer("kept back")
    with simulator(tmp_path / "meta.json"):
        receiver.wait_for(1)
    assert receiver.texts() == ["kept back"]


def test_a_killed_process_leaves_whole_state(tmp_path: Path):
    with process(tmp_path / "meta.json") as (started, meta):
        mids = [meta.write_as_customer(f"message {number}") for number in range(20)]
        os.kill(started.pid, signal.SIGKILL)
        started.wait(timeout=30)
    with simulator(tmp_path / "meta.json") as after:
        thread = after.control("GET", f"/threads/{ACCOUNT}/{ANA}")
    assert [message["mid"] for message in thread["messages"]] == mids


def test_tokens_the_dialog_codes_and_settings_stand_after_a_restart(tmp_path: Path):
    with simulator(tmp_path / "meta.json") as before:
        before.control("PUT", f"/tokens/{PAGE_TOKEN}", {"revoked": {"subcode": 460}})
        before.control("PUT", f"/accounts/{ACCOUNT}", {"allowsMessages": False})
        before.control("PUT", "/dialog", {"answer": "deny"})
        before.control("POST", "/callbacks", {"deauthorizeUrl": "https://app.example/deauthorize"})
        tokens, state = before.control("GET", "/tokens"), before.control("GET", "/state")
    with simulator(tmp_path / "meta.json") as after:
        assert after.control("GET", "/tokens") == tokens
        assert after.control("GET", "/state") == state
        assert after.control("GET", "/dialog")["answer"] == "deny"


def test_a_state_that_knows_tokens_only_as_texts_is_completed(tmp_path: Path):
    page = {"page_id": "101", "name": "Old", "access_token": "EAAold", "subscribed_fields": ["messages"]}
    account = {
        "account_id": "17841400000000009",
        "app_scoped_id": "2897",
        "username": "old",
        "name": "Old",
        "instagram_token": "IGAAold",
        "page_id": "101",
    }
    old = {"app_id": "1", "pages": {"101": page}, "accounts": {"17841400000000009": account}}
    (tmp_path / "meta.json").write_text(json.dumps(old))
    with simulator(tmp_path / "meta.json") as after:
        assert after.read("/me", "EAAold") == {"name": "Old", "id": "101"}
        assert after.read("/me?fields=user_id", "IGAAold")["user_id"] == "17841400000000009"
        assert after.read("/debug_token?input_token=EAAold", "1|s")["data"]["is_valid"] is True


@contextmanager
def process(state_file: Path) -> Iterator[tuple[subprocess.Popen[str], MetaClient]]:
    """The simulator as a process of its own, as soon as it has printed its URL."""
    command = [sys.executable, "-m", "local.simulators.meta", "--app-secret", "s", "--state-file", str(state_file)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            assert select.select([started.stdout], [], [], 30)[0], "no URL within 30 seconds"
            yield started, MetaClient(started.stdout.readline().strip())
        finally:
            started.kill()
