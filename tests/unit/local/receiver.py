"""A callback for webhooks: remembers what it got and answers what it is told to."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import Any

from flask import Flask, Response, request

VERIFY_TOKEN = "meatyhamhock"


@dataclass(frozen=True)
class Received:
    """One POST."""

    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def items(self) -> list[dict[str, Any]]:
        """All messaging items, in order."""
        return [item for entry in self.json["entry"] for item in entry.get("messaging", entry.get("standby"))]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """The application under `app`; `statuses` are answered to the next POSTs, then 200."""

    def __init__(self) -> None:
        self.posts: list[Received] = []
        self.statuses: list[int] = []
        self.challenge_answer: Callable[[str], tuple[str, int]] = lambda challenge: (challenge, 200)
        self._arrived = Condition()
        self.app = Flask(__name__)
        self.app.add_url_rule("/webhook", view_func=self._verify, methods=["GET"])
        self.app.add_url_rule("/webhook", view_func=self._receive, methods=["POST"])

    def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        """The POSTs so far, as soon as there are `count`."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.posts) >= count, seconds), f"{len(self.posts)} came"
            return list(self.posts)

    def texts(self) -> list[str]:
        """The texts of all messages so far."""
        return [item["message"]["text"] for post in self.posts for item in post.items if "message" in item]

    def _verify(self) -> tuple[str, int]:
        if request.args.get("hub.verify_token") != VERIFY_TOKEN or request.args.get("hub.mode") != "subscribe":
            return "wrong token", 403
        return self.challenge_answer(request.args["hub.challenge"])

    def _receive(self) -> Response:
        with self._arrived:
            self.posts.append(Received(request.get_data(), dict(request.headers), time.monotonic()))
            status = self.statuses.pop(0) if self.statuses else 200
            self._arrived.notify_all()
        return Response(status=status)
