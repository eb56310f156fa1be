"""GET …/instagram/status: say whether this chat agent is connected, and to which account."""

from connector import http
from connector.contract.base import Success
from connector.contract.connection import Status
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/status")
def get(subaccount_id: str, agent_id: str) -> Success[Status]:
    """Answer from what is stored."""
    tenant = Tenant(subaccount_id, agent_id)
    webhook_path = app.current_event.path.removesuffix("status") + "webhook"
    return Success(data=Status.of(stores.connections().get(tenant), webhook_path))


handler = http.entry(app)
