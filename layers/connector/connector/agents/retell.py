"""Retell AI's chat API (https://docs.retellai.com/api-references/create-chat and create-chat-completion).

Written on `requests`: Retell's own SDK repeats a POST silently, up to three times, although a completion is neither
idempotent nor free, and it costs more than a second of cold start.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.agents.answers import Answer as Said
from connector.agents.answers import Transcript
from connector.errors import OutcomeUnknown, OutsideError, Refused, SessionEnded, TryLater
from connector.transport import Answer, Transport
from connector.untrusted import clean

# A completion runs the agent's tools; Retell lets one tool take minutes. This must fit into reply's timeout.
COMPLETION_SECONDS = 90

_LONGEST_WAIT_SECONDS = 300
_SECONDS = re.compile(r"[0-9]{1,18}")

# Messages with which Retell, or a proxy before it, refuses a chat that has ended. An id of 32 or more characters may
# come between the words.
_OVER = (
    r"ended|closed|completed|finished|expired|terminated|inactive|(?:is|already) over|timed out|no longer exists"
    r"|(?:not|no longer) (?:ongoing|active|open)"
)
_SESSION = r"chat(?:_status)?|session|conversation"
_ENDED = re.compile(
    rf"(?:{_SESSION})\b.{{0,100}}\b(?:{_OVER})\b|\b(?:ended|closed) (?:{_SESSION})\b", re.IGNORECASE | re.DOTALL
)
_IS_OVER = "The agent's chat has ended."
_REFUSED = "agent_refused"
_MOST_WORDS = 500  # characters of an error that are looked at


def agent_not_found() -> Refused:
    """Return the refusal of an agent that does not exist for the caller."""
    return Refused(
        "agent_not_found",
        "Retell has no chat agent of this id for this subaccount. Check the agent's id; a voice agent cannot be "
        "connected. If the id is right, use a token whose claim `retellAgentIds` lists it.",
    )


class Retell:
    """One Retell chat agent."""

    def __init__(self, base_url: str, api_key: str, agent_id: str) -> None:
        self._transport = Transport("Retell", base_url, api_key)
        self._agent_id = agent_id

    def require(self) -> None:
        """Require that Retell has this chat agent (https://docs.retellai.com/api-references/get-chat-agent).

        Raises:
            Refused: there is none under this key, or the key is not valid.
            TryLater: not now.
        """
        answer = self._transport.get(("get-chat-agent", self._agent_id))
        if answer.status in (404, 422) and "message" in (answer.body or {}):
            raise agent_not_found()
        failure = None if answer.is_success else _error_of(answer)
        if failure is not None:
            raise failure if isinstance(failure, Refused | TryLater) else TryLater(failure.message)

    def open(self, variables: Mapping[str, str], metadata: Mapping[str, str]) -> str:
        """Open a chat and return its chat_id. `variables` fill the `{{…}}` of the agent's prompt.

        A greeting that the agent may have is left alone: the customer has already spoken.

        Raises:
            Refused: the key, the agent or the account is not usable.
            TryLater: not now. (A lost answer leaves an empty chat behind, which Retell closes by itself.)
        """
        body = {
            "agent_id": self._agent_id,
            "metadata": dict(metadata),
            "retell_llm_dynamic_variables": dict(variables),
        }
        try:
            answer = self._transport.send("POST", "create-chat", json=body, timeout=15)
        except OutcomeUnknown as error:
            raise TryLater(error.message) from error
        chat_id = (answer.body or {}).get("chat_id")
        if answer.is_success and isinstance(chat_id, str) and chat_id:
            return chat_id
        failure = _error_of(answer)
        if isinstance(failure, OutcomeUnknown | SessionEnded):
            is_missing = isinstance(failure, SessionEnded)
            raise (
                Refused("agent_not_found", "Retell knows no such agent.") if is_missing else TryLater(failure.message)
            )
        raise failure

    def ask(self, chat_id: str, content: str) -> Said:
        """Tell the agent what the customer wrote, once, and return what it says; perhaps nothing.

        Raises:
            SessionEnded: the chat is over or gone; nothing was said in it.
            Refused, TryLater: the agent was not asked.
            OutcomeUnknown: the agent may have been asked.
        """
        body = {"chat_id": chat_id, "content": content}
        answer = self._transport.send("POST", "create-chat-completion", json=body, timeout=COMPLETION_SECONDS)
        if not answer.is_success:
            failure = _error_of(answer)
            # Retell documents no words for an ended chat, so the chat itself is asked where they say nothing.
            is_unclear = answer.status == 409 or (isinstance(failure, Refused) and failure.code == _REFUSED)
            raise SessionEnded(_IS_OVER) if is_unclear and self._is_over(chat_id) else failure
        messages = (answer.body or {}).get("messages")
        if not isinstance(messages, list):
            raise OutcomeUnknown("Retell answered without messages.")
        return _said(_entries(messages))

    def _is_over(self, chat_id: str) -> bool:
        """Return whether a chat has certainly ended."""
        try:
            return self.transcript(chat_id).is_over
        except SessionEnded:
            return True
        except OutsideError:
            return False

    def transcript(self, chat_id: str) -> Transcript:
        """Return what a chat holds now (https://docs.retellai.com/api-references/get-chat).

        Raises:
            SessionEnded: Retell no longer has the chat.
            Refused: the key may not read it.
            TryLater: not now.
        """
        answer = self._transport.get(("get-chat", chat_id))
        if not answer.is_success:
            failure = _error_of(answer)
            raise TryLater(failure.message) if isinstance(failure, OutcomeUnknown) else failure
        body = answer.body or {}
        is_over = body.get("chat_status") in ("ended", "error")
        messages = body.get("message_with_tool_calls")
        if not isinstance(messages, list):
            return Transcript(None, None, is_over)  # an agent may be set to keep no transcripts
        entries = _entries(messages)
        asked = [index for index, entry in enumerate(entries) if entry.get("role") == "user"]
        answered = entries[asked[-1] + 1 :] if asked else []
        said = _said(answered)
        # An ended chat gets no more entries; one without any after the question holds no answer.
        if _is_finished(answered) or (is_over and answered):
            return Transcript(len(asked), said, is_over)
        if not answered or _runs_tool(answered):
            return Transcript(len(asked), None, is_over)
        return Transcript(len(asked), None, is_over, so_far=said, newest_at=_written_at(answered[-1]))


def _entries(messages: Sequence[object]) -> list[dict[str, Any]]:
    return [entry for entry in messages if isinstance(entry, dict)]


def _said(entries: Sequence[Mapping[str, Any]]) -> Said:
    """Return what of these entries is for the customer: what the agent says; tool calls and transitions never are."""
    said = [entry.get("content") for entry in entries if entry.get("role") == "agent"]
    return Said(
        tuple(clean(text).strip() for text in said if isinstance(text, str) and text.strip()),
        any(_ends_chat(entry) for entry in entries),
    )


def _ends_chat(entry: Mapping[str, Any]) -> bool:
    return entry.get("role") == "tool_call_invocation" and "end_call" in (entry.get("type"), entry.get("name"))


def _is_finished(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the agent has done speaking. After a tool's result it goes on: "one moment" is not the answer."""
    spoken = [entry for entry in entries if entry.get("role") in ("agent", "tool_call_invocation", "tool_call_result")]
    return bool(spoken) and (spoken[-1].get("role") == "agent" or any(_ends_chat(entry) for entry in spoken))


def _runs_tool(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a tool was called and its result is still missing."""
    tools = [entry.get("role") for entry in entries if str(entry.get("role")).startswith("tool_call_")]
    return bool(tools) and tools[-1] == "tool_call_invocation"


def _written_at(entry: Mapping[str, Any]) -> datetime | None:
    """Return when an entry was written; Retell counts in ms."""
    milliseconds = entry.get("created_timestamp")
    if not isinstance(milliseconds, int | float) or not 10**11 < milliseconds < 10**14:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _words(body: Mapping[str, Any] | None) -> str:
    """Return what an error says, wherever Retell or a proxy has put it."""
    told = [(body or {}).get(name) for name in ("message", "error_message", "error", "detail")]
    inner = [one.get("message") if isinstance(one, Mapping) else one for one in told]
    return " ".join(one[:_MOST_WORDS] for one in inner if isinstance(one, str))


def _error_of(answer: Answer) -> OutsideError:
    """Classify an unsuccessful answer.

    404 and 422 mean a missing or ended chat; so do 400, 408 and 409 if their message says so.
    """
    match answer.status:
        case 404 | 422:
            return SessionEnded("Retell no longer knows this chat.")
        case 400 | 408 | 409 if _ENDED.search(_words(answer.body)):
            return SessionEnded(_IS_OVER)
        case 408 | 409 | 425:
            return TryLater(f"Retell is busy (HTTP {answer.status}).")
        case 401 | 403:
            return Refused("agent_key_refused", "Retell refuses the API key.")
        case 402:
            return Refused("agent_unpaid", "Retell asks for a payment method.")
        case 429:
            return TryLater("Retell limits the rate of calls.", after_seconds=_retry_after(answer))
        case status if 400 <= status < 500:
            return Refused(_REFUSED, f"Retell refused the request (HTTP {status}).")
        case status:
            return OutcomeUnknown(f"Retell answered HTTP {status}.")


def _retry_after(answer: Answer) -> int:
    value = answer.headers.get("Retry-After", "")
    return min(max(int(value), 1), _LONGEST_WAIT_SECONDS) if _SECONDS.fullmatch(value) else 10
