"""Talking to a Retell simulator in tests."""

from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True)
class RetellClient:
    """All paths below are relative to `url`."""

    url: str
    key: str

    def call(self, method: str, path: str, body: Any = None, timeout: float = 10) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.request(method, f"{self.url}{path}", headers=headers, json=body, timeout=timeout)

    def create_chat(self, **more: Any) -> str:
        answer = self.call("POST", "/create-chat", {"agent_id": "agent_1", **more})
        assert answer.status_code == 201
        chat_id = answer.json()["chat_id"]
        assert isinstance(chat_id, str)
        return chat_id

    def complete(self, chat_id: str, content: str, timeout: float = 10) -> requests.Response:
        body = {"chat_id": chat_id, "content": content}
        return self.call("POST", "/create-chat-completion", body, timeout)

    def ask(self, chat_id: str, content: str) -> list[dict[str, Any]]:
        answer = self.complete(chat_id, content)
        assert answer.status_code == 201, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def chat(self, chat_id: str) -> Any:
        return self.call("GET", f"/get-chat/{chat_id}").json()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_simulator{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def faults(self, **settings: Any) -> None:
        self.control("PUT", "/faults", settings)
