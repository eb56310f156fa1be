"""The inbox queue: write each event into its chat, and schedule the turn it may ask for."""

from connector import records, settings
from connector.envelopes import read_inbox
from connector.logs import count, identify, logger
from connector.tenancy import Tenant
from connector.wiring import workers


def _take(body: str) -> None:
    message = read_inbox(body)
    if message.route:
        identify(Tenant(message.route.subaccount_id, message.route.agent_id))
    outcome = workers.ingest().take(message)
    count(outcome)
    logger.info("event", extra={"outcome": outcome})


handler = records.entry(_take, settings.inbox_queue_url, renews=True)
