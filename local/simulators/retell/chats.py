"""What the Retell simulator knows: its chats and their messages.

Shapes: the type `ChatResponse` of Retell's SDK. Times are milliseconds since 1970.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from local.simulators.clock import now_ms

SILENCE_MS = 3_600_000
"""After how long a silence a chat ends, by default (Retell, `end_chat_after_silence_ms`)."""

type Json = dict[str, Any]
type ChatStatus = Literal["ongoing", "ended"]


@dataclass(frozen=True)
class Question:
    """What the user said in the `turn`-th message of a chat."""

    content: str
    turn: int


@dataclass
class Chat:
    """One chat session of one agent. `messages` are as the API shows them, tool entries included.

    `thinking` are the questions that the agent has heard and not yet answered.
    """

    chat_id: str
    agent_id: str
    started_at: int
    status: ChatStatus = "ongoing"
    ended_at: int | None = None
    completions: int = 0
    messages: list[Json] = field(default_factory=list)
    thinking: list[Question] = field(default_factory=list)
    metadata: Json | None = None
    dynamic_variables: dict[str, str] | None = None

    def add(self, role: str, **entry: Any) -> Json:
        """Append an entry with a new id and the time; returns it."""
        message = {"message_id": secrets.token_hex(16), "role": role, **entry, "created_timestamp": now_ms()}
        self.messages.append(message)
        return message

    def end(self) -> None:
        """Let the chat take no further message."""
        if self.status == "ongoing":
            self.status = "ended"
            self.ended_at = now_ms()

    def end_after_silence(self) -> None:
        """End the chat if nobody has said anything in it for the agent's `end_chat_after_silence_ms`."""
        last = max([self.started_at, *(message["created_timestamp"] for message in self.messages)])
        if not self.thinking and now_ms() - last > SILENCE_MS:
            self.end()

    @property
    def turn(self) -> int:
        """How many messages the user has sent."""
        return sum(message["role"] == "user" for message in self.messages)


@dataclass
class Chats:
    """All chats, and the answers that wait to be given in place of the agent's own."""

    chats: dict[str, Chat] = field(default_factory=dict)
    scripted_answers: list[str | list[Json]] = field(default_factory=list)
    """Texts, or the entries that a completion is to add to the chat."""


CHATS_JSON = TypeAdapter(Chats)
"""How the chats are written to a file; building it is slow, so it is built once."""


def new_chat(agent_id: str, metadata: Json | None, dynamic_variables: dict[str, str] | None) -> Chat:
    """Begin a chat. The agent says nothing of its own accord: `start_speaker` is the user."""
    chat_id = f"chat_{secrets.token_hex(14)[:27]}"
    return Chat(chat_id, agent_id, now_ms(), metadata=metadata, dynamic_variables=dynamic_variables)


def show_chat(chat: Chat, *, with_transcript: bool = True) -> Json:
    """Show a chat as `GET /get-chat` does; what was never given is left out.

    Without the transcript it is as an agent shows it whose `data_storage_setting` is `basic_attributes_only`.
    """
    shown: Json = {
        "chat_id": chat.chat_id,
        "agent_id": chat.agent_id,
        "version": 0,
        "chat_status": chat.status,
        "chat_type": "api_chat",
        "start_timestamp": chat.started_at,
        "end_timestamp": chat.ended_at,
        "retell_llm_dynamic_variables": chat.dynamic_variables,
        "metadata": chat.metadata,
    }
    known = {name: value for name, value in shown.items() if value is not None}
    said: Json = {"transcript": _transcript(chat), "message_with_tool_calls": chat.messages}
    return known | said if with_transcript else known


def _transcript(chat: Chat) -> str:
    speakers = {"agent": "Agent", "user": "User"}
    return "".join(
        f"{speakers[message['role']]}: {message['content']}\n"
        for message in chat.messages
        if message["role"] in speakers
    )
