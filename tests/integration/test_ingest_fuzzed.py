"""Whatever the webhook queues, ingest takes it, once as well as twice, and its turn can be taken.

The daily run tries a hundred bodies; HYPOTHESIS_PROFILE=long ten thousand, in about six minutes.
"""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from pymongo.database import Database

from connector.envelopes import InboxMessage, Route
from connector.instagram.notifications import Notification, UnreadableBody, split
from connector.queues import Queue
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from tests.integration.world import TENANT, World
from tests.unit.mutations import mutated_bodies
from tests.unit.payloads import SENT_AT
from tests.unit.strict_sqs import StrictSqs
from tests.unit.webhook_function import queued

ROUTE = Route(TENANT.subaccount_id, TENANT.agent_id)
FILLED = ("chats", KEPT_EVENTS)
MOST = 20  # messages of one body: doubled ones only cost time


@settings(suppress_health_check=[*HealthCheck])
@given(mutated_bodies())
def test_b9_a20_whatever_is_queued_ingest_takes_it_and_the_second_time_changes_nothing(
    world: World, database: Database[dict[str, Any]], raw: bytes
):
    try:
        messages = _off_the_queue(split(_sent_now(raw))[:MOST])
        for message in messages:
            world.ingest().take(message)
        before = _stored(database)
        for message in messages:
            world.ingest().take(message)
        assert _stored(database) == before
        for chat in database["chats"].find():
            world.clock.ahead = timedelta(seconds=10)
            world.worker().answer(chat["metadata"]["userId"], None)
    except UnreadableBody:
        return
    finally:
        for name in FILLED:
            database[name].delete_many({})
        world.queue.messages.clear()
        world.clock.ahead = timedelta()


def _sent_now(raw: bytes) -> bytes:
    """Return a body whose events are not too old to be taken, where mutation has left their times."""
    ms = [str(int(at.timestamp() * 1000)).encode() for at in (SENT_AT, now() - timedelta(seconds=5))]
    return raw.replace(*ms)


def _off_the_queue(notifications: list[Notification]) -> list[InboxMessage]:
    """Return what ingest gets of these notifications by either path, when SQS has had them."""
    sqs = StrictSqs()
    received_at = int(now().timestamp() * 1000)
    Queue(sqs, "url").send_all(  # type: ignore[arg-type]
        InboxMessage(one, route, received_at) for one in notifications for route in (None, ROUTE)
    )
    return queued(sqs)


def _stored(database: Database[dict[str, Any]]) -> str:
    """Return everything that is stored, but for when it was last written: as text, since NaN is not equal to NaN."""
    return str({name: list(database[name].find({}, {"updatedAt": 0}).sort("_id", 1)) for name in FILLED})
