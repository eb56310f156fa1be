"""POST …/instagram/connect: join this chat agent to an Instagram account."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header

from connector import http
from connector.contract.base import IdempotencyKey, Success
from connector.contract.connection import ConnectAnswer, ConnectRequest, connect_answer
from connector.tenancy import Tenant
from connector.wiring import lifecycle, stores

app = http.api()


@app.post(f"{http.PREFIX}/connect")
def post(
    subaccount_id: str,
    agent_id: str,
    body: ConnectRequest,
    key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None,
) -> ConnectAnswer:
    """Check the account with Meta and the agent with Retell, subscribe to messages, and store the connection."""
    tenant = Tenant(subaccount_id, agent_id)
    stores.ensure_indexes()
    connection = lifecycle.connecting().connect(tenant, body.wish(agent_id, http.caller(app).lists_agent), key=key)
    return Success(data=connect_answer(connection))


handler = http.entry(app)
