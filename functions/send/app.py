"""POST …/instagram/send: send a customer what a person wrote."""

from connector import http
from connector.contract.base import Success
from connector.contract.messages import MessageView
from connector.contract.sending import SendRequest
from connector.conversation.send import Sender
from connector.storage.documents import now
from connector.tenancy import Tenant
from connector.wiring import outside, stores

app = http.api()


@app.post(f"{http.PREFIX}/send")
def post(subaccount_id: str, agent_id: str, body: SendRequest) -> Success[MessageView]:
    """Store the message, send it once, and answer with the message as it stands then."""
    tenant = Tenant(subaccount_id, agent_id)
    sender = Sender(tenant, stores.connections(), stores.chats(tenant), outside.delivery, now)
    sent = sender.send(body.to, body.message)
    return Success(data=MessageView.of(sent.message, user_id=body.to, chat_id=sent.chat_id))


handler = http.entry(app)
