"""The bodies and answers of forget, and of disconnect where it deletes the chats too."""

from typing import Annotated, Literal, Self

from pydantic import Field

from connector.contract.base import Asked, Body, MetaId, Success
from connector.contract.connection import Disconnected
from connector.deletions import Deletion, DeletionStatus


class ForgetRequest(Asked):
    """The customer of whom nothing is to stay."""

    user_id: MetaId


class DisconnectRequest(Asked):
    """What is to go with the connection."""

    purge: Annotated[bool, Field(strict=True)] = False


class Forgotten(Body):
    """How far a deletion has come, and where that can be seen."""

    confirmation_code: str
    status: DeletionStatus
    status_url: str

    @classmethod
    def of(cls, deletion: Deletion, status_url: str) -> Self:
        """Return it for a deletion."""
        return cls(confirmation_code=deletion.code, status=deletion.status, status_url=status_url)


class Purged(Forgotten):
    """What disconnect answers where it deletes the chats too."""

    is_connected: Literal[False] = False


# In this order: read as the shorter one, the longer answer would lose the rest.
DisconnectAnswer = Annotated[Success[Purged] | Success[Disconnected], Field(union_mode="left_to_right")]
