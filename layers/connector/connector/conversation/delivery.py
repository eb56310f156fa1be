"""Sending one stored message, once: record the intent, send, record what came of it."""

from dataclasses import dataclass, replace

from connector.accounts import Connection
from connector.chat import Chat, Message, MessageStatus
from connector.errors import OutcomeUnknown, ReconnectNeeded, Refused, TryLater
from connector.ports import Connections, Messenger, Outbox


@dataclass(frozen=True, slots=True)
class Delivery:
    """Carries messages of one connection to its customers."""

    connection: Connection
    connections: Connections
    outbox: Outbox
    messenger: Messenger

    def deliver(self, message: Message, user_id: str, *, chat: Chat | None = None) -> Message | None:
        """Send a pending message and return it as sent; None when somebody else has taken it to send.

        With `chat`, the message is part of its turn, and waits again after a `TryLater`; without, it has then failed.

        Raises:
            Refused, ReconnectNeeded, TryLater: it was not sent. The message says so.
            OutcomeUnknown: it may have been sent. The message says so, until an echo settles it.
        """
        if not self.outbox.begin_sending(message, chat=chat):
            return None
        try:
            mid = self.messenger.send_text(self.connection.account.page_id, user_id, message.text or "")
        except OutcomeUnknown as error:
            self.outbox.record_unsent(message, MessageStatus.UNKNOWN, {"code": error.code})
            raise
        except TryLater as error:
            waits = chat is not None
            status, record = (MessageStatus.PENDING, None) if waits else (MessageStatus.FAILED, {"code": error.code})
            self.outbox.record_unsent(message, status, record)
            raise
        except (Refused, ReconnectNeeded) as error:
            self.outbox.record_unsent(message, MessageStatus.FAILED, {"code": error.code})
            self.connections.record_error(
                self.connection, error.code, needs_reconnection=isinstance(error, ReconnectNeeded)
            )
            raise
        self.outbox.record_sent(message, mid)
        return replace(message, mid=mid, status=MessageStatus.SENT)
