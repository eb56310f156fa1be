"""How much one answer holds. Lambda hands on 6 MB, in which the answer is a text within JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from connector.chat import Message

MOST_BYTES = 5_000_000


def fitting(messages: Iterable[Message | None]) -> int:
    """Return how many of these messages fit into one answer, in their order; the first one always does."""
    number = size = 0
    for message in messages:
        size += len(json.dumps(json.dumps(asdict(message), default=str))) if message else 0
        if number and size > MOST_BYTES:
            break
        number += 1
    return number
