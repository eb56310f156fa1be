"""POST …/instagram/disconnect: end this chat agent's connection. The chats stay."""

from connector import http
from connector.contract.base import Success
from connector.contract.connection import Disconnected
from connector.tenancy import Tenant
from connector.wiring import lifecycle

app = http.api()


@app.post(f"{http.PREFIX}/disconnect")
def post(subaccount_id: str, agent_id: str) -> Success[Disconnected]:
    """Stop speaking, unsubscribe at Meta, forget the secrets."""
    lifecycle.disconnecting().disconnect(Tenant(subaccount_id, agent_id))
    return Success(data=Disconnected())


handler = http.entry(app)
