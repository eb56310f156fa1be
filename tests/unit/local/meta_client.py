"""Talking to a Meta simulator in tests: as the app, the customer, the business and the dashboard."""

import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.unit.local.receiver import VERIFY_TOKEN

ACCOUNT = "17841400000000001"
PAGE = "101234567890123"
UNLINKED_PAGE = "101234567890124"
PAGE_TOKEN = "EAAsimulatedPageToken0001"
UNLINKED_PAGE_TOKEN = "EAAsimulatedPageToken0002"
BAKERY = "17841400000000002"
BAKERY_PAGE_TOKEN = "EAAsimulatedPageToken0003"
INSTAGRAM_TOKEN = "IGAAsimulatedInstagramToken0001"
ANA = "1234567890123456"
BEN = "1234567890123457"


@dataclass(frozen=True)
class MetaClient:
    """All paths below are relative to `url`."""

    url: str

    def graph(self, method: str, path: str, token: str | None = PAGE_TOKEN, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=10, **options)

    def read(self, path: str, token: str | None = PAGE_TOKEN) -> Any:
        return self.graph("GET", path, token).json()

    def send(self, text: str = "Hello", to: str = ANA, **more: Any) -> requests.Response:
        body = {"recipient": {"id": to}, "message": {"text": text}, **more}
        return self.graph("POST", f"/v26.0/{PAGE}/messages", json=body)

    def act(self, action: str, **more: Any) -> requests.Response:
        body = {"recipient": {"id": ANA}, "sender_action": action, **more}
        return self.graph("POST", f"/v26.0/{PAGE}/messages", json=body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_simulator{path}", json=body, timeout=15)
        answer.raise_for_status()
        return answer.json()

    def subscribe(self, token: str = PAGE_TOKEN) -> None:
        names = ["messages", "messaging_postbacks", "message_reactions", "standby"]
        own = ["message_edit", "messaging_seen", "messaging_referral", "messaging_handover"]
        pages = ["message_edits", "message_reads", "messaging_referrals", "messaging_handovers"]
        fields = {"subscribed_fields": ",".join(names + (pages if token.startswith("EAA") else own))}
        self.graph("POST", "/v26.0/me/subscribed_apps", token, params=fields).raise_for_status()

    def set_callback(self, url: str) -> Any:
        return self.control("POST", "/callback", {"url": f"{url}/webhook", "verifyToken": VERIFY_TOKEN})

    def write_as_customer(self, text: str | None = "Hi", user: str = ANA, account: str = ACCOUNT, **more: Any) -> str:
        mid = self.control("POST", f"/users/{user}/messages", {"accountId": account, "text": text, **more})["mid"]
        assert isinstance(mid, str)
        return mid

    def faults(self, **settings: Any) -> None:
        self.control("PUT", "/faults", settings)

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "/deliveries")["deliveries"]
        return found

    def wait_until_delivered(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The deliveries, as soon as there are `count` and none waits."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.deliveries()
            if len(found) >= count and all(delivery["status"] == "accepted" for delivery in found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.01)
