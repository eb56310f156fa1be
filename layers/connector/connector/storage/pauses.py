"""Pauses of the agent in a chat: requested ones, and those set by echoes of persons' messages.

`pausedUntil` is the latest of them. If an echo proves to belong to an outgoing message, only its own pause is lifted.
"""

from datetime import datetime
from typing import Any

from connector.chat import PAUSED
from connector.storage.mongodb import Document


def requested(until: datetime, because: str) -> Document:
    """Return the update of a chat in which a pause was requested, or set by the agent's side."""
    return {"$max": {"pausedUntil": until, "pauseRequestedUntil": until}, "$set": {"pausedBecause": because}}


def by_echo(until: datetime) -> Document:
    """Return the update of a chat with an echo that pauses. The message itself has the pause as `pausesUntil`."""
    return {"$max": {"pausedUntil": until}, "$set": {"pausedBecause": PAUSED}}


def resumed() -> tuple[Document, list[Document]]:
    """Return the update of a chat without pauses, and the array filters that it names."""
    fields = dict.fromkeys(("pausedUntil", "pausedBecause", "pauseRequestedUntil", "messages.$[pausing].pausesUntil"))
    return {"$set": fields}, [{"pausing.pausesUntil": {"$ne": None}}]


def without_pause(until: datetime | None) -> Any:
    """Return the expression for `pausedUntil` once the echo that paused until then has been removed."""
    if until is None:
        return "$pausedUntil"
    left = {"$max": ["$pauseRequestedUntil", {"$max": "$messages.pausesUntil"}]}
    return {"$cond": [{"$eq": ["$pausedUntil", until]}, left, "$pausedUntil"]}
