"""What can be asked of the routes that read: the parameters of their queries."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from connector.chat import MessageStatus, Role
from connector.contract.base import AskedTime, MetaId
from connector.conversation.history import MOST_CHARACTERS
from connector.instagram.links import MOST_REF_CHARACTERS

Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=100)]
OfUser = Annotated[MetaId | None, Query(alias="userId")]
OfRole = Annotated[Role | None, Query()]
OfStatus = Annotated[MessageStatus | None, Query()]
Moment = Annotated[AskedTime | None, Query()]
Text = Annotated[str | None, Query(min_length=1, max_length=MOST_CHARACTERS)]
Live = Annotated[bool, Query()]
Ref = Annotated[str | None, Query(max_length=MOST_REF_CHARACTERS, pattern=r"^[A-Za-z0-9_=-]*$")]
