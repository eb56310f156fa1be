"""GET …/instagram/messages: this connection's messages, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector import http
from connector.contract.base import Success
from connector.contract.messages import Messages
from connector.contract.queries import MessagesQuery
from connector.conversation.cursors import Cursors
from connector.conversation.history import read_page
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/messages")
def get(subaccount_id: str, agent_id: str, query: Annotated[MessagesQuery, Query()]) -> Success[Messages]:
    """Answer with one page of what all filters let through."""
    http.refuse_unknown_query(app, MessagesQuery)
    tenant = Tenant(subaccount_id, agent_id)
    cursors = Cursors(tenant, "messages")
    page = read_page(stores.pages(tenant), cursors, limit=query.limit, cursor=query.cursor, filters=query.filters())
    return Success(data=Messages.of(page))


handler = http.entry(app)
