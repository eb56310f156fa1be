"""The edge of Meta's callbacks about people: who has removed the app, and who wants their data deleted.

As with the webhook there are two routes to each. `/api/instagram/…` is for the deployment's Meta apps;
`…/{subaccountId}/chat-agents/{agentId}/instagram/…` is for a connection with an app of its own, whose secret proves
nothing about any other connection.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from connector import audit
from connector.accounts import Connection
from connector.errors import Detail, InvalidRequest, PayloadTooLarge, Unauthorized
from connector.gateway import LambdaAnswer, LambdaEvent, Request, answer_json
from connector.handlers import Handler, http_handler
from connector.instagram import signed_requests
from connector.instagram.signed_requests import SignedRequest
from connector.logs import count, identify
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

MAX_BODY_BYTES = 64 * 1024
FIELD = "signed_request"


@dataclass(frozen=True, slots=True)
class Callback:
    """What Meta has told, and for whom it is proven."""

    told: SignedRequest
    within: Tenant | None
    """The one tenant that it can be about; None for all."""


def entry(
    act: Callable[[Callback, LambdaEvent], Mapping[str, Any]],
    secrets: Callable[[], Secrets],
    connection_of: Callable[[Tenant], Connection | None],
) -> Handler:
    """Return the Lambda handler of a callback: prove the sender, then let `act` answer."""

    def answer(event: LambdaEvent, _: Any) -> LambdaAnswer:
        callback = prove(event, secrets(), connection_of)
        with audit.recording(event["rawPath"].rpartition("/")[2], audit.META, callback.within):
            told = act(callback, event)
        return answer_json(200, told)

    return http_handler(answer)


def prove(event: LambdaEvent, secrets: Secrets, connection_of: Callable[[Tenant], Connection | None]) -> Callback:
    """Return what a callback tells.

    Raises:
        PayloadTooLarge: the body is over 64 KiB.
        InvalidRequest: the body is no form with a signed_request, or that names nobody.
        Unauthorized: it is not signed by an app that may tell this. Nothing of it was read.
    """
    body = Request.of(event).body
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"A body may have at most {MAX_BODY_BYTES // 1024} KiB.")
    signed_request = _field(body)
    path = event.get("pathParameters") or {}
    tenant = Tenant(path.get("subaccountId", ""), path.get("agentId", "")) if path else None
    identify(tenant)
    if not _is_proven(signed_request, tenant, secrets, connection_of):
        count("CallbackRefused")
        raise Unauthorized("The signed_request is not signed with the app's secret.", reason="signature")
    return Callback(signed_requests.read(signed_request), tenant)


def _is_proven(
    signed_request: str,
    tenant: Tenant | None,
    secrets: Secrets,
    connection_of: Callable[[Tenant], Connection | None],
) -> bool:
    """Return whether one of the deployment's apps signed it, or the connection's own with its current app secret.

    A replaced app secret, which the webhook accepts for an hour, must not delete anything.
    """
    if not signed_requests.is_form(signed_request):
        return False  # before anything is read: anybody can post here
    if any(signed_requests.is_signed(signed_request, app.app_secrets) for app in secrets.app_newest_last()):
        return True
    connection = connection_of(tenant) if tenant else None
    own = secrets.of_connection(connection) if connection and connection.holds_account else None
    return bool(own and own.app_secret and signed_requests.is_signed(signed_request, [own.app_secret]))


def _field(body: bytes) -> str:
    """Return the one field of the form that Meta sends."""
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=10).get(FIELD, [])
    except ValueError as error:
        raise InvalidRequest("The body is no form.", details=_MISSING) from error
    if len(values) != 1:
        raise InvalidRequest("The body must be a form with one signed_request.", details=_MISSING)
    return values[0]


_MISSING = (Detail(FIELD, "must stand in the form, once"),)
