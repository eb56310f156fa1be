"""The turn queue: answer one conversation's unanswered messages, once."""

from dataclasses import asdict
from datetime import timedelta

from connector import records, settings
from connector.conversation.turn import TurnTaker
from connector.envelopes import TurnMessage, read
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.logs import count, logger
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores

_LEASE = timedelta(seconds=135)  # this function's timeout, and 15 s for clocks that differ


def _answer(body: str) -> None:
    message = TurnMessage.of(read(body))
    tenant = Tenant(message.subaccount_id, message.agent_id)
    taker = TurnTaker(
        tenant,
        stores.connections(),
        stores.chats(tenant),
        stores.turns(tenant),
        stores.turn_queue(),
        outside.asker,
        outside.delivery,
        now,
        _LEASE,
        MAX_TEXT_BYTES,
        settings.fallback_text(),
    )
    outcome = taker.answer(message.user_id, message.message_key)
    if outcome is not None:
        count("TurnPutOff" if outcome.again_in_seconds else f"Turn{outcome.state.value.capitalize()}")
        logger.info("turn", extra=asdict(outcome))


handler = records.entry(_answer, settings.turn_queue_url)
