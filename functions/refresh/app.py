"""Every ten minutes: look after the connections whose hour is over, before anything about them rots."""

from typing import Any

from connector.lifecycle.upkeep import RUN_SECONDS
from connector.logs import count, logger, metrics
from connector.wiring import lifecycle


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Run once. An error is the invocation's: the next run, ten minutes later, does what this one could not."""
    for metric, value in lifecycle.patrol().run(RUN_SECONDS).items():
        count(metric, value)
