"""The local SQS hands out a delayed message when its delay ends."""

import threading
import time

import pytest
from moto.sqs.models import Message, Queue

from local.moto_server import wait_until_due

TIMEOUT_SECONDS = 30
SOON_SECONDS = 10
"""Long enough for a busy machine, and far from the timeout."""


@pytest.fixture
def queue():
    return Queue("turns", "us-east-1", "123456789012")


def message(delay_ms=0, hidden_ms=0):
    made = Message("1", "body")
    now = time.time() * 1000
    made.delayed_until, made.visible_at = now + delay_ms, now + hidden_ms
    return made


def waited(queue):
    began = time.monotonic()
    wait_until_due(queue, TIMEOUT_SECONDS)
    return time.monotonic() - began


@pytest.mark.parametrize("times", [{"delay_ms": 50}, {"hidden_ms": 50}, {"delay_ms": 50, "hidden_ms": 20}])
def test_the_wait_ends_when_a_message_is_due(queue, times):
    queue.add_message(message(**times))

    assert waited(queue) < SOON_SECONDS
    assert queue.messages, "it ended before the message was due"


def test_a_new_message_ends_the_wait(queue):
    queue.add_message(message(delay_ms=3_600_000))
    sender = threading.Timer(0.05, lambda: queue.add_message(message()))
    sender.start()

    assert waited(queue) < SOON_SECONDS
    sender.join()


def test_the_wait_ends_at_the_timeout(queue):
    queue.add_message(message(delay_ms=3_600_000))

    wait_until_due(queue, 0.01)

    assert queue.messages == []
