"""The faults of the Meta simulator.

A "send" is a POST to `/messages` that carries a message; sender actions (typing, seen) are never lost,
delayed or refused by a fault.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.simulators.meta import errors
from local.simulators.meta.errors import GraphError

type Count = Annotated[int, Field(ge=0, le=1_000_000)]
type Size = Annotated[int, Field(ge=1, le=1000)]


class FailedCalls(BaseModel):
    """Refuse the next `times` of them: with this error, or with any body, status and headers.

    A `body` that is a string is answered as it is, as HTML; anything else as JSON.
    """

    model_config = ConfigDict(extra="forbid")

    code: int = 1
    subcode: int | None = None
    message: str = "An error was requested of the simulator."
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    status: int = Field(default=400, ge=200, le=599)
    times: Size = 1

    def error(self) -> GraphError:
        """Make one refusal."""
        if self.body is not None or self.headers:
            plain = {"message": self.message, "code": self.code, "error_subcode": self.subcode}
            return errors.ScriptedError({"error": plain} if self.body is None else self.body, self.status, self.headers)
        return GraphError(self.message, self.code, self.subcode, self.status)


class FailedPath(FailedCalls):
    """Refuse calls by their method and the end of their path, such as `GET` and `/me`; those of a batch too."""

    method: str | None = None
    path: str = ""

    def is_about(self, method: str, path: str) -> bool:
        """Tell whether a call is to be refused."""
        return self.method in (None, method) and path.endswith(self.path)


class RateLimit(BaseModel):
    """Refuse the next `times` calls: 613 limits sends; 4, 17, 32, 80001, 80002 and 80006 hit every Graph call.

    `regainMinutes` is told in the header X-Business-Use-Case-Usage: how long it will take until calls are taken
    again. Without it there is no such header.
    """

    model_config = ConfigDict(extra="forbid")

    code: Literal[4, 17, 32, 613, 80001, 80002, 80006] = errors.SEND_LIMIT
    times: Size = 1
    regain_minutes: int | None = Field(default=None, ge=0, alias="regainMinutes")

    def error(self, business_id: str) -> GraphError:
        """Make the refusal of a call by the Page or account `business_id`."""
        match self.code:
            case errors.SEND_LIMIT:
                error = errors.send_limit_reached()
            case errors.APP_LIMIT:
                error = errors.app_limit_reached()
            case errors.USER_LIMIT:
                error = errors.user_limit_reached()
            case code:
                error = errors.business_limit_reached(code)
        if self.regain_minutes is not None:
            error.usage = errors.business_usage(business_id, self.code, self.regain_minutes)
        return error


class MetaFaults(BaseModel):
    """All settings; the defaults are Meta on a good day."""

    model_config = ConfigDict(extra="forbid")

    duplicate_webhooks: Size = 1  # each notification is delivered so many times
    reorder_webhooks: Size = 1  # so many are held back, then delivered last first
    batch_webhooks: Size = 1  # so many events are collected for one POST
    lose_webhook_answer: Count = 0  # the next n answers of the callback are taken for lost
    lose_send_answer: Count = 0  # the next n sends are accepted, their answers never arrive
    lose_send_request: Count = 0  # the next n sends never reach Meta: nothing of them is stored
    fail_sends: FailedCalls | None = None
    misanswer_sends: FailedCalls | None = None  # the next sends are accepted, and answered as if they had failed
    fail_reads: FailedCalls | None = None  # reading conversations, their messages, and users' profiles
    limit_conversations: bool = False  # the third call of the Conversations API in one second is refused: 613
    fail_calls: FailedPath | None = None  # any call, before Meta looks at it
    fail_token_calls: FailedCalls | None = None  # exchanging, refreshing and debugging tokens
    rate_limit: RateLimit | None = None
    lose_token_answer: Count = 0  # the next n exchanges and refreshes are made, their answers never arrive
    flat_code_answer: bool = False  # api.instagram.com answers without `data` around it
    expire_token: bool = False  # every token has expired
    require_proof: bool = False  # "Require App Secret" is on in the dashboard: no call without `appsecret_proof`
    close_window: bool = False  # more than 24 hours seem to have passed in every thread
    echo_before_answer: bool = False  # the echo is delivered before the send is answered
    no_echo: bool = False
    sign_with_instagram_secret: bool = False  # webhooks are signed with the Instagram app's secret
    delay_send_seconds: float = Field(default=0, ge=0, le=300)  # between accepting and answering

    def refuse_call(self, business_id: str) -> None:
        """Raise if a limit is reached that hits all calls of the Page or account `business_id`."""
        if self.rate_limit is not None and self.rate_limit.code != errors.SEND_LIMIT:
            raise self._spend_rate_limit(self.rate_limit, business_id)

    def refuse_any(self, method: str, path: str) -> None:
        """Raise if this call is to be refused, whatever it is."""
        if self.fail_calls is not None and self.fail_calls.is_about(method, path):
            failed, self.fail_calls = _spend(self.fail_calls)
            raise failed

    def refuse_send(self, business_id: str) -> None:
        """Raise if this send of the Page or account `business_id` is to be refused."""
        if self.rate_limit is not None and self.rate_limit.code == errors.SEND_LIMIT:
            raise self._spend_rate_limit(self.rate_limit, business_id)
        if self.fail_sends is not None:
            failed, self.fail_sends = _spend(self.fail_sends)
            raise failed

    def refuse_read(self) -> None:
        """Raise if this reading of what customers wrote, or of who they are, is to be refused."""
        if self.fail_reads is not None:
            failed, self.fail_reads = _spend(self.fail_reads)
            raise failed

    def refuse_token_call(self) -> None:
        """Raise if this exchange, refresh or look at a token is to be refused."""
        if self.fail_token_calls is not None:
            failed, self.fail_token_calls = _spend(self.fail_token_calls)
            raise failed

    def take_lost_send_request(self) -> bool:
        """Whether this send is to be lost before it arrives."""
        lost = self.lose_send_request > 0
        self.lose_send_request -= lost
        return lost

    def take_lost_send_answer(self) -> bool:
        """Whether the answer to this send is to be lost."""
        lost = self.lose_send_answer > 0
        self.lose_send_answer -= lost
        return lost

    def take_wrong_send_answer(self) -> GraphError | None:
        """Return the error with which this accepted send is to be answered, if any."""
        error = None
        if self.misanswer_sends is not None:
            error, self.misanswer_sends = _spend(self.misanswer_sends)
        return error

    def take_lost_token_answer(self) -> bool:
        """Whether the answer to this exchange or refresh is to be lost."""
        lost = self.lose_token_answer > 0
        self.lose_token_answer -= lost
        return lost

    def take_lost_webhook_answer(self) -> bool:
        """Whether the callback's answer to this delivery is to be lost."""
        lost = self.lose_webhook_answer > 0
        self.lose_webhook_answer -= lost
        return lost

    def _spend_rate_limit(self, limit: RateLimit, business_id: str) -> GraphError:
        limit.times -= 1
        self.rate_limit = limit if limit.times else None
        return limit.error(business_id)


def _spend[Failed: FailedCalls](failed: Failed) -> tuple[GraphError, Failed | None]:
    """Return the error, and what is left of them."""
    failed.times -= 1
    return failed.error(), failed if failed.times else None
