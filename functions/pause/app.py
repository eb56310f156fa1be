"""POST …/instagram/pause: keep the agent silent, in one conversation or in all."""

from datetime import timedelta

from connector import http
from connector.contract.base import Success
from connector.contract.pausing import Paused, PauseRequest
from connector.tenancy import Tenant
from connector.wiring.senders import pausing

app = http.api()


@app.post(f"{http.PREFIX}/pause")
def post(subaccount_id: str, agent_id: str, body: PauseRequest) -> Success[Paused]:
    """Pause, and answer until when."""
    until = pausing(Tenant(subaccount_id, agent_id)).pause(body.user_id, timedelta(minutes=body.minutes))
    return Success(data=Paused(is_paused=True, paused_until=until, user_id=body.user_id))


handler = http.entry(app, database_seconds=5)
