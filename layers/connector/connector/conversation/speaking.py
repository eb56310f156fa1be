"""Saying an answer, part by part: before each, whether it may still be said, and whether it has been said already."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connector.accounts import Connection
from connector.chat import PAUSED, SEND_UNKNOWN, Chat, Message, MessageStatus, Role, TurnState, claimed
from connector.conversation import policy
from connector.conversation.delivery import Delivery
from connector.conversation.ends import Ended, Unproven
from connector.conversation.patience import is_over
from connector.errors import OutcomeUnknown, Refused, TryLater
from connector.ports.stores import Chats, Connections, Superseded
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Speaker:
    """Speaks for one tenant's agent."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    delivery_of: Callable[[Connection], Delivery]
    clock: Callable[[], datetime]

    def say(self, chat: Chat, part: Message) -> None:
        """Send a part of the turn's answer, if it is not with the customer yet.

        Raises:
            Ended: it cannot be sent, now or ever; the turn is over.
            Refused, ReconnectNeeded: Meta says so.
            TryLater: not now, or nobody knows yet whether it was sent.
            Superseded: another worker has the turn.
        """
        if part.is_with_customer:
            return
        if part.status is MessageStatus.FAILED:
            raise Ended(TurnState.FAILED, str((part.error or {}).get("code")))
        delivery = self.delivery_of(self.usable(chat, self.connections.get(self.tenant)))
        try:
            if part.status is not MessageStatus.PENDING and self._finds(delivery, part, chat):
                return
            sent = delivery.deliver(part, chat.user_id, chat=chat)
        except OutcomeUnknown as error:
            raise Unproven(SEND_UNKNOWN, error.message) from error
        if sent is None:
            self._require_allowed(self.chats.ongoing(chat.user_id) or chat)
            raise Superseded

    def _finds(self, delivery: Delivery, part: Message, chat: Chat) -> bool:
        """Return whether a message that a worker lost sight of has been sent after all."""
        try:
            return delivery.find(part, chat)
        except TryLater as error:
            if is_over(part.sending_at or part.created_at, self.clock(), error, claimed(chat).fence):
                raise Ended(TurnState.FAILED, SEND_UNKNOWN) from error
            raise
        except Refused as error:
            raise Ended(TurnState.FAILED, SEND_UNKNOWN) from error

    def _require_allowed(self, chat: Chat) -> None:
        if chat.opted_out_at is not None:
            raise Ended(TurnState.SKIPPED, policy.OPTED_OUT)
        if chat.is_paused(self.clock()):
            raise Ended(TurnState.SKIPPED, chat.paused_because or PAUSED)

    def usable(self, chat: Chat, connection: Connection | None) -> Connection:
        """Return the connection, if the turn may still speak for it, and the policy has nothing against it."""
        if (
            connection is None
            or connection.generation != claimed(chat).generation
            or connection.account.account_id != chat.account_id
        ):
            raise Ended(TurnState.SKIPPED, "disconnected")
        verdict = policy.judge(Role.AGENT, connection, chat, self.clock())
        if verdict.reason is not None and verdict.reason != policy.RATE_LIMITED:  # that is waited for
            raise Ended(TurnState.SKIPPED, verdict.reason)
        return connection
