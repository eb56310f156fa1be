"""Every five minutes: compare what Instagram keeps with what is stored, where the half hour is over."""

from connector.handlers import scheduled_handler
from connector.lifecycle.comparing import RUN_SECONDS
from connector.logs import count
from connector.wiring import recovery


def _run() -> None:
    for metric, value in recovery.patrol().run(RUN_SECONDS).items():
        count(metric, value)


handler = scheduled_handler(_run)
