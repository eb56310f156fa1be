"""The largest events that a queue message can carry, from the webhook to the customer's answer."""

import time

import pytest

from connector.queues import MAX_BODY_BYTES
from tests.integration.deployment import CONNECT, heard

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

CHARACTERS = MAX_BODY_BYTES - 2_000  # the rest of the message
TEXTS = {
    "blanks inside": "a" + " " * (CHARACTERS - 2) + "a",
    "marks inside": "a" + "!" * (CHARACTERS - 2) + "a",
    "accents": "a" + "\u0301" * (CHARACTERS // 6 - 1),  # six bytes each, as JSON escapes them
    "brackets": "[" * CHARACTERS,
    "lines": "\n " * (CHARACTERS // 3),
}
SECONDS = 20  # of the processor. Quadratic time would take minutes.


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", ["message", "tap"])
def test_an_event_of_the_largest_size_is_stored_and_answered(deployment, kind, text):
    deployment.call("POST", "connect", payload=CONNECT)
    item = heard("m_1", text)
    if kind == "tap":
        del item["message"]
        item["postback"] = {"mid": "m_1", "title": text, "payload": "BUY"}
    began = time.process_time()
    (turn,) = deployment.tell(item)
    assert deployment.deliver("reply", turn) == []
    assert time.process_time() - began < SECONDS

    asked, answered = deployment.messages()
    assert (asked["mid"], asked["status"], answered["role"]) == ("m_1", "answered", "agent")
    assert 0 < len(asked["text"]) <= 10_000
