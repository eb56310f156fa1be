"""POST …/instagram/send: send a customer what a person wrote."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header

from connector import http
from connector.contract.base import IdempotencyKey, Success
from connector.contract.content import Reaction, Typing
from connector.contract.sending import Acted, SendRequest, SentView
from connector.tenancy import Tenant
from connector.wiring.senders import sender

app = http.api()


@app.post(f"{http.PREFIX}/send")
def post(
    subaccount_id: str,
    agent_id: str,
    body: SendRequest,
    key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None,
) -> Success[SentView] | Success[Acted]:
    """Store the message, send it once, and answer with the message as it stands then."""
    send = sender(Tenant(subaccount_id, agent_id))
    match body.message:
        case Reaction(mid=mid, reaction=reaction):
            send.react(body.to, mid, reaction)
            return Success(data=Acted(done="reaction"))
        case Typing():
            send.show_typing(body.to)
            return Success(data=Acted(done="typing"))
    chat, sent = send.send(
        body.to, body.letters(), reply_to=body.reply_to, pauses_agent=body.pause_agent, idempotency_key=key
    )
    return Success(data=SentView.of_all(sent, user_id=body.to, chat_id=chat.chat_id if chat else None))


handler = http.entry(app)
