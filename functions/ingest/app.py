"""The inbox queue: write each event into its chat, and schedule the turn it may ask for."""

from connector import records, settings
from connector.envelopes import read_inbox
from connector.logs import count
from connector.wiring import workers


def _take(body: str) -> None:
    count(workers.ingest().take(read_inbox(body)))


handler = records.entry(_take, settings.inbox_queue_url, renews=True)
