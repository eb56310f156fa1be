"""A person's message, sent through the API."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from connector.accounts import Connection, ConnectionStatus
from connector.chat import Message, MessageStatus, Role
from connector.conversation.delivery import Delivery
from connector.errors import NotConnected, ReconnectNeeded
from connector.ports.stores import Chats, Connections
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as sent, and the agent's session of its chat."""

    message: Message
    chat_id: str | None


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends what a person writes, in one tenant's conversations."""

    tenant: Tenant
    connections: Connections
    chats: Chats
    delivery_of: Callable[[Connection], Delivery]
    clock: Callable[[], datetime]

    def send(self, user_id: str, text: str) -> Sent:
        """Send a text. It is stored first, so that whatever happens, it is there.

        Raises:
            NotConnected: the agent has no account now.
            Refused, ReconnectNeeded, TryLater: it was not sent; the stored message says why.
            OutcomeUnknown: it may have been sent; the stored message says so.
        """
        connection = self.connections.get(self.tenant)
        if connection is not None and connection.status is ConnectionStatus.NEEDS_RECONNECTION:
            raise ReconnectNeeded("Instagram no longer accepts the access token. Connect the account again.")
        if connection is None or not connection.is_connected:
            raise NotConnected
        delivery = self.delivery_of(connection)
        written = Message(
            key=f"sent:{uuid4().hex}",
            role=Role.HUMAN,
            text=text,
            status=MessageStatus.PENDING,
            created_at=self.clock(),
        )
        stored = self.chats.add(user_id, connection.account.account_id, written)
        sent = delivery.deliver(stored, user_id) if stored else None
        if sent is None:
            raise AssertionError("a message with a key of its own was taken by somebody else")
        chat = self.chats.ongoing(user_id)
        return Sent(sent, chat.chat_id if chat else None)
