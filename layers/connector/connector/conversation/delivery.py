"""Sending one stored message, once: record the intent, send, record what came of it; where that is lost, find proof."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.accounts import Connection
from connector.chat import SEND_UNKNOWN, Chat, Message, MessageStatus
from connector.conversation import faults
from connector.conversation.ends import Unproven
from connector.conversation.faults import Call
from connector.echoes import evidence_of, is_text
from connector.errors import OutcomeUnknown, RateLimited, ReconnectNeeded, Refused, TryLater
from connector.instagram import limits
from connector.ports.outside import Messenger
from connector.ports.stores import Connections, Outbox

# How long after a send its absence from the thread proves that it was not sent; longer where a worker that lost its
# lease may be sending still. And by how much Meta's clock may differ from ours.
_ABSENCE_PROVEN = {MessageStatus.UNKNOWN: timedelta(seconds=5), MessageStatus.SENDING: timedelta(seconds=15)}
_CLOCKS_DIFFER = timedelta(seconds=30)

# Meta fetches a file before it makes the message, and gives a video 75 s.
_FILE_ABSENCE_PROVEN = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Carries messages of one connection to its customers."""

    connection: Connection
    connections: Connections
    outbox: Outbox
    messenger: Messenger
    clock: Callable[[], datetime]

    def deliver(self, message: Message, user_id: str, *, chat: Chat | None = None) -> Message | None:
        """Send a pending message and return it as sent; None when somebody else has taken it to send.

        With `chat`, the message is part of its turn, and waits again after a `TryLater`; without, it has then failed.

        Raises:
            Refused, ReconnectNeeded, TryLater: it was not sent. The message says so, in Meta's words too.
            OutcomeUnknown: it may have been sent. The message says so, until an echo or `find` settles it.
        """
        if not self.outbox.begin_sending(message, chat=chat):
            return None
        try:
            self._require_no_limit()
            self._spend(message)
            mid = self.messenger.send(user_id, message)
        except OutcomeUnknown as error:
            self.outbox.record_unsent(message, MessageStatus.UNKNOWN, faults.kept(error))
            raise
        except TryLater as error:
            waits = chat is not None
            status, record = (MessageStatus.PENDING, None) if waits else (MessageStatus.FAILED, faults.kept(error))
            self.outbox.record_unsent(message, status, record)
            self._remember_limit(error)
            raise
        except (Refused, ReconnectNeeded) as error:
            self.outbox.record_unsent(message, MessageStatus.FAILED, faults.kept(error))
            faults.record(self.connections, self.connection, error, Call.SENDING, message.key)
            raise
        self.outbox.record_sent(message, mid)
        faults.disprove(self.connections, self.connection, [*self._proofs(message, user_id)])
        return replace(message, mid=mid, status=MessageStatus.SENT)

    def find(self, message: Message, chat: Chat) -> bool:
        """Look in the customer's thread for a message whose sending was lost sight of, and record what is found.

        Returns whether it is there. If not, it waits to be sent again: a text at once, anything else when Meta has had
        the time to fetch a file.

        Raises:
            Refused, ReconnectNeeded, TryLater: the thread cannot be read (now), or it is too early to say.
        """
        began_at = message.sending_at or message.created_at
        if self.clock() < began_at + _ABSENCE_PROVEN[message.status]:
            raise _too_early()
        earliest = began_at - _CLOCKS_DIFFER
        if not self.connections.spend(self.connection, "reading", limits.READERS_PER_SECOND):
            raise RateLimited("This account is read as often as Meta takes. Try again in a second.", after_seconds=1)
        try:
            self._require_no_limit()
            sent = self.messenger.sent_since(self.connection.account.account_id, chat.user_id, earliest)
        except TryLater as error:
            self._remember_limit(error)
            raise
        evidence = evidence_of(message, [one for one in sent if one.at >= earliest])
        # The same may have been sent for another message, which may stand in the conversation's last chat.
        known = self.outbox.known([one.mid for one in evidence]) if evidence else ()
        for one in evidence:
            if one.mid not in known:
                self.outbox.record_found(message, one.mid)
                return True
        if not is_text(message) and self.clock() < began_at + _FILE_ABSENCE_PROVEN:
            raise _too_early()
        self.outbox.record_absent(message)
        return False

    def _proofs(self, message: Message, user_id: str) -> Iterator[Call]:
        """Yield what a message proves that Meta has taken."""
        yield Call.SENDING
        if message.by_person_only:
            yield Call.SENDING_LATE
        refused = (self.connection.last_error or {}).get("messageKey")
        if refused is not None and self.outbox.is_to(user_id, refused):
            yield Call.SENDING_AGAIN

    def _require_no_limit(self) -> None:
        """Keep from calling Meta for an account that has called too often, whichever conversation it was for."""
        until, moment = self.connection.limited_until, self.clock()
        if until is not None and until > moment:
            seconds = round((until - moment).total_seconds()) + 1
            raise RateLimited("Meta takes no more messages of this account for now.", after_seconds=seconds)

    def _spend(self, message: Message) -> None:
        """Keep within what Meta takes from one account, however many workers send for it."""
        is_media = any(one.kind in ("audio", "video") for one in message.attachments)
        kind, most = ("media", limits.MEDIA_SENDS_PER_SECOND) if is_media else ("text", limits.SENDS_PER_SECOND)
        if not self.connections.spend(self.connection, kind, most):
            raise RateLimited("This account sends as much as Meta takes. Try again in a second.", after_seconds=1)

    def _remember_limit(self, error: TryLater) -> None:
        until, moment = self.connection.limited_until, self.clock()
        if isinstance(error, RateLimited) and (until is None or until <= moment):
            self.connections.record_limit(self.connection, moment + timedelta(seconds=error.after_seconds))


def _too_early() -> Unproven:
    return Unproven(SEND_UNKNOWN, "It is too early to say whether the message was sent.")
