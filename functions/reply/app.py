"""The turn queue: answer one conversation's unanswered messages, once; or fetch a message whose webhook was lost."""

from dataclasses import asdict

from connector import records, settings
from connector.envelopes import FetchMessage, TurnMessage, read_task
from connector.logs import count, identify, logger
from connector.tenancy import Tenant
from connector.wiring.recovery import recovery
from connector.wiring.turns import turn_taker


def _work(body: str) -> None:
    message = read_task(body)
    tenant = Tenant(message.subaccount_id, message.agent_id)
    identify(tenant)
    if isinstance(message, FetchMessage):
        outcome = recovery().fetch(message)
        count(outcome)
        logger.info("fetch", extra={"outcome": outcome})
    else:
        _answer(tenant, message)


def _answer(tenant: Tenant, message: TurnMessage) -> None:
    taker = turn_taker(tenant)
    outcome = taker.answer(message.user_id, message.message_key)
    if outcome is not None:
        count("TurnPutOff" if outcome.again_in_seconds else f"Turn{outcome.state.value.capitalize()}")
        logger.info("turn", extra=asdict(outcome))


handler = records.entry(_work, settings.turn_queue_url)
