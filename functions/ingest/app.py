"""The inbox queue: write each event into its chat, and schedule the turn it may ask for."""

from functools import cache

from connector import records, settings
from connector.conversation.ingest import Ingest
from connector.envelopes import read_inbox
from connector.logs import count
from connector.wiring import workers


@cache
def _ingest() -> Ingest:
    return workers.ingest()


def _take(body: str) -> None:
    count(_ingest().take(read_inbox(body)))


handler = records.entry(_take, settings.inbox_queue_url)
