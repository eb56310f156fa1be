"""What stores and schedules, with its real parts."""

from datetime import timedelta

from connector import settings
from connector.conversation.ingest import Ingest
from connector.conversation.opting import OptingWords
from connector.conversation.scheduling import Schedule
from connector.conversation.sweep import Sweep
from connector.storage.documents import now
from connector.wiring import stores


def ingest() -> Ingest:
    """Return what takes events in."""
    return Ingest(
        stores.connections(),
        stores.chats,
        stores.changes,
        stores.outbox,
        stores.kept_events,
        stores.tombstones,
        Schedule(
            stores.turn_queue(),
            timedelta(seconds=settings.quiet_seconds()),
            timedelta(seconds=settings.media_quiet_seconds()),
        ),
        timedelta(minutes=settings.pause_minutes()),
        OptingWords.of(settings.opt_out_words(), settings.opt_in_words()),
        timedelta(minutes=settings.answer_recovered_minutes()),
        stores.unattended(),
    )


def sweep() -> Sweep:
    """Return what takes up the turns that were left hanging."""
    return Sweep(stores.waiting(), stores.turn_queue(), now)
