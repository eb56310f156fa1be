"""GET …/instagram/messages: this connection's messages, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector import http
from connector.contract.base import MetaId, Success
from connector.contract.messages import Messages
from connector.conversation.history import read_page
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
) -> Success[Messages]:
    """Answer with one page, of everybody or of one user."""
    http.refuse_unknown_query(app, "limit", "cursor", "userId")
    pages = stores.pages(Tenant(subaccount_id, agent_id))
    return Success(data=Messages.of(read_page(pages, limit=limit, cursor=cursor, user_id=user_id)))


handler = http.entry(app)
