"""What Meta remembers of a conversation (Meta, "Conversations API"): the proof of what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.errors import Refused, TryLater

READABLE = 20
"""Of how many messages of a thread, the newest, Meta tells more than the id."""

THREAD_FIELDS = f"messages.limit({READABLE}){{id,created_time,from,message}}"


@dataclass(frozen=True, slots=True)
class SentText:
    """A text that the account has sent, as Meta remembers it."""

    mid: str
    text: str
    at: datetime
    """To the second: the Graph API tells no more."""


def sent_texts(thread: Mapping[str, object], account_id: str, since: datetime) -> Sequence[SentText]:
    """Return the texts in a thread that the account has sent since then.

    Raises:
        TryLater: nothing is told of the thread. The customer has written in it, so it is not empty.
        Refused: it is not told as far back as that.
    """
    messages = thread.get("messages")
    told = listed(messages if isinstance(messages, Mapping) else {})
    if not told:
        raise TryLater("Meta does not tell what is in the conversation.")
    times = [at for one in told if (at := written_at(one)) is not None]
    if len(told) >= READABLE and (not times or min(times) > since):
        raise Refused("graph_refused", "Meta does not tell of the conversation as far back as that.")
    return tuple(one for one in (_sent_text(message, account_id) for message in told) if one)


def listed(edge: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return what an edge of the Graph API lists."""
    data = edge.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _sent_text(message: Mapping[str, Any], account_id: str) -> SentText | None:
    """Read one message of a thread; None for what the account has not written, or what is no text."""
    sender, mid, text, at = message.get("from"), message.get("id"), message.get("message"), written_at(message)
    if at is None or not isinstance(sender, Mapping) or sender.get("id") != account_id:
        return None
    return SentText(mid, text, at) if isinstance(mid, str) and isinstance(text, str) and text else None


def written_at(message: Mapping[str, Any]) -> datetime | None:
    """Return when a message was written, to the second; None where Meta does not tell."""
    return time_of(message.get("created_time"))


def time_of(told: object) -> datetime | None:
    """Return a time as the Graph API writes it; None for anything else."""
    try:
        return datetime.strptime(str(told), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None
