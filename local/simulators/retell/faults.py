"""The faults of the Retell simulator."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from local.simulators.retell import errors
from local.simulators.retell.errors import RetellError

type Count = Annotated[int, Field(ge=0, le=1_000_000)]


class FailedCalls(BaseModel):
    """Refuse the next `times` calls of a kind, which change nothing."""

    model_config = ConfigDict(extra="forbid")

    status: int = Field(default=500, ge=400, le=599)
    times: int = Field(default=1, ge=1)
    message: str = "An unexpected server error occurred."


class EndedChat(BaseModel):
    """How a message to a chat that has ended is refused: not documented, but what integrators have seen.

    `{chat_id}` in the message becomes the chat's id.
    """

    model_config = ConfigDict(extra="forbid")

    status: int = Field(default=400, ge=400, le=499)
    message: str = "Chat already ended"
    key: str = "message"

    def error(self, chat_id: str) -> RetellError:
        """Make the refusal."""
        return RetellError(self.status, self.message.replace("{chat_id}", chat_id), key=self.key)


class RateLimit(BaseModel):
    """Refuse the next `times` calls that create something; `retryAfter` is in seconds."""

    model_config = ConfigDict(extra="forbid")

    times: int = Field(default=1, ge=1)
    retry_after: float | None = Field(default=None, ge=0, alias="retryAfter")


class RetellFaults(BaseModel):
    """All settings; the defaults are Retell on a good day."""

    model_config = ConfigDict(extra="forbid")

    delay_seconds: float = Field(default=0, ge=0, le=900)  # between taking a message and answering it
    fail_completions: FailedCalls | None = None
    lose_completion_request: Count = 0  # the next n completions never reach Retell: nothing of them is stored
    lose_completion_answer: Count = 0  # the next n completions are done, their answers never arrive
    fail_deletions: FailedCalls | None = None  # of chats; a 403 is what a key without the right to delete gets
    lose_deletion_answer: Count = 0  # the next n chats are deleted, the answers never arrive
    fail_get_chat: Count = 0  # the next n times a chat is read, the answer is a 500
    hide_transcripts: bool = False  # chats are read without their messages, as where an agent's storage is off
    end_chats: bool = False  # done once, when it is set: all ongoing chats end
    forget_chats: bool = False  # done once, when it is set: all chats are gone, and asked for they are 422
    ended_chat: EndedChat = EndedChat()
    empty_answers: Count = 0  # the next n completions have no messages
    extra_messages: bool = False  # tool entries, a node transition and a second agent message
    rate_limit: RateLimit | None = None

    def refuse_creation(self) -> None:
        """Raise if the rate limit is reached."""
        limit = self.rate_limit
        if limit is not None:
            limit.times -= 1
            self.rate_limit = limit if limit.times else None
            raise errors.rate_limited(limit.retry_after)

    def refuse_completion(self) -> None:
        """Raise if this completion is to fail."""
        failed = self.fail_completions
        if failed is not None:
            failed.times -= 1
            self.fail_completions = failed if failed.times else None
            raise RetellError(failed.status, failed.message)

    def refuse_deletion(self) -> None:
        """Raise if this deletion of a chat is to fail."""
        failed = self.fail_deletions
        if failed is not None:
            failed.times -= 1
            self.fail_deletions = failed if failed.times else None
            raise RetellError(failed.status, failed.message)

    def take_lost_deletion(self) -> bool:
        """Tell whether the answer to this deletion is to be lost."""
        lost = self.lose_deletion_answer > 0
        self.lose_deletion_answer -= lost
        return lost

    def refuse_reading(self) -> None:
        """Raise if this reading of a chat is to fail."""
        if self.fail_get_chat > 0:
            self.fail_get_chat -= 1
            raise errors.unexpected()

    def take_lost_request(self) -> bool:
        """Tell whether this completion is to be lost before it arrives."""
        lost = self.lose_completion_request > 0
        self.lose_completion_request -= lost
        return lost

    def take_empty_answer(self) -> bool:
        """Tell whether this completion is to stay empty."""
        empty = self.empty_answers > 0
        self.empty_answers -= empty
        return empty

    def take_lost_answer(self) -> bool:
        """Tell whether the answer to this completion is to be lost."""
        lost = self.lose_completion_answer > 0
        self.lose_completion_answer -= lost
        return lost

    def take_end_of_chats(self) -> bool:
        """Tell whether all chats are to end now; asked once per setting."""
        end, self.end_chats = self.end_chats, False
        return end

    def take_loss_of_chats(self) -> bool:
        """Tell whether all chats are to be forgotten now; asked once per setting."""
        forget, self.forget_chats = self.forget_chats, False
        return forget
