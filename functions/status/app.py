"""GET …/instagram/status: say how this chat agent's connection is, from what is stored or by asking now."""

from connector import http
from connector.contract.base import Success
from connector.contract.connection import Status
from connector.contract.queries import Live, Ref
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import lifecycle, stores

app = http.api()


@app.get(f"{http.PREFIX}/status")
def get(subaccount_id: str, agent_id: str, *, live: Live = False, ref: Ref = None) -> Success[Status]:
    """Answer with what is known; with `live`, after having asked Meta and Retell."""
    http.refuse_unknown_query(app, "live", "ref")
    connection = stores.connections().get(Tenant(subaccount_id, agent_id))
    if live and connection is not None and connection.holds_account:
        connection = lifecycle.doctor().examine(connection)
    webhook_path = app.current_event.path.removesuffix("status") + "webhook"
    return Success(data=Status.of(connection, webhook_path, now(), ref, unattended=stores.unattended()))


handler = http.entry(app)
