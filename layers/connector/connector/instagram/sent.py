"""The account's messages in a customer's thread (Meta, "Conversations API"), as proof of a send."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.echoes import Echo
from connector.errors import Refused, TryLater
from connector.instagram.attachments import attachments_of
from connector.instagram.bounds import LONGEST_TEXT
from connector.instagram.fields import mid_of, object_of, text_of
from connector.instagram.retold import said
from connector.instagram.threads import READABLE, listed, written_at

THREAD_FIELDS = f"messages.limit({READABLE}){{id,created_time,from,message,attachments,shares}}"


def sent_since(thread: Mapping[str, object], account_id: str, since: datetime) -> Sequence[Echo]:
    """Return the messages in a thread that the account has sent since then.

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
    return tuple(one for one in (_sent(message, account_id) for message in told) if one)


def _sent(message: Mapping[str, Any], account_id: str) -> Echo | None:
    """Read one message of a thread; None for what the account has not written."""
    mid, at = mid_of(message, "id"), written_at(message)
    if at is None or mid is None or object_of(message.get("from")).get("id") != account_id:
        return None
    told = said(message)
    return Echo(mid, text_of(told, "text", most=LONGEST_TEXT), attachments_of(told), at)
