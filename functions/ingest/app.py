"""The inbox queue: write each event into its chat, and schedule the turn it may ask for."""

from datetime import timedelta
from functools import cache

from connector import records, settings
from connector.conversation.ingest import Ingest
from connector.envelopes import InboxMessage, read
from connector.logs import count
from connector.wiring import stores


@cache
def _ingest() -> Ingest:
    quiet, pause = timedelta(seconds=settings.quiet_seconds()), timedelta(minutes=settings.pause_minutes())
    return Ingest(
        stores.connections(),
        stores.chats,
        stores.changes,
        stores.outbox,
        stores.kept_events,
        stores.turn_queue(),
        quiet,
        pause,
    )


def _take(body: str) -> None:
    count(_ingest().take(InboxMessage.of(read(body))))


handler = records.entry(_take, settings.inbox_queue_url)
