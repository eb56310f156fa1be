"""GET …/instagram/conversations: the inbox, a row for each customer, the one last written in first."""

from connector import http
from connector.contract.base import Success
from connector.contract.conversations import ConversationsView
from connector.contract.queries import Cursor, Limit, OfUser
from connector.conversation.conversations import read_rows
from connector.conversation.cursors import Cursors
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/conversations")
def get(
    subaccount_id: str, agent_id: str, limit: Limit = 50, cursor: Cursor = None, user_id: OfUser = None
) -> Success[ConversationsView]:
    """Answer with one page, or with the row of one user."""
    http.refuse_unknown_query(app, "limit", "cursor", "userId")
    tenant = Tenant(subaccount_id, agent_id)
    rows = read_rows(
        stores.conversations(tenant),
        stores.pages(tenant),
        Cursors(tenant, "conversations"),
        limit=limit,
        cursor=cursor,
        user_id=user_id,
    )
    return Success(data=ConversationsView.of(rows, stores.connections().get(tenant), now()))


handler = http.entry(app, database_seconds=5)
