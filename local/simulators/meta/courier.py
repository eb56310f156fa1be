"""The thread that delivers webhooks.

Rules: Meta's page "Setup Webhooks Subscriptions". Anything but a 200 within five seconds is a failure; a
failure is tried again at once, then ever more rarely, for 36 hours. What is due goes out in the order in
which it came to be; what failed steps aside, so that order holds only while the callback is healthy.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Condition, Event, Thread

import requests

from local.simulators.clock import now_ms
from local.simulators.durable import DurableState
from local.simulators.faults import FaultBoard
from local.simulators.meta.deliveries import Delivery
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.signatures import signature_headers
from local.simulators.meta.world import World

TIMEOUT_SECONDS = 5
GIVE_UP_AFTER_MS = 36 * 60 * 60 * 1000


@dataclass(frozen=True)
class _Attempt:
    delivery_id: str
    url: str
    body: bytes


class Courier:
    """Delivers what waits in the world's `deliveries`. Call `notice` after adding some."""

    def __init__(
        self,
        state: DurableState[World],
        faults: FaultBoard[MetaFaults],
        retry_delays_seconds: Sequence[float],
        api_version: str,
    ) -> None:
        self._state = state
        self._faults = faults
        self._delays_ms = [0, *(int(seconds * 1000) for seconds in retry_delays_seconds)]
        self._api_version = api_version
        self._held: set[str] = set()
        self._noticed = Event()
        self._stopping = Event()
        self._attempted = Condition()
        self._thread = Thread(target=self._run, name="webhook-courier", daemon=True)

    def start(self) -> None:
        """Take up what an earlier process left, and everything to come."""
        with self._state.change() as world:
            for delivery in world.deliveries:
                delivery.next_attempt_at = now_ms()
        self._thread.start()

    def stop(self) -> None:
        """Begin no further attempt. One that waits for a silent callback is left to its timeout."""
        self._stopping.set()
        self._noticed.set()
        self._thread.join(timeout=1)

    def notice(self) -> None:
        """Look for deliveries now."""
        self._noticed.set()

    def hold(self, delivery_ids: Collection[str]) -> None:
        """Keep these back until `release`. Call it within the change that made them."""
        self._held.update(delivery_ids)

    def release(self, delivery_ids: Collection[str]) -> None:
        """Let these go out."""
        self._held.difference_update(delivery_ids)
        self.notice()

    def wait_until_attempted(self, delivery_ids: Collection[str]) -> None:
        """Return when each of these was tried once, or would have timed out."""
        self.notice()
        with self._attempted:
            self._attempted.wait_for(lambda: self._were_attempted(delivery_ids), TIMEOUT_SECONDS + 1)

    def wait_until_idle(self, seconds: float) -> None:
        """Return when no delivery is due or under way, or after so many seconds."""
        self.notice()
        with self._attempted:
            self._attempted.wait_for(self._is_idle, seconds)

    def _is_idle(self) -> bool:
        with self._state.read() as world:
            return all(d.status != "waiting" or d.next_attempt_at > now_ms() for d in world.deliveries)

    def _were_attempted(self, delivery_ids: Collection[str]) -> bool:
        with self._state.read() as world:
            return all(d.attempts for d in world.deliveries if d.delivery_id in delivery_ids)

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # neither proxies nor .netrc: the callback is called as it is given
            while not self._stopping.is_set():
                self._noticed.clear()
                attempt, pause_seconds = self._next_attempt()
                if attempt is None:
                    self._noticed.wait(pause_seconds)
                else:
                    self._record(attempt, self._post(session, attempt))

    def _next_attempt(self) -> tuple[_Attempt | None, float | None]:
        """Find what is due, or else the seconds until something will be; None for both: nothing waits."""
        with self._state.read() as world:
            if world.callback is None:
                return None, None
            waiting = [d for d in world.deliveries if d.status == "waiting" and d.delivery_id not in self._held]
            now = now_ms()
            for delivery in waiting:
                if delivery.next_attempt_at <= now:
                    body = delivery.body.encode("ascii")
                    return _Attempt(delivery.delivery_id, world.callback.url, body), None
            if not waiting:
                return None, None
            return None, (min(d.next_attempt_at for d in waiting) - now) / 1000

    def _post(self, session: requests.Session, attempt: _Attempt) -> int | None:
        """Deliver, and return the HTTP status; None if no answer came, or it is to be lost."""
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "deflate, gzip",
            "User-Agent": "facebookexternalua",
            "Content-Type": "application/json",
            "Facebook-API-Version": self._api_version,
            **signature_headers(self._secret(), attempt.body),
        }
        try:
            answer = session.post(
                attempt.url, attempt.body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException:
            return None
        with self._faults.open() as faults:
            lost = faults.take_lost_webhook_answer()
        return None if lost else answer.status_code

    def _secret(self) -> str:
        """Which app's secret signs is not documented for Instagram Login; some have seen the one, some the other."""
        with self._state.read() as world, self._faults.open() as faults:
            return world.instagram_app_secret if faults.sign_with_instagram_secret else world.app_secret

    def _record(self, attempt: _Attempt, status: int | None) -> None:
        with self._state.change() as world:
            for delivery in world.deliveries:
                if delivery.delivery_id == attempt.delivery_id:
                    self._note(delivery, status)
        with self._attempted:
            self._attempted.notify_all()

    def _note(self, delivery: Delivery, status: int | None) -> None:
        now = now_ms()
        delivery.attempts += 1
        delivery.last_http_status = status
        if status == 200:
            delivery.status = "accepted"
        elif now - delivery.created_at >= GIVE_UP_AFTER_MS:
            delivery.status = "dropped"
        else:
            delay = self._delays_ms[min(delivery.attempts, len(self._delays_ms)) - 1]
            delivery.next_attempt_at = now + delay
