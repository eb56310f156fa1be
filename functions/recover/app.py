"""POST …/instagram/recover: find the messages that Instagram has and that nobody told us of."""

from connector import http
from connector.contract.base import Success
from connector.contract.recovering import Recovered, RecoverRequest
from connector.logs import count
from connector.tenancy import Tenant
from connector.wiring.recovery import recovery

app = http.api()
_ALL = RecoverRequest()


@app.post(f"{http.PREFIX}/recover")
def post(subaccount_id: str, agent_id: str, body: RecoverRequest = _ALL) -> Success[Recovered]:
    """Compare, have what is missing taken in, and say what was found."""
    found = recovery().recover(Tenant(subaccount_id, agent_id), body.user_id)
    count("ConversationsCompared", found.checked)
    count("MessagesRecovered", found.recovered)
    return Success(data=Recovered.of(found))


handler = http.entry(app)
