"""GET …/instagram/conversations: the inbox, a row for each customer, the one last written in first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector import http
from connector.contract.base import Success
from connector.contract.conversations import ConversationsView
from connector.contract.queries import ConversationsQuery
from connector.conversation.conversations import read_rows
from connector.conversation.cursors import Cursors
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/conversations")
def get(subaccount_id: str, agent_id: str, query: Annotated[ConversationsQuery, Query()]) -> Success[ConversationsView]:
    """Answer with one page, or with the row of one user."""
    http.refuse_unknown_query(app, ConversationsQuery)
    tenant = Tenant(subaccount_id, agent_id)
    rows = read_rows(
        stores.conversations(tenant),
        stores.pages(tenant),
        Cursors(tenant, "conversations"),
        limit=query.limit,
        cursor=query.cursor,
        user_id=query.user_id,
    )
    return Success(data=ConversationsView.of(rows, now()))


handler = http.entry(app)
