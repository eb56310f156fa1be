"""Storing what the business wrote, as Meta echoes it: our own message, a person's, or another automation's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connector.accounts import Connection
from connector.chat import Message, MessageStatus, Role
from connector.echoes import Echo
from connector.instagram.events import NO_APP, MessageEchoed
from connector.ports.stores import Chats, Connections, Outbox
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Overhearing:
    """Takes echoes in, of every connection."""

    connections: Connections
    chats_of: Callable[[Tenant], Chats]
    outbox_of: Callable[[Tenant], Outbox]
    pause: timedelta
    """How long the agent is silent after a person wrote in a conversation."""

    def store(self, connection: Connection, event: MessageEchoed, *, recovered: bool) -> None:
        """Match the echo with an outgoing message. If none matches, store it; if a person wrote it, pause the agent.

        A message that was fetched (`recovered`) names no app: unless it matches, it counts as a person's.
        """
        who, outbox = event.parties, self.outbox_of(connection.tenant)
        by_our_app = self._by_our_app(connection, outbox, event)
        echo = Echo(event.mid, event.text, event.attachments, who.at, by_our_app)
        if outbox.attach_echo(who.user_id, echo):
            return
        self.chats_of(connection.tenant).add(
            who.user_id,
            who.account_id,
            Message(
                key=f"mid:{event.mid}",
                mid=event.mid,
                role=Role.HUMAN,
                text=event.text,
                attachments=event.attachments,
                status=MessageStatus.DELIVERED,
                created_at=who.at,
                app_id=None if event.by_person else event.app_id,
                recovered=recovered,
            ),
            # From when it was written: an echo that comes late must not silence the agent twice as long.
            paused_until=who.at + self.pause if event.by_person and self.pause else None,
        )
        outbox.take_back_echo(event.mid)  # the answer to its send may have come meanwhile

    def _by_our_app(self, connection: Connection, outbox: Outbox, event: MessageEchoed) -> bool | None:
        """Return whether our app sent what was echoed; None where that is not known.

        Meta does not tell every connection the id of our app. The first echo that names the app of a message whose mid
        Meta gave us tells it.
        """
        if event.app_id is None or event.app_id == NO_APP:
            return None
        if event.by_person or connection.app_id is not None:
            return event.app_id == connection.app_id
        if not outbox.has_sent(event.mid):
            return None
        self.connections.learn_app(connection, event.app_id)
        return True
