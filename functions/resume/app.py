"""POST …/instagram/resume: let the agent speak again, in one conversation or in all."""

from connector import http
from connector.contract.base import Success
from connector.contract.pausing import Paused, ResumeRequest
from connector.tenancy import Tenant
from connector.wiring.senders import pausing

app = http.api()


@app.post(f"{http.PREFIX}/resume")
def post(subaccount_id: str, agent_id: str, body: ResumeRequest) -> Success[Paused]:
    """Resume, and say so."""
    pausing(Tenant(subaccount_id, agent_id)).resume(body.user_id)
    return Success(data=Paused(is_paused=False, user_id=body.user_id))


handler = http.entry(app, database_seconds=5)
