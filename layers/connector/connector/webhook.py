"""The edge that Meta talks to: prove, split, queue, answer. It touches SSM (cached) and SQS, and nothing else.

Two routes lead here. `…/{subaccountId}/chat-agents/{agentId}/instagram/webhook` names a connection, and then an event
may only concern that connection's account. `/api/instagram/webhook` is the one callback URL of a Meta app that serves
many agents: there the account of the event names the connection. Ingest enforces both.
"""

import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from connector.envelopes import Handshake, InboxMessage, Route
from connector.errors import Forbidden, InvalidRequest, NotFound, PayloadTooLarge, Unauthorized, Unavailable
from connector.gateway import Request
from connector.instagram import signatures
from connector.instagram.notifications import UnreadableBody, is_refused, split
from connector.logs import count, identify, logger
from connector.queues import Queue
from connector.storage.connection_secrets import fingerprint
from connector.storage.secrets import Secrets, WebhookSecrets
from connector.tenancy import ID_PATTERN, Tenant

# A full batch of 1,000 updates stays well under this; nothing larger is looked at.
MAX_BODY_BYTES = 4 * 1024 * 1024

_PATH = re.compile(
    rf"(?:/api/database/(?P<subaccount>{ID_PATTERN})/chat-agents/(?P<agent>{ID_PATTERN})|/api)/instagram/webhook/?"
)
_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,256}")


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook, given what it works with."""

    secrets: Secrets
    inbox: Queue

    def handshake(self, request: Request) -> str:
        """Return the challenge that Meta expects back when a callback URL is set in its dashboard.

        Raises:
            NotFound: the path is none of ours.
            Forbidden: the verification token is not the one given to connect (or the app-wide one).
            InvalidRequest: the challenge is nothing that Meta would send.
        """
        tenant = _tenant(request.path)
        token = request.query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")

        if tenant:
            own = self.secrets.webhook(tenant, recent=True)
            accepted: Iterable[WebhookSecrets] = [own] if own else []
        else:
            accepted = self.secrets.app_newest_last()
        known = (one.encode() for secrets in accepted for one in secrets.verify_tokens)
        is_proven = any(hmac.compare_digest(token, one) for one in known)
        if request.query.get("hub.mode") != "subscribe" or not is_proven:
            raise Forbidden("The verification token is not the one this webhook was set up with.")
        challenge = request.query.get("hub.challenge", "")
        if not _CHALLENGE.fullmatch(challenge):
            raise InvalidRequest("hub.challenge must be 1 to 256 letters, digits, underscores or hyphens.")
        if tenant:
            self._report(Handshake(Route(tenant.subaccount_id, tenant.agent_id), _now_ms()))
        return challenge

    def _report(self, handshake: Handshake) -> None:
        """Have status show that the callback URL is verified. Meta is answered, whether or not the queue takes it."""
        try:
            self.inbox.send(handshake)
        except Unavailable:
            count("HandshakeNotReported")
            logger.warning("a handshake is not reported: the queue did not take it")

    def receive(self, request: Request) -> int:
        """Queue every event of a signed POST, and return how many there were.

        A signed body that cannot be read is counted and accepted: Meta would send the same bytes again, and an hour of
        refusals unsubscribes the app. So is an event whose sender has no numeric id.

        Raises:
            NotFound: the path is none of ours.
            PayloadTooLarge: the body is over 4 MiB.
            Unauthorized: the signature is missing or wrong. Nothing was parsed, nothing was queued.
            Unavailable: the queue, or SSM, refuses. Meta sends again, and doubles are harmless.
        """
        received_at = _now_ms()
        tenant = _tenant(request.path)
        if len(request.body) > MAX_BODY_BYTES:
            raise PayloadTooLarge("A webhook body may have at most 4 MiB.")
        signer = self._signer(request, tenant)
        try:
            notifications = split(request.body)
        except UnreadableBody as error:
            count("WebhookUnreadable")
            logger.warning("signed body is unreadable", extra={"why": str(error), "bytes": len(request.body)})
            return 0
        accepted = [notification for notification in notifications if not is_refused(notification)]
        if refused := len(notifications) - len(accepted):
            count("WebhookSenderRefused", refused)
            logger.warning("signed events name a sender by no id of Instagram's", extra={"events": refused})
        route = Route(tenant.subaccount_id, tenant.agent_id) if tenant else None
        too_large = self.inbox.send_all(
            InboxMessage(notification, route, received_at, signer=signer) for notification in accepted
        )
        if too_large:
            count("WebhookEventTooLarge")
            logger.warning("signed events are too large to be any", extra={"events": too_large})
        return len(accepted) - too_large

    def _signer(self, request: Request, tenant: Tenant | None) -> str | None:
        """Return the fingerprint of the connection's own app secret that signed a POST; None for the deployment's.

        Raises:
            Unauthorized: neither signed it.
        """
        header = request.headers.get(signatures.HEADER)

        def signer(secrets: Iterable[str]) -> str | None:
            return signatures.signer(request.body, header, secrets)

        if is_form := signatures.is_form(header):  # else no secret is read: anybody can post here
            of_app = self.secrets.app_newest_last()
            if signer(next(of_app).app_secrets):
                return None
            if tenant and (own := self.secrets.webhook_signer(tenant, signer)):
                return fingerprint(own)
            if any(signer(secrets.app_secrets) for secrets in of_app):
                return None
        count("WebhookRefused")
        reason = "signature" if is_form else "malformed" if header else "no_signature"
        raise Unauthorized("The signature is missing or wrong.", reason=reason)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _tenant(path: str) -> Tenant | None:
    """Return the tenant that a path names, or None for the app-wide route."""
    form = _PATH.fullmatch(path)
    if form is None:
        raise NotFound("This is not a webhook path.")
    tenant = Tenant(form["subaccount"], form["agent"]) if form["subaccount"] else None
    identify(tenant)
    return tenant
