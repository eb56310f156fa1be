"""Each five minutes: carry on deletions, here and at Retell, delete unused secrets, and apply the retention."""

from connector.handlers import scheduled_handler
from connector.logs import count
from connector.wiring import stores
from connector.wiring.forgetting import forgetting, retell_deletion

DELETING_SECONDS = 90
KEEPING_SECONDS = 60
RETELL_SECONDS = 40


def _run() -> None:
    stores.report_indexes()
    count("UnusedSecretsDeleted", stores.secret_sets().clear_all())
    count("DeletionsDone", forgetting().carry_on(DELETING_SECONDS))
    count("ExpiriesSet", stores.retention().keep_up(KEEPING_SECONDS))
    count("RetellChatsDeleted", retell_deletion().run(RETELL_SECONDS))


handler = scheduled_handler(_run)
