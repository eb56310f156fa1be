"""The export: JSON Lines, a message or an event on each, with all that is stored about it that is the person's data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.chat import Chat, Message
from connector.contract.base import write_time
from connector.contract.messages import MessageView
from connector.conversation.export import Stored
from connector.conversation.sizes import MOST_BYTES
from connector.instagram.events import Other

CONTENT_TYPE = "application/x-ndjson"

MOST_LINES = 1_000


@dataclass(frozen=True, slots=True)
class Export:
    """Some lines, and the position after which the next ones stand (None at the end)."""

    lines: str
    goes_on_after: str | None


def write_lines(stored: Iterable[tuple[str, Stored]], *, most_bytes: int = MOST_BYTES) -> Export:
    """Return as many lines as an answer can bear, and at least one where there is one."""
    lines: list[str] = []
    size, last = 0, ""
    for position, one in stored:
        line = _line(_event(one) if isinstance(one, Other) else _message(*one))
        size += len(json.dumps(line))
        if lines and (size > most_bytes or len(lines) == MOST_LINES):
            return Export("".join(lines), last)
        lines.append(line)
        last = position
    return Export("".join(lines), None)


def _line(fields: Mapping[str, Any]) -> str:
    # In ASCII: nothing within a text is then taken for the end of a line, by whichever reader.
    return json.dumps(fields, default=write_time) + "\n"


def _message(chat: Chat, message: Message) -> Mapping[str, Any]:
    view = MessageView.of(message, user_id=chat.user_id, chat_id=chat.chat_id).model_dump(mode="json", by_alias=True)
    # As Meta told it, where a view leaves something out.
    stored = {"replyTo": message.reply_to, "sendingAt": message.sending_at}
    person = {"username": chat.person.username, "name": chat.person.name, "referral": chat.referral}
    account = {"instagramAccountId": chat.account_id}
    return {"type": "message"} | view | stored | person | account


def _event(event: Other) -> Mapping[str, Any]:
    return {
        "type": "event",
        "name": event.name,
        "userId": event.user_id or None,  # some of Meta's events tell nobody
        "mid": event.mid,
        "at": event.at,
        "told": event.item,
        "instagramAccountId": event.account_id,
    }
