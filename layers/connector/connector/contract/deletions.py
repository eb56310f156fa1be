"""The bodies and answers of forget, and of disconnect where it deletes the chats too."""

from typing import Annotated, Literal, Self

from pydantic import Field

from connector.contract.base import Asked, Body, MetaId, Success
from connector.contract.connection import Disconnected
from connector.contract.remedies import deletion_remedy_of
from connector.deletions import AtRetell, Deletion, DeletionStatus, RetellStatus


class ForgetRequest(Asked):
    """The customer of whom nothing is to stay."""

    user_id: MetaId


class DisconnectRequest(Asked):
    """What is to go with the connection."""

    purge: Annotated[bool, Field(strict=True)] = False


class RetellProblem(Body):
    """Why the last attempt to delete a chat at Retell failed, and what to do about it."""

    code: str
    message: str
    remedy: str


class RetellView(Body):
    """How far the deletion of the chats at Retell has come."""

    status: RetellStatus
    chats_left: int
    error: RetellProblem | None = None

    @classmethod
    def of(cls, at_retell: AtRetell, *, is_done: bool) -> Self:
        """Return it for a deletion. Which chats there are at Retell is known only when all is deleted here."""
        status = RetellStatus.PENDING if not is_done and not at_retell.left else at_retell.status
        message, remedy = deletion_remedy_of(at_retell.problem or "")
        error = RetellProblem(code=at_retell.problem, message=message, remedy=remedy) if at_retell.problem else None
        return cls(status=status, chats_left=at_retell.left, error=error)


class Forgotten(Body):
    """How far a deletion has come, and where that can be seen. `status` is about everything, `retell` about Retell."""

    confirmation_code: str
    status: DeletionStatus
    status_url: str
    retell: RetellView

    @classmethod
    def of(cls, deletion: Deletion, status_url: str) -> Self:
        """Return it for a deletion."""
        retell = RetellView.of(deletion.at_retell, is_done=deletion.status is DeletionStatus.DONE)
        return cls(confirmation_code=deletion.code, status=deletion.status, status_url=status_url, retell=retell)


class Purged(Forgotten):
    """What disconnect answers where it deletes the chats too."""

    is_connected: Literal[False] = False


# In this order: read as the shorter one, the longer answer would lose the rest.
DisconnectAnswer = Annotated[Success[Purged] | Success[Disconnected], Field(union_mode="left_to_right")]
