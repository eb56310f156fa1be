"""Each minute: schedule the turns that were left hanging, and list the messages that readers would not find."""

from contextlib import suppress

from connector.errors import IndexesMissing
from connector.handlers import scheduled_handler
from connector.logs import count, logger
from connector.wiring import stores, workers

_LIMIT = 1000  # turns in one run; more wait a minute
_LISTING_SECONDS = 20


def _run() -> None:
    stores.report_indexes()
    with suppress(IndexesMissing):
        scheduled = workers.sweep().run(_LIMIT)
        count("TurnsSwept", scheduled)
        if scheduled:
            logger.warning("turns taken up again", extra={"turns": scheduled})
    with suppress(IndexesMissing):
        if listed := stores.unlisted().list_for(_LISTING_SECONDS):
            count("ChatsListed", listed)


handler = scheduled_handler(_run)
