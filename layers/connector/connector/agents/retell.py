"""Retell AI's chat API (https://docs.retellai.com/api-references/create-chat and create-chat-completion).

Written on `requests`: Retell's own SDK repeats a POST silently, up to three times, although a completion is neither
idempotent nor free, and it costs more than a second of cold start.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from connector.agents.answers import Answer as Said
from connector.agents.answers import Transcript
from connector.agents.retell_errors import IS_OVER, REFUSED, error_of
from connector.errors import OutcomeUnknown, OutsideError, Refused, SessionEnded, TryLater
from connector.transport import Transport
from connector.untrusted import clean

# A completion runs the agent's tools; Retell lets one tool take minutes. This must fit into reply's timeout.
COMPLETION_SECONDS = 90

_CHAT_ID = re.compile(r"[!-~]{1,256}")
_DELETE_SECONDS = 5


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
        failure = None if answer.is_success else error_of(answer)
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
        failure = error_of(answer)
        if isinstance(failure, OutcomeUnknown | SessionEnded):
            is_missing = isinstance(failure, SessionEnded)
            raise (
                Refused("agent_not_found", "Retell knows no such agent.") if is_missing else TryLater(failure.message)
            )
        raise failure

    def discard(self, chat_id: str) -> None:
        """Delete a chat in which nothing was said. One that cannot be deleted now stays, and Retell ends it."""
        with suppress(OutsideError):
            delete_chat(self._transport, chat_id)

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
            failure = error_of(answer)
            # Retell documents no words for an ended chat, so the chat itself is asked where they say nothing.
            is_unclear = answer.status == 409 or (isinstance(failure, Refused) and failure.code == REFUSED)
            raise SessionEnded(IS_OVER) if is_unclear and self._is_over(chat_id) else failure
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
            failure = error_of(answer)
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


def delete_chat(transport: Transport, chat_id: str) -> bool:
    """Delete a chat with all that was said in it. Returns False if there is no such chat under the transport's key.

    Retell's SDK documents `DELETE /delete-chat/{chat_id}`. A second call for the same chat finds none, so a lost answer
    is `TryLater`. No call is made for a text that cannot be an id of Retell's.

    Raises:
        Refused: the key may not delete it.
        TryLater: the attempt failed, or its outcome is unknown.
    """
    if not _CHAT_ID.fullmatch(chat_id) or not chat_id.strip("."):
        return False
    try:
        answer = transport.send("DELETE", ("delete-chat", chat_id), timeout=_DELETE_SECONDS)
    except OutcomeUnknown as error:
        raise TryLater(error.message) from error
    if answer.is_success:
        return True
    if answer.status in (404, 422) and answer.body is not None:  # a proxy's page says nothing about the chat
        return False
    failure = error_of(answer)
    if isinstance(failure, Refused | TryLater):
        raise failure
    is_refusal = isinstance(failure, SessionEnded) and answer.body is not None
    raise Refused(REFUSED, failure.message) if is_refusal else TryLater(failure.message)


class RetellChats:
    """The chats under one Retell key, of any agent."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._transport = Transport("Retell", base_url, api_key)

    def delete(self, chat_id: str) -> bool:
        """Delete a chat, as `delete_chat` does."""
        return delete_chat(self._transport, chat_id)


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
