"""The Retell simulator: chats, the scripted agent, errors, faults, durability."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from local.simulators.retell.app import create_app
from local.simulators.server import serve
from tests.unit.local.retell_client import RetellClient

LONGER_THAN_THE_TEST = 60  # seconds; the wait ends when the faults are deleted


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "agent"]


def refusal(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["status"] == "error"
    return answer.status_code, body["message"]


def test_a_chat_is_created_with_201_and_shows_what_it_was_given(retell: RetellClient):
    given = {"metadata": {"channel": "instagram"}, "retell_llm_dynamic_variables": {"name": "Ana"}}
    chat = retell.chat(retell.create_chat(**given))
    assert chat["chat_status"] == "ongoing"
    assert chat["message_with_tool_calls"] == []
    assert {name: chat[name] for name in given} == given
    assert "metadata" not in retell.chat(retell.create_chat())


def test_a_completion_returns_only_the_new_messages_and_the_chat_keeps_all(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.ask(chat_id, "first")
    (message,) = retell.ask(chat_id, "second")
    assert message["role"] == "agent"
    assert set(message) == {"message_id", "role", "content", "created_timestamp"}
    chat = retell.chat(chat_id)
    assert [m["role"] for m in chat["message_with_tool_calls"]] == ["user", "agent", "user", "agent"]
    assert chat["transcript"].startswith("User: first\nAgent: ")


def test_the_agent_quotes_the_customer_and_counts_the_turns_of_the_chat(retell: RetellClient):
    chat_id = retell.create_chat()
    assert "“blue?”" in texts(retell.ask(chat_id, "blue?"))[0]
    assert "message 2" in texts(retell.ask(chat_id, "green?"))[0]
    assert "message 1" in texts(retell.ask(retell.create_chat(), "green?"))[0]


@pytest.mark.parametrize(
    ("question", "word"),
    [("When are you open?", "7:00"), ("The menu please", "espresso"), ("Where are you?", "Bean Street")],
)
def test_the_agent_answers_what_it_was_asked(retell: RetellClient, question: str, word: str):
    assert word in texts(retell.ask(retell.create_chat(), question))[0]


def test_the_long_answer_is_longer_than_two_instagram_messages(retell: RetellClient):
    (text,) = texts(retell.ask(retell.create_chat(), "long"))
    assert 2300 <= len(text.encode()) <= 2900
    assert "кофе" in text
    assert "\n\n" in text


def test_bye_ends_the_chat_with_an_end_call_entry(retell: RetellClient):
    chat_id = retell.create_chat()
    farewell, tool = retell.ask(chat_id, "bye")
    assert farewell["role"] == "agent"
    assert (tool["role"], tool["type"]) == ("tool_call_invocation", "end_call")
    chat = retell.chat(chat_id)
    assert chat["chat_status"] == "ended"
    assert "end_timestamp" in chat
    assert refusal(retell.complete(chat_id, "again")) == (400, "Chat already ended")


def test_a_chat_is_ended_with_204_and_takes_no_more(retell: RetellClient):
    chat_id = retell.create_chat()
    assert retell.call("PATCH", f"/end-chat/{chat_id}").status_code == 204
    assert refusal(retell.complete(chat_id, "hi")) == (400, "Chat already ended")


def test_missing_agents_and_chats_are_422(retell: RetellClient):
    missing = (422, "Cannot find requested asset under given api key.")
    assert refusal(retell.call("POST", "/create-chat", {"agent_id": "missing_1"})) == missing
    assert refusal(retell.call("GET", "/get-chat-agent/missing_1")) == missing
    assert refusal(retell.call("GET", "/get-chat/chat_0")) == missing
    assert refusal(retell.complete("chat_0", "hi")) == missing
    assert retell.call("GET", "/get-chat-agent/agent_1").json()["agent_id"] == "agent_1"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic key_test"}])
def test_a_missing_or_wrong_key_is_401(retell: RetellClient, headers: dict[str, str]):
    answer = requests.get(f"{retell.url}/get-chat/x", headers=headers, timeout=5)
    assert refusal(answer) == (401, "API key is missing or invalid.")


@pytest.mark.parametrize("body", [{}, {"agent_id": ""}, {"agent_id": "a", "retell_llm_dynamic_variables": {"n": 1}}])
def test_a_malformed_body_is_400(retell: RetellClient, body: dict[str, Any]):
    assert refusal(retell.call("POST", "/create-chat", body))[0] == 400


def test_a_lost_completion_is_in_the_chat_all_the_same(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(lose_completion_answer=1)
    with pytest.raises(requests.ConnectionError):
        retell.complete(chat_id, "hello")
    assert len(retell.chat(chat_id)["message_with_tool_calls"]) == 2
    assert retell.control("GET", "/state")["chats"][0]["completions"] == 1


def test_a_failed_completion_leaves_nothing_in_the_chat(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(fail_completions={"status": 502, "times": 1, "message": "Bad gateway"})
    assert refusal(retell.complete(chat_id, "hello")) == (502, "Bad gateway")
    assert retell.chat(chat_id)["message_with_tool_calls"] == []
    assert retell.ask(chat_id, "hello")


@pytest.mark.races
def test_a_slow_agent_has_the_users_message_while_it_thinks(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(delay_seconds=LONGER_THAN_THE_TEST)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(retell.ask, chat_id, "hello")
        roles: list[str] = []
        while not roles and not asking.done():
            roles = [message["role"] for message in retell.chat(chat_id)["message_with_tool_calls"]]
        retell.control("DELETE", "/faults")
        assert asking.result()
    assert roles == ["user"]
    assert len(retell.chat(chat_id)["message_with_tool_calls"]) == 2


def test_an_ongoing_chat_can_be_read_back_entry_by_entry(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(extra_messages=True)
    said = retell.ask(chat_id, "menu")
    chat = retell.chat(chat_id)
    assert chat["chat_status"] == "ongoing"
    question, *rest = chat["message_with_tool_calls"]
    assert (question["role"], question["content"]) == ("user", "menu")
    assert rest == said
    assert all(entry["message_id"] and isinstance(entry["created_timestamp"], int) for entry in [question, *rest])


def test_a_lost_request_is_a_closed_connection_and_nothing_of_it_is_in_the_chat(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(lose_completion_request=1)
    with pytest.raises(requests.ConnectionError):
        retell.complete(chat_id, "hello")
    assert retell.chat(chat_id)["message_with_tool_calls"] == []
    assert retell.control("GET", "/state")["completions"] == 0
    assert retell.ask(chat_id, "hello")


def test_reading_a_chat_can_fail_so_many_times(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(fail_get_chat=2)
    answers = [retell.call("GET", f"/get-chat/{chat_id}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert refusal(answers[0]) == (500, "An unexpected server error occurred.")


def test_an_agent_that_stores_nothing_shows_its_chats_without_what_was_said(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.ask(chat_id, "hello")
    retell.faults(hide_transcripts=True)
    chat = retell.chat(chat_id)
    assert chat["chat_status"] == "ongoing"
    assert {"message_with_tool_calls", "transcript"} & set(chat) == set()
    retell.control("DELETE", "/faults")
    assert len(retell.chat(chat_id)["message_with_tool_calls"]) == 2


def test_all_ongoing_chats_can_be_ended_at_once(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(end_chats=True)
    assert refusal(retell.complete(chat_id, "hi")) == (400, "Chat already ended")
    assert retell.ask(retell.create_chat(), "hi")


def test_answers_can_be_empty(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(empty_answers=1)
    assert retell.ask(chat_id, "hi") == []
    assert retell.ask(chat_id, "hi")


def test_extra_messages_surround_the_answer_with_entries_that_are_not_for_the_customer(retell: RetellClient):
    retell.faults(extra_messages=True)
    messages = retell.ask(retell.create_chat(), "menu")
    assert [message["role"] for message in messages] == [
        "tool_call_invocation",
        "tool_call_result",
        "node_transition",
        "agent",
        "agent",
    ]
    assert messages[0]["tool_call_id"] == messages[1]["tool_call_id"]


def test_the_rate_limit_is_429_with_retry_after(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(rate_limit={"times": 1, "retryAfter": 2})
    answer = retell.complete(chat_id, "hi")
    assert refusal(answer)[0] == 429
    assert answer.headers["Retry-After"] == "2"
    assert retell.ask(chat_id, "hi")


def test_scripted_answers_are_given_in_turn(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.control("POST", "/answers", {"answers": ["one", "two"]})
    assert [texts(retell.ask(chat_id, "x"))[0] for _ in range(2)] == ["one", "two"]
    assert "“x”" in texts(retell.ask(chat_id, "x"))[0]


def test_the_state_shows_chats_with_messages_variables_and_completions(retell: RetellClient):
    chat_id = retell.create_chat(retell_llm_dynamic_variables={"name": "Ana"})
    retell.ask(chat_id, "hi")
    state = retell.control("GET", "/state")
    (chat,) = state["chats"]
    assert (chat["chatId"], chat["dynamicVariables"], chat["completions"]) == (chat_id, {"name": "Ana"}, 1)
    assert len(chat["messages"]) == 2
    assert (state["completions"], state["faults"]) == (1, {})


def test_chats_stand_after_a_restart(tmp_path: Path):
    running = serve(create_app(state_file=tmp_path / "retell.json"))
    before = RetellClient(running.url, "any key")
    chat_id = before.create_chat(metadata={"a": 1})
    before.ask(chat_id, "hi")
    chat = before.chat(chat_id)
    running.stop()
    running = serve(create_app(state_file=tmp_path / "retell.json"))
    after = RetellClient(running.url, "any key")
    assert after.chat(chat_id) == chat
    assert "message 2" in texts(after.ask(chat_id, "again"))[0]
    running.stop()


@pytest.mark.races
def test_a_completion_that_was_in_progress_when_the_process_died_is_finished_by_the_next_one(tmp_path: Path):
    state = tmp_path / "retell.json"
    running = serve(create_app(state_file=state))
    before = RetellClient(running.url, "any key")
    chat_id = before.create_chat()
    before.faults(delay_seconds=LONGER_THAN_THE_TEST)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(before.complete, chat_id, "blue?")
        while not before.chat(chat_id)["message_with_tool_calls"] and not asking.done():
            pass
        as_killed = tmp_path / "killed.json"
        as_killed.write_bytes(state.read_bytes())
        before.control("DELETE", "/faults")
    running.stop()

    running = serve(create_app(state_file=as_killed))
    after = RetellClient(running.url, "any key")
    question, answer = after.chat(chat_id)["message_with_tool_calls"]
    assert (question["role"], answer["role"]) == ("user", "agent")
    assert "“blue?”" in answer["content"]
    assert after.control("GET", "/state")["completions"] == 1
    running.stop()


def test_deleting_a_chat_again_is_refused(retell: RetellClient):
    chat_id = retell.create_chat()
    answer = retell.call("DELETE", f"/delete-chat/{chat_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    for call in (("DELETE", f"/delete-chat/{chat_id}"), ("GET", f"/get-chat/{chat_id}")):
        assert refusal(retell.call(*call))[0] == 422
    assert refusal(retell.complete(chat_id, "Hello?"))[0] == 422


def test_a_deletion_fails_as_set_and_changes_nothing(retell: RetellClient):
    chat_id = retell.create_chat()
    retell.faults(fail_deletions={"status": 403, "message": "Forbidden"})
    assert refusal(retell.call("DELETE", f"/delete-chat/{chat_id}")) == (403, "Forbidden")
    assert retell.chat(chat_id)["chat_status"] == "ongoing"
    retell.faults(lose_deletion_answer=1)
    with pytest.raises(requests.ConnectionError):
        retell.call("DELETE", f"/delete-chat/{chat_id}")
    assert refusal(retell.call("GET", f"/get-chat/{chat_id}"))[0] == 422
