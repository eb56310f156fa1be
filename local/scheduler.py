"""EventBridge's schedules on one machine: invoke a function when the system starts, and then at its rate.

At the start every schedule is due: what came due while the machine was off is taken up at once.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.environments import InvocationFailed
from local.template import Function, Schedule

_GRACE_SECONDS = 5


class Scheduler:
    """Invokes one function on all its schedules: one run at a time, and none to make up for one that was missed."""

    def __init__(
        self,
        function: Function,
        invoke: Callable[[Mapping[str, Any]], Any],
        *,
        clock: Callable[[], float] = time.monotonic,
        stopping: threading.Event | None = None,
    ) -> None:
        self._schedules = function.schedules
        self._invoke = invoke
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"schedule-{function.name}", daemon=True)

    def start(self) -> None:
        """Invoke for the first time, and go on."""
        self._thread.start()

    def stop(self) -> None:
        """Invoke no more, and wait a little for the invocation in work: it may need minutes, and the next goes on."""
        self._stopping.set()
        self._thread.join(_GRACE_SECONDS)

    def _run(self) -> None:
        due = dict.fromkeys(self._schedules, self._clock())
        while True:
            schedule = min(due, key=due.__getitem__)
            if self._stopping.wait(max(0, due[schedule] - self._clock())):
                return
            self._work(schedule)
            due[schedule] = max(due[schedule] + schedule.seconds, self._clock())

    def _work(self, schedule: Schedule) -> None:
        try:
            self._invoke(event_of(schedule))
        except InvocationFailed as error:
            if not self._stopping.is_set():
                print(f"  {error}; its log says why")


def event_of(schedule: Schedule) -> Any:
    """Return the event of one run: the schedule's own input, or the notification that AWS sends where there is none.

    https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
    """
    if schedule.input is not None:
        return json.loads(schedule.input)
    service, resource = ("events", "rule") if schedule.is_rule else ("scheduler", "schedule/default")
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": f"aws.{service}",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:{service}:us-east-1:000000000000:{resource}/{schedule.name}"],
        "detail": {} if schedule.is_rule else "{}",  # EventBridge Scheduler sends it as text
    }
