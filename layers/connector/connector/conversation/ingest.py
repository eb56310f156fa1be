"""Writing what Meta tells us into the chats. It decides nothing about answers; it schedules them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connector.accounts import Connection, ConnectionStatus
from connector.chat import MessageStatus
from connector.conversation import standby
from connector.conversation.admission import happened_at, is_deleted, is_too_old
from connector.conversation.opting import OptingWords
from connector.conversation.overhearing import Overhearing
from connector.conversation.policy import WINDOW
from connector.conversation.scheduling import Schedule
from connector.conversation.words import recovered, words_of
from connector.envelopes import Handshake, InboxMessage
from connector.instagram.events import (
    ControlPassed,
    Event,
    MessageEchoed,
    MessageEdited,
    MessageHinted,
    MessageRead,
    MessageReceived,
    MessageUnsent,
    Other,
    Parties,
    PolicyEnforced,
    PostbackTapped,
    Reacted,
    Referred,
)
from connector.instagram.notifications import Notification
from connector.instagram.reading import is_dashboard_test, is_unsend, read, read_as_it_came
from connector.logs import identify
from connector.ports.stores import Changes, Chats, Connections, KeptEvents, Outbox, Tombstones
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Ingest:
    """Takes events in, of every connection."""

    connections: Connections
    chats_of: Callable[[Tenant], Chats]
    changes_of: Callable[[Tenant], Changes]
    outbox_of: Callable[[Tenant], Outbox]
    kept_of: Callable[[Tenant], KeptEvents]
    tombstones_of: Callable[[Tenant], Tombstones]
    schedule: Schedule
    pause: timedelta
    """How long the agent is silent after a person wrote in a conversation."""
    opting: OptingWords = field(default_factory=OptingWords)
    """With which words customers opt out, and back."""
    answer_recovered: timedelta = timedelta(0)
    """Up to what age a message is answered that was recovered."""
    unattended: timedelta | None = None
    """For how long messages are stored for a connection that needs its owner; None for ever."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take(self, message: InboxMessage | Handshake) -> str:
        """Store one event and return what became of it, in a word that is fit for a metric.

        A duplicate is no reason to stop: the worker that stored the event may have died before it scheduled the turn.

        Raises:
            Unavailable: a store or queue failed; take the event again.
        """
        if isinstance(message, Handshake):
            tenant = Tenant(message.route.subaccount_id, message.route.agent_id)
            self.connections.record_handshake(tenant, datetime.fromtimestamp(message.verified_at / 1000, UTC))
            return "Handshake"
        if is_dashboard_test(message.notification):
            return "DashboardTest"
        connection = self._connection(message)
        if connection is None:
            return "EventOfNoConnection"
        identify(connection.tenant)
        received_at = datetime.fromtimestamp(message.received_at / 1000, UTC)
        event = read(message.notification, received_at)
        if left_out := self._left_out(connection, event, received_at):
            return left_out
        lost_for = received_at - happened_at(event) if message.recovered else None
        if not self._store(connection, event, lost_for):
            if isinstance(event, MessageEdited | MessageHinted):
                self._have_fetched(connection, event, standby=message.notification.channel == "standby")
            self._keep(connection, read_as_it_came(message.notification, received_at))
        if not message.recovered:  # it says when Meta last told us something by itself
            self.connections.record_event(connection, received_at)
        return type(event).__name__

    def _left_out(self, connection: Connection, event: Event, received_at: datetime) -> str | None:
        """Return why an event is not stored, as a metric name; None if it is."""
        if is_too_old(event, received_at, self.clock()):
            return "EventTooOld"
        if is_deleted(event, connection, self.chats_of, self.tombstones_of):
            return "EventDeleted"
        stored_until = connection.stored_until(self.unattended)
        if stored_until is None or received_at < stored_until:
            return None
        if isinstance(event, MessageUnsent):  # it stores nothing, and removes what was stored
            self._change(self.changes_of(connection.tenant), event)
        return "EventUnattended"

    def _connection(self, message: InboxMessage) -> Connection | None:
        """Return the connection an event is for. An event never concerns another account than its path's."""
        account_id = message.notification.account_id
        if message.route is None:
            return self.connections.of_account(account_id)
        connection = self.connections.get(Tenant(message.route.subaccount_id, message.route.agent_id))
        if connection is None or connection.status is ConnectionStatus.DISCONNECTED:
            return None
        is_its_own = connection.account.account_id == account_id and connection.is_signed_by(message.signer)
        return connection if is_its_own else None

    def _store(self, connection: Connection, event: Event, lost_for: timedelta | None = None) -> bool:
        """Store what an event says. Returns whether there was a place for it.

        `lost_for` says how old a message was that was recovered; None for one that was told.
        """
        chats = self.chats_of(connection.tenant)
        match event:
            case MessageReceived() | PostbackTapped():
                self._store_words(connection, chats, event, lost_for)
                return True
            case MessageEchoed():
                self._store_echo(connection, event, recovered=lost_for is not None)
                return True
            case MessageHinted():
                return self._is_known(connection, event.mid)
            case Referred(parties=who):
                return chats.refer(who.user_id, event.referral, who.at)
            case PolicyEnforced(parties=who):
                self.connections.record_enforcement(connection, event.action, event.reason, who.at)
                return True
            case ControlPassed():
                return self._take_control(connection, chats, event)
            case Other():
                return False
        return self._change(self.changes_of(connection.tenant), event)

    def _change(self, changes: Changes, event: MessageEdited | MessageUnsent | Reacted | MessageRead) -> bool:
        """Change a stored message. Returns whether it is stored."""
        who = event.parties
        match event:
            case MessageEdited():
                return changes.edit(event.mid, event.text, who.at)
            case MessageUnsent():
                return changes.unsend(event.mid, who.at)
            case Reacted():
                return changes.react(event.mid, who.user_id, event.emoji, who.at)
            case MessageRead():
                return changes.mark_read(who.user_id, event.mid, who.at)

    def _store_words(
        self,
        connection: Connection,
        chats: Chats,
        event: MessageReceived | PostbackTapped,
        lost_for: timedelta | None,
    ) -> None:
        who = event.parties
        words = words_of(event)
        if lost_for is not None:
            words = recovered(words, lost_for, self.answer_recovered)
        is_to_be_answered = words.status is MessageStatus.RECEIVED
        is_new = chats.add(
            who.user_id,
            who.account_id,
            words,
            turn_due_in=self.schedule.quiet_after(words) if is_to_be_answered else None,
        )
        if event.referral:
            chats.refer(who.user_id, event.referral, who.at)
        self._apply(connection, self.kept_of(connection.tenant).before(who.user_id, event.mid, who.at - WINDOW))
        if (out := self.opting.wish_in(words.text)) is not None:
            self.changes_of(connection.tenant).opt(who.user_id, who.at, out=out)
        if event.standby:
            self._answer_standby(connection, chats, who)  # control may have come before this message did
        if not is_to_be_answered:
            return
        if is_new is None:
            chat = chats.ongoing(who.user_id)
            if chat is None or not (chat.has_unanswered or chat.has_hanging_turn):
                return
        self.schedule.turn(connection.tenant, who, words.key, self.schedule.quiet_after(words))

    def _have_fetched(self, connection: Connection, event: MessageEdited | MessageHinted, *, standby: bool) -> None:
        """Schedule one fetch of an unknown message, however often it is mentioned: its webhook may be lost."""
        if self._is_known(connection, event.mid):
            return
        kept = self.kept_of(connection.tenant).about(event.mid)
        if not any("message_edit" in one.item for one in kept):
            self.schedule.fetch(connection.tenant, event.parties, event.mid, standby=standby)

    def _is_known(self, connection: Connection, mid: str) -> bool:
        return bool(self.outbox_of(connection.tenant).known([mid]))

    def _take_control(self, connection: Connection, chats: Chats, event: ControlPassed) -> bool:
        """Record that our app has the thread and schedule unanswered messages. Return False if there is no chat."""
        if not standby.comes_to_us(event, connection.grant.app_id):
            return False
        who = event.parties
        has_chat = chats.note_control(who.user_id, who.at)
        self._answer_standby(connection, chats, who)
        return has_chat

    def _answer_standby(self, connection: Connection, chats: Chats, who: Parties) -> None:
        """Schedule a turn for messages that another app has left to us."""
        chat = chats.ongoing(who.user_id)
        if chat is not None and (keys := standby.unanswered(chat)):
            chats.reopen(who.user_id, keys, turn_due_in=self.schedule.quiet)
            self.schedule.turn(connection.tenant, who, keys[-1], self.schedule.quiet)

    def _store_echo(self, connection: Connection, event: MessageEchoed, *, recovered: bool) -> None:
        overhearing = Overhearing(self.connections, self.chats_of, self.outbox_of, self.pause)
        overhearing.store(connection, event, recovered=recovered)
        self._apply(connection, self.kept_of(connection.tenant).about(event.mid))

    def _keep(self, connection: Connection, event: Other) -> None:
        """Keep an event of an unknown kind, or one whose message or chat does not exist yet.

        Of a message that was taken back, only that is kept: an edit would bring its words back.
        """
        kept = self.kept_of(connection.tenant)
        kept.keep(event)
        about = kept.about(event.mid) if event.mid else ()
        if any(is_unsend(one) for one in about):
            for one in about:
                if not is_unsend(one):
                    kept.forget(one)
        self._apply(connection, [event])  # its message or chat may have been stored meanwhile

    def _apply(self, connection: Connection, kept: Iterable[Other]) -> None:
        """Apply kept events. Applying twice is the same as once, so each is forgotten afterwards."""
        for event in kept:
            if self._store(connection, read(Notification(event.account_id, event.channel, dict(event.item)), event.at)):
                self.kept_of(connection.tenant).forget(event)
