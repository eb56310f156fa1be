"""POST …/instagram/forget: delete for good all that is stored of one customer."""

from connector import http
from connector.contract.base import Success
from connector.contract.deletions import ForgetRequest, Forgotten
from connector.deletion_page import status_url
from connector.tenancy import Tenant
from connector.wiring.forgetting import forgetting

app = http.api()


@app.post(f"{http.PREFIX}/forget")
def post(subaccount_id: str, agent_id: str, body: ForgetRequest) -> Success[Forgotten]:
    """Delete, and answer how far that has come."""
    deletion = forgetting().customer(Tenant(subaccount_id, agent_id), body.user_id)
    return Success(data=Forgotten.of(deletion, status_url(app.current_event.raw_event, deletion)))


handler = http.entry(app)
