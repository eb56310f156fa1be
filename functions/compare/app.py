"""Every five minutes: compare what Instagram keeps with what is stored, where the half hour is over."""

from typing import Any

from connector.lifecycle.comparing import RUN_SECONDS
from connector.logs import count, logger, metrics
from connector.wiring import recovery


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Run once. An error is the invocation's: the next run, five minutes later, does what this one could not."""
    for metric, value in recovery.patrol().run(RUN_SECONDS).items():
        count(metric, value)
