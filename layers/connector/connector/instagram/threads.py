"""How the Graph API writes lists and times of a conversation (Meta, "Conversations API")."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.instagram.bounds import MOST_LISTED
from connector.instagram.fields import objects_of

READABLE = 20
"""Of how many messages of a thread, the newest, Meta tells more than the id."""


def listed(edge: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return what an edge of the Graph API lists."""
    data = edge.get("data")
    return objects_of(data, MOST_LISTED) if isinstance(data, list) else []


def written_at(message: Mapping[str, Any]) -> datetime | None:
    """Return when a message was written, to the second; None where Meta does not tell."""
    return time_of(message.get("created_time"))


def time_of(told: object) -> datetime | None:
    """Return a time as the Graph API writes it; None for anything else."""
    try:
        return datetime.strptime(str(told), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None
