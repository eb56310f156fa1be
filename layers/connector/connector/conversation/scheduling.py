"""Scheduling what follows an event: a turn after the quiet time, or the fetch of a message without its webhook."""

from dataclasses import dataclass
from datetime import timedelta

from connector.chat import Message
from connector.envelopes import FetchMessage, TurnMessage
from connector.instagram.events import Parties
from connector.ports.outside import TurnQueue
from connector.tenancy import Tenant

# How long a message that Meta mentions may wait for its own webhook before it is fetched.
_WEBHOOK_MAY_FOLLOW = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The turn queue, with the times to wait."""

    queue: TurnQueue
    quiet: timedelta
    """How long a customer must be silent before the agent is asked."""
    media_quiet: timedelta = timedelta(0)
    """As `quiet`, after a message without text, if that is longer: the question about a share often follows it."""

    def quiet_after(self, words: Message) -> timedelta:
        """Return how long the customer must be silent after a message before the agent is asked."""
        has_text = bool((words.text or "").strip()) or words.postback is not None
        return self.quiet if has_text else max(self.quiet, self.media_quiet)

    def turn(self, tenant: Tenant, who: Parties, message_key: str, after: timedelta) -> None:
        """Schedule a turn for a customer's message."""
        self.queue.send(
            TurnMessage(tenant.subaccount_id, tenant.agent_id, who.account_id, who.user_id, message_key),
            delay_seconds=int(after.total_seconds()),
        )

    def fetch(self, tenant: Tenant, who: Parties, mid: str, *, standby: bool) -> None:
        """Schedule the fetch of a message, for which its own webhook may still come."""
        hinted_at = int(who.at.timestamp() * 1000)
        self.queue.send(
            FetchMessage(tenant.subaccount_id, tenant.agent_id, who.account_id, mid, hinted_at, standby=standby),
            delay_seconds=int(min(self.quiet, _WEBHOOK_MAY_FOLLOW).total_seconds()),
        )
