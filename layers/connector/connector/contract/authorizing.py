"""What can be asked of authorize, and what it answers."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector.accounts import Login
from connector.contract.base import AgentId, Body, MetaId, Time

OfLogin = Annotated[Login, Query()]
ReturnUrl = Annotated[str | None, Query(alias="returnUrl", min_length=1, max_length=2048)]
OfRetellAgent = Annotated[AgentId | None, Query(alias="retellAgentId")]
OfAccount = Annotated[MetaId | None, Query(alias="instagramAccountId")]


class Invited(Body):
    """Where the account's owner logs in, and until when the address is good."""

    url: str
    expires_at: Time
