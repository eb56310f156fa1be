"""POST …/instagram/disconnect: end this chat agent's connection. The chats stay, unless they are to go too."""

from connector import http
from connector.contract.base import Success
from connector.contract.connection import Disconnected
from connector.contract.deletions import DisconnectAnswer, DisconnectRequest, Purged
from connector.deletion_page import status_url
from connector.tenancy import Tenant
from connector.wiring import lifecycle
from connector.wiring.forgetting import forgetting

app = http.api()
_KEEP = DisconnectRequest()


@app.post(f"{http.PREFIX}/disconnect")
def post(subaccount_id: str, agent_id: str, body: DisconnectRequest = _KEEP) -> DisconnectAnswer:
    """Stop speaking, unsubscribe at Meta, forget the secrets, and perhaps the chats."""
    tenant = Tenant(subaccount_id, agent_id)
    if body.purge:
        http.audit_as(app, "purge")
    lifecycle.disconnecting().disconnect(tenant)
    if not body.purge:
        return Success(data=Disconnected())
    deletion = forgetting().everybody(tenant)
    return Success(data=Purged.of(deletion, status_url(app.current_event.raw_event, deletion)))


handler = http.entry(app)
