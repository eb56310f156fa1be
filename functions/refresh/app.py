"""Every ten minutes: look after the connections whose hour is over, before anything about them rots."""

from connector.handlers import scheduled_handler
from connector.lifecycle.upkeep import RUN_SECONDS
from connector.logs import count
from connector.wiring import lifecycle


def _run() -> None:
    for metric, value in lifecycle.patrol().run(RUN_SECONDS).items():
        count(metric, value)


handler = scheduled_handler(_run)
