"""MongoDB stands still while customers write: nobody waits for it, nothing is lost, nothing is done twice."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import System, running_system, wait_for
from tests.e2e.test_one_dm import answers, dm, write

pytestmark = [pytest.mark.alone, pytest.mark.races]

FROZEN_SECONDS = 15
WEBHOOK_SECONDS = 5  # Meta waits no longer
API_SECONDS = 29  # API Gateway's HTTP APIs give up after 30
PATIENCE_SECONDS = 45  # what failed while MongoDB stood still comes again by itself, later each time


@contextlib.contextmanager
def standing_still(process_id: int, seconds: float) -> Iterator[None]:
    """Keep a process from running for so long, whatever the block does meanwhile."""
    go_on = threading.Timer(seconds, os.kill, (process_id, signal.SIGCONT))
    os.kill(process_id, signal.SIGSTOP)
    go_on.start()
    try:
        yield
        go_on.join()
    finally:
        go_on.cancel()
        os.kill(process_id, signal.SIGCONT)


def mongod_of(system: System) -> int:
    """The process id that the system's own mongod has written down."""
    return int((system.folder / "mongodb" / "mongod.pid").read_text())


def acquaintance(system: System, account: dict[str, Any]) -> dict[str, Any]:
    """A person to whom Meta lets the account write: one who wrote before anybody listened."""
    person = system.simulator("POST", "users")
    write(system, account, person, "is anybody there?")
    return person


def post(system: System, account: dict[str, Any], person: dict[str, Any], text: str) -> float:
    """Tell the webhook what a person writes, and return how long it took to answer, in seconds."""
    answer = system.post_signed("/api/instagram/webhook", dm(account, person, f"{person['userId']} {text}"))
    assert answer.status_code == 200, answer.text
    return answer.elapsed.total_seconds()


def test_f3_while_mongodb_stands_still_the_webhook_answers_and_the_api_says_so_and_each_dm_is_answered_once(tmp_path):
    with running_system(tmp_path, MONGODB_URI="") as system:
        account = system.simulator("POST", "accounts")
        early = [acquaintance(system, account) for _ in range(4)]
        late = [acquaintance(system, account) for _ in range(4)]
        agent = system.agent("sub_frozen", "agent_frozen")
        assert agent.connect(account).status_code == 200

        with standing_still(mongod_of(system), FROZEN_SECONDS):
            took = [post(system, account, person, "first") for person in early]
            refused = agent.call("GET", "messages")
            took += [post(system, account, person, "first") for person in late]

        everybody = early + late
        wait_for(lambda: all(answers(system, account, one) for one in everybody), "eight answers", PATIENCE_SECONDS)
        wait_for(
            lambda: {one["status"] for one in agent.messages("?limit=100")} == {"answered", "delivered"},
            "the end of all eight turns",
        )
        # A second round goes the same way as anything that may still be under way from the first.
        for person in everybody:
            post(system, account, person, "second")
        wait_for(
            lambda: all(len(answers(system, account, one)) > 1 for one in everybody), "the second round of answers"
        )
        questions, sent = system.questions(), [len(answers(system, account, one)) for one in everybody]

    assert max(took) < WEBHOOK_SECONDS, took
    assert refused.status_code == 503, refused.text
    assert refused.elapsed.total_seconds() < API_SECONDS
    assert int(refused.headers.get("Retry-After", 0)) > 0, "a 503 says when to come again"
    assert sorted(questions) == sorted(f"{one['userId']} {which}" for one in everybody for which in ("first", "second"))
    assert sent == [2] * len(everybody)
