"""Each five minutes: carry on deletions, delete unused secrets, and delete what is older than the retention."""

from typing import Any

from connector.logs import count, logger, metrics
from connector.wiring import stores
from connector.wiring.forgetting import forgetting

DELETING_SECONDS = 120
KEEPING_SECONDS = 60


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> None:
    """Run once. An error is the invocation's: the next run, five minutes later, does what this one could not."""
    stores.ensure_indexes()
    secret_sets = stores.secret_sets()
    secret_sets.ensure_index()
    count("UnusedSecretsDeleted", secret_sets.clear_all())
    count("DeletionsDone", forgetting().carry_on(DELETING_SECONDS))
    count("ExpiriesSet", stores.retention().keep_up(KEEPING_SECONDS))
