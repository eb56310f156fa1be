"""The machine loses power at the worst moments: the customer gets the answer all the same, and gets it once."""

import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from local.mongodb import Mongod
from tests.e2e.conftest import Agent, System, running_system, wait_for
from tests.e2e.test_one_dm import answers, thread, write

pytestmark = pytest.mark.races

AGENT = ("sub_killed", "agent_killed")
LONGER_THAN_THE_TEST = 300  # seconds
PATIENCE_SECONDS = 100  # two tries that came too early for a proof, and their back-off


def family_of(process_id: int) -> list[int]:
    """A process and all that came from it, parents first."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    family = [process_id]
    for member in family:
        family += [child for child, parent in parents if parent == member]
    return family


def cut_power(system: System) -> None:
    """Kill the system with all its processes, mongod too, at one moment.

    All are stopped before any is killed: a function that outlived the simulator it talks to would still store what it
    makes of the broken connection.
    """
    os.kill(system.process.pid, signal.SIGSTOP)  # it begets no more
    family = family_of(system.process.pid)
    assert len(family) > 3, "mongod, the queues and the functions have processes of their own"
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for member in family:
            os.kill(member, number)
    system.process.wait()


def let_time_pass(folder: Path) -> None:
    """Have every lease run out, as they do while a machine is off for some minutes.

    A lease outlives the longest worker, and so any patience a test may have. It is over before the next start, and not
    at some moment after it, so that the first thing the new system does is what is tested: its scheduled sweep, at the
    start, takes up what was left lying. The system being dead, the chats are edited through a mongod of the test's own,
    which is up over the same data for that one write.
    """
    mongod = Mongod(folder / "mongodb")
    mongod.launch()
    try:
        with MongoClient[dict[str, Any]](mongod.wait_until_ready()) as client:
            past = datetime.now(UTC) - timedelta(seconds=1)
            left_lying = client.get_default_database()["chats"].update_many(
                {"turn.leaseUntil": {"$gt": past}}, {"$set": {"turn.leaseUntil": past, "wakeAt": past}}
            )
    finally:
        mongod.stop()
    assert left_lying.modified_count == 1, "one turn was in work when the power went"


def begin(system: System) -> tuple[Agent, dict[str, Any], dict[str, Any]]:
    """A connected agent, its account, and a customer."""
    account = system.simulator("POST", "accounts")
    agent = system.agent(*AGENT)
    assert agent.connect(account).status_code == 200
    return agent, account, system.simulator("POST", "users")


def statuses(agent: Agent) -> list[tuple[str, str]]:
    return [(message["role"], message["status"]) for message in agent.messages()]


def require_one_answer(system: System, account: dict[str, Any], customer: dict[str, Any]) -> None:
    """Assert that the customer's one DM has been answered once, and that the conversation goes on as it should."""
    agent = system.agent(*AGENT)
    wait_for(lambda: answers(system, account, customer), "the answer after all", PATIENCE_SECONDS)
    wait_for(lambda: ("user", "answered") in statuses(agent), "the end of the turn", PATIENCE_SECONDS)
    # What else might be under way from before is at work by the time that a second DM has been answered.
    write(system, account, customer, "the second question")
    wait_for(lambda: len(answers(system, account, customer)) > 1, "the second answer")

    first, second = answers(system, account, customer)
    assert ("the first question" in first, "the second question" in second) == (True, True)
    assert system.questions() == ["the first question", "the second question"]
    assert system.retell("GET", "state")["completions"] == 2
    told = wait_for(
        lambda: (page := agent.messages())[0]["status"] in {"sent", "delivered"} and page, "the second answer stored"
    )
    sent = [message["mid"] for message in thread(system, account, customer) if message["via"] == "api"]
    assert [message["mid"] for message in reversed(told) if message["role"] == "agent"] == sent


def test_c5_c13_a_machine_that_dies_while_the_agent_thinks_finds_the_answer_and_sends_it_once(tmp_path):
    with running_system(tmp_path, MONGODB_URI="") as system:
        _, account, customer = begin(system)
        system.retell("PUT", "faults", delay_seconds=LONGER_THAN_THE_TEST)
        write(system, account, customer, "the first question")
        wait_for(system.questions, "the agent to be asked")
        cut_power(system)
    let_time_pass(tmp_path)

    with running_system(tmp_path, MONGODB_URI="") as system:
        require_one_answer(system, account, customer)


@pytest.mark.parametrize("echo", ["comes later", "never comes"])
def test_c9_c10_c13_a_machine_that_dies_between_sending_and_noting_it_sends_nothing_again(tmp_path, echo):
    with running_system(tmp_path, MONGODB_URI="") as system:
        _, account, customer = begin(system)
        system.simulator("PUT", "faults", delay_send_seconds=LONGER_THAN_THE_TEST, no_echo=echo == "never comes")
        write(system, account, customer, "the first question")
        wait_for(lambda: answers(system, account, customer), "the answer to be sent")
        cut_power(system)
    let_time_pass(tmp_path)

    with running_system(tmp_path, MONGODB_URI="") as system:
        require_one_answer(system, account, customer)
