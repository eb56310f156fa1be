"""GET …/instagram/messages: this connection's messages, newest first."""

from connector import http
from connector.contract.base import Success
from connector.contract.messages import Messages
from connector.contract.queries import Cursor, Limit, Moment, OfRole, OfStatus, OfUser, Text
from connector.conversation.cursors import Cursors
from connector.conversation.history import Filters, read_page
from connector.ports.reading import Scope
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/messages")
def get(
    subaccount_id: str,
    agent_id: str,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
    user_id: OfUser = None,
    role: OfRole = None,
    status: OfStatus = None,
    since: Moment = None,
    until: Moment = None,
    q: Text = None,
) -> Success[Messages]:
    """Answer with one page of what all filters let through."""
    http.refuse_unknown_query(app, "limit", "cursor", "userId", "role", "status", "since", "until", "q")
    tenant = Tenant(subaccount_id, agent_id)
    filters = Filters(Scope(user_id, role, since, until), status, q)
    page = read_page(stores.pages(tenant), Cursors(tenant, "messages"), limit=limit, cursor=cursor, filters=filters)
    return Success(data=Messages.of(page))


handler = http.entry(app, database_seconds=5)
