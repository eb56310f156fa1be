"""The faults of the Meta simulator.

A "send" is a POST to `/messages` that carries a message; sender actions (typing, seen) are never lost,
delayed or refused by a fault.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.simulators.meta import errors
from local.simulators.meta.errors import GraphError

type Count = Annotated[int, Field(ge=0, le=1_000_000)]
type Size = Annotated[int, Field(ge=1, le=1000)]


class FailedSends(BaseModel):
    """Refuse the next `times` sends with this error."""

    model_config = ConfigDict(extra="forbid")

    code: int
    subcode: int | None = None
    status: int = Field(default=400, ge=400, le=599)
    times: Size = 1


class RateLimit(BaseModel):
    """Refuse the next `times` calls: 613 limits sends, 4 is the app's limit and hits every Graph call."""

    model_config = ConfigDict(extra="forbid")

    code: Literal[4, 613] = 613
    times: Size = 1


class MetaFaults(BaseModel):
    """All settings; the defaults are Meta on a good day."""

    model_config = ConfigDict(extra="forbid")

    duplicate_webhooks: Size = 1  # each notification is delivered so many times
    reorder_webhooks: Size = 1  # so many are held back, then delivered last first
    batch_webhooks: Size = 1  # so many events are collected for one POST
    lose_webhook_answer: Count = 0  # the next n answers of the callback are taken for lost
    lose_send_answer: Count = 0  # the next n sends are accepted, their answers never arrive
    fail_sends: FailedSends | None = None
    rate_limit: RateLimit | None = None
    expire_token: bool = False  # every token has expired
    close_window: bool = False  # more than 24 hours seem to have passed in every thread
    echo_before_answer: bool = False  # the echo is delivered before the send is answered
    no_echo: bool = False
    delay_send_seconds: float = Field(default=0, ge=0, le=300)  # between accepting and answering

    def refuse_call(self) -> None:
        """Raise if the app's limit is reached."""
        if self.rate_limit is not None and self.rate_limit.code == errors.APP_LIMIT:
            self._spend_rate_limit(self.rate_limit)
            raise errors.app_limit_reached()

    def refuse_send(self) -> None:
        """Raise if this send is to be refused."""
        if self.rate_limit is not None and self.rate_limit.code != errors.APP_LIMIT:
            self._spend_rate_limit(self.rate_limit)
            raise errors.send_limit_reached()
        failed = self.fail_sends
        if failed is not None:
            failed.times -= 1
            self.fail_sends = failed if failed.times else None
            raise GraphError("An error was requested of the simulator.", failed.code, failed.subcode, failed.status)

    def take_lost_send_answer(self) -> bool:
        """Whether the answer to this send is to be lost."""
        lost = self.lose_send_answer > 0
        self.lose_send_answer -= lost
        return lost

    def take_lost_webhook_answer(self) -> bool:
        """Whether the callback's answer to this delivery is to be lost."""
        lost = self.lose_webhook_answer > 0
        self.lose_webhook_answer -= lost
        return lost

    def _spend_rate_limit(self, limit: RateLimit) -> None:
        limit.times -= 1
        self.rate_limit = limit if limit.times else None
