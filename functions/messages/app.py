"""GET …/instagram/messages: this connection's messages, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector import http
from connector.chat import MessageStatus, Role
from connector.contract.base import AskedTime, MetaId, Success
from connector.contract.messages import Messages
from connector.conversation.cursors import Cursors
from connector.conversation.history import MOST_CHARACTERS, Filters, read_page
from connector.ports.reading import Scope
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/messages")
def get(
    subaccount_id: str,
    agent_id: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    user_id: Annotated[MetaId | None, Query(alias="userId")] = None,
    role: Annotated[Role | None, Query()] = None,
    status: Annotated[MessageStatus | None, Query()] = None,
    since: Annotated[AskedTime | None, Query()] = None,
    until: Annotated[AskedTime | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=MOST_CHARACTERS)] = None,
) -> Success[Messages]:
    """Answer with one page of the messages that all filters let through."""
    ...
