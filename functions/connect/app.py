"""POST …/instagram/connect: join this chat agent to an Instagram account."""

from connector import http, settings
from connector.contract.base import Success
from connector.contract.connection import Connected, ConnectRequest
from connector.lifecycle.connect import Wish, connect
from connector.tenancy import Tenant
from connector.wiring import outside, stores

app = http.api()


@app.post(f"{http.PREFIX}/connect")
def post(subaccount_id: str, agent_id: str, body: ConnectRequest) -> Success[Connected]:
    """Check the account with Meta, subscribe to its messages, and store the connection."""
    tenant = Tenant(subaccount_id, agent_id)
    stores.ensure_indexes(tenant)
    wish = Wish(
        access_token=body.access_token,
        account_id=body.instagram_account_id,
        page_id=body.page_id,
        verify_token=body.webhook_verification_token,
        retell_agent_id=body.retell_agent_id or agent_id,
        app_secret=body.app_secret,
    )
    connection = connect(
        tenant,
        wish,
        graph_of=outside.graph,
        connections=stores.connections(),
        secrets=stores.secrets(),
        key_id=settings.secrets_key_id(),
    )
    return Success(data=Connected.of(connection))


handler = http.entry(app)
