"""Each minute: schedule the turns that were left hanging, and list the messages that readers would not find."""

from typing import Any

from connector.logs import count, logger, metrics
from connector.wiring import stores, workers

_LIMIT = 1000  # turns in one run; more wait a minute
_LISTING_SECONDS = 20


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Run once. An error is the invocation's: the next run, a minute later, does what this one could not."""
    scheduled = workers.sweep().run(_LIMIT)
    count("TurnsSwept", scheduled)
    if scheduled:
        logger.warning("turns taken up again", extra={"turns": scheduled})
    if listed := stores.unlisted().list_for(_LISTING_SECONDS):
        count("ChatsListed", listed)
