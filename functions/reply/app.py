"""The turn queue: answer one conversation's unanswered messages, once."""

from dataclasses import asdict

from connector import records, settings
from connector.envelopes import TurnMessage, read
from connector.logs import count, logger
from connector.tenancy import Tenant
from connector.wiring.turns import turn_taker


def _answer(body: str) -> None:
    message = TurnMessage.of(read(body))
    taker = turn_taker(Tenant(message.subaccount_id, message.agent_id))
    outcome = taker.answer(message.user_id, message.message_key)
    if outcome is not None:
        count("TurnPutOff" if outcome.again_in_seconds else f"Turn{outcome.state.value.capitalize()}")
        logger.info("turn", extra=asdict(outcome))


handler = records.entry(_answer, settings.turn_queue_url)
