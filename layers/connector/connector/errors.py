"""Every error a caller of the connector may meet.

    ConnectorError                  500  internal_error
    ├── InvalidRequest              400  invalid_request        a field cannot be used
    ├── AuthenticationFailed        400  authentication_failed  Meta refuses the access token given
    ├── PageNotLinked               400  page_not_linked        the Page is not this account's Page
    ├── NotReady                    400  not_ready              the account or agent is not set up for messages
    ├── LoginFailed                 400  (its reason)           a login at Meta that connects nothing
    ├── Unauthorized                401  unauthorized           no valid JWT, or no valid signature
    ├── Forbidden                   403  forbidden              a wrong verification token
    ├── ScopeMissing                403  insufficient_scope     the JWT lacks a right
    ├── AgentNotAllowed             403  agent_not_allowed      the JWT gives no right to this Retell agent
    ├── NotFound                    404  not_found              absent, or another tenant's
    ├── NotConnected                409  not_connected          this agent has no Instagram account
    ├── AccountInUse                409  account_in_use         the account has another agent
    ├── NotAllowed                  409  (its reason)           Instagram's rules, or ours, forbid it now
    ├── LoginNotSetUp               409  login_not_set_up       the deployment has no app for this login
    ├── KeyReused                   409  idempotency_key_reused the key has been used for something else
    ├── InProgress                  409  in_progress            the same request is being carried out
    ├── PayloadTooLarge             413  payload_too_large
    ├── Misconfigured               500  internal_error         the deployment lacks something
    │   ├── NotSetUp                500  internal_error         an SSM parameter has not been created
    │   └── IndexesMissing          503  indexes_missing        the database lacks indexes that the operator builds
    ├── Unavailable                 503  unavailable            a part of ours does not answer
    └── OutsideError                502  outside_error          another company's API said no
        ├── Refused                 502  (its reason)           not done, and asking again will not help
        │   └── Undeliverable       409  (its reason)           because of this customer or message: the caller's matter
        ├── ReconnectNeeded         409  reconnect_needed       the stored token has died
        ├── SessionEnded            502  session_ended          the agent's chat is over
        ├── TryLater                503  try_later              certainly not done
        │   ├── RateLimited         429  rate_limited           too many calls: this account must wait
        │   ├── NotShown            503  try_later              Meta does not find an object: an outage, or a wrong id
        │   └── TokenInDoubt        503  try_later              refused like a dead token, without saying so
        └── OutcomeUnknown          504  outcome_unknown        perhaps done: asking again may double it

The last nine are how each adapter sorts what it met, so that the business decides by kind and never by
somebody's status code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing wrong with one field of a request."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class Quote:
    """How another company worded a refusal: bounded, without secrets, for people to read. It is never logged."""

    message: str | None
    code: int | None
    subcode: int | None


class ConnectorError(Exception):
    """Base of them all: knows its HTTP status, its code, and whether a retry may help."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal_error"
    retryable: ClassVar[bool] = False
    after_seconds: int = 5
    """When to try again, where that may help."""

    def __init__(self, message: str, *, details: Sequence[Detail] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class InvalidRequest(ConnectorError):
    """Raised when a request cannot be used as it is; `details` names each field."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class AuthenticationFailed(ConnectorError):
    """Raised by connect when Meta refuses the access token, or the token lacks a permission."""

    status = HTTPStatus.BAD_REQUEST
    code = "authentication_failed"


class PageNotLinked(ConnectorError):
    """Raised by connect when the Facebook Page is not linked to the Instagram account."""

    status = HTTPStatus.BAD_REQUEST
    code = "page_not_linked"


class NotReady(ConnectorError):
    """Raised by connect when something would keep messages from coming or going; `details` names the check, and why."""

    status = HTTPStatus.BAD_REQUEST
    code = "not_ready"


class LoginFailed(ConnectorError):
    """Raised when nothing can be connected by a login at Meta. `code` says why, in snake_case."""

    status = HTTPStatus.BAD_REQUEST
    code = "login_failed"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LoginNotSetUp(ConnectorError):
    """Raised by authorize when the deployment names no app at Meta for the login. `parameter` is where it belongs."""

    status = HTTPStatus.CONFLICT
    code = "login_not_set_up"

    def __init__(self, name: str, parameter: str) -> None:
        super().__init__(
            f"This deployment has no Meta app for {name}. The operator adds it to the SSM parameter app-secrets, as "
            f'"{parameter}": {{"id": "…", "secret": "…"}}.'
        )


class Unauthorized(ConnectorError):
    """Raised when a caller does not prove who they are. `reason` is for the log; callers get the message only."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Forbidden(ConnectorError):
    """Raised when the webhook handshake carries a wrong verification token."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class ScopeMissing(ConnectorError):
    """Raised when a valid JWT lacks the right to do this."""

    status = HTTPStatus.FORBIDDEN
    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token may not do this: its claim `scope` must name {scope}.")


class AgentNotAllowed(ConnectorError):
    """Raised when a valid JWT gives no right to a Retell agent, whether or not that agent exists."""

    status = HTTPStatus.FORBIDDEN
    code = "agent_not_allowed"

    def __init__(self) -> None:
        super().__init__(
            "The token may not connect this Retell agent. Use a token whose claim `retellAgentIds` lists it, or have "
            "the operator store a Retell key for this subaccount."
        )


class NotFound(ConnectorError):
    """Raised for what does not exist and, in the same words, for what is another tenant's."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"

    def __init__(self, message: str = "There is nothing here. Check the subaccount and agent ids in the path.") -> None:
        super().__init__(message)


class NotConnected(ConnectorError):
    """Raised when something needs an Instagram account and the agent has none."""

    status = HTTPStatus.CONFLICT
    code = "not_connected"

    def __init__(self) -> None:
        super().__init__("This chat agent has no Instagram account connected. Connect one first.")


class AccountInUse(ConnectorError):
    """Raised by connect when the Instagram account is already joined to another agent (whose, is not told)."""

    status = HTTPStatus.CONFLICT
    code = "account_in_use"

    def __init__(self) -> None:
        super().__init__(
            "This Instagram account is already connected to another chat agent. Disconnect it there first."
        )


class NotAllowed(ConnectorError):
    """Raised by send when the policy forbids it. `code` is the reason, in snake_case; the message says until when."""

    status = HTTPStatus.CONFLICT
    code = "not_allowed"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyReused(ConnectorError):
    """Raised when an Idempotency-Key comes again with another body."""

    status = HTTPStatus.CONFLICT
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key has been used for another request. Use a new key for each.")


class InProgress(ConnectorError):
    """Raised when a request with the same Idempotency-Key is being carried out just now."""

    status = HTTPStatus.CONFLICT
    code = "in_progress"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The same request is being carried out. Ask again in a moment for its answer.")


class PayloadTooLarge(ConnectorError):
    """Raised before anything of an over-long body is parsed."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"


class Misconfigured(ConnectorError):
    """Raised when the deployment lacks a parameter, a right or a setting. Alarm-worthy; never the caller's fault."""


class NotSetUp(Misconfigured):
    """Raised when an SSM parameter of the deployment does not exist, as right after the first deployment."""


class IndexesMissing(Misconfigured):
    """Raised when something needs indexes that a large collection lacks: only the operator's command builds them."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "indexes_missing"

    def __init__(self, *problems: str) -> None:
        self.problems = ", ".join(problems)
        named = f": {self.problems}" if problems else ""
        super().__init__(
            f"The database lacks indexes{named}. The operator builds them with `make indexes` or the function "
            "`IndexesFunction` (docs/deploy.md, Indexes)."
        )


class Unavailable(ConnectorError):
    """Raised when MongoDB, SSM or SQS does not answer in time."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    retryable = True


class OutsideError(ConnectorError):
    """Base of what another company's API answered, or failed to answer."""

    status = HTTPStatus.BAD_GATEWAY
    code = "outside_error"
    quote: Quote | None = None
    """The other company's own words and numbers, where it gave any."""

    def quoting(self, quote: Quote | None) -> Self:
        """Return this error with what the other company said."""
        self.quote = quote
        return self


class Refused(OutsideError):
    """Raised when the other side said no for good. `code` is the reason, in snake_case."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Undeliverable(Refused):
    """Raised when the refusal concerns one customer or one message only. It says nothing against the connection."""

    status = HTTPStatus.CONFLICT


class ReconnectNeeded(OutsideError):
    """Raised when the stored token has died: nobody but the account's owner can mend it."""

    status = HTTPStatus.CONFLICT
    code = "reconnect_needed"

    def __init__(self, message: str, *, because: str | None = None) -> None:
        super().__init__(message)
        self.because = because
        """Of what it has died, in a sentence, where that is known."""


class SessionEnded(OutsideError):
    """Raised when the agent's chat is over or gone: the same words may be asked in a new one."""

    code = "session_ended"


class TryLater(OutsideError):
    """Raised when the request was certainly not carried out and may be made again after `after_seconds`."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "try_later"
    retryable = True

    def __init__(self, message: str, *, after_seconds: int = 5) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class RateLimited(TryLater):
    """Raised when the other side takes no more calls of this account for `after_seconds`."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"


class NotShown(TryLater):
    """Raised when Meta does not find an object: the id is wrong, the token may not see it, or Meta has an outage."""


class TokenInDoubt(TryLater):
    """Raised when Meta refuses the caller without a number that says why: a probe must tell whether the token lives."""


class OutcomeUnknown(OutsideError):
    """Raised when the request may or may not have been carried out. Never repeated without proof."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "outcome_unknown"


# The reasons that concern one customer or one message.
_OF_ONE = frozenset({"media_refused", "other_app_in_control", "user_not_found", "user_unavailable", "window_closed"})


def refusal(code: str, message: str, quote: Quote | None = None) -> Refused:
    """Return the refusal of this reason."""
    return (Undeliverable if code in _OF_ONE else Refused)(code, message).quoting(quote)


def quote_of(error: BaseException) -> Quote | None:
    """Return what another company said, if an error is its refusal or was raised because of one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OutsideError) and cause.quote is not None:
            return cause.quote
        cause = cause.__cause__
    return None
