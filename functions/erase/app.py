"""Each five minutes: carry on deletions, delete unused secrets, and delete what is older than the retention."""

from connector.handlers import scheduled_handler
from connector.logs import count
from connector.wiring import stores
from connector.wiring.forgetting import forgetting

DELETING_SECONDS = 120
KEEPING_SECONDS = 60


def _run() -> None:
    stores.report_indexes()
    count("UnusedSecretsDeleted", stores.secret_sets().clear_all())
    count("DeletionsDone", forgetting().carry_on(DELETING_SECONDS))
    count("ExpiriesSet", stores.retention().keep_up(KEEPING_SECONDS))


handler = scheduled_handler(_run)
