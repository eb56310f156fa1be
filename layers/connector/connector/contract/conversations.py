"""Conversations, as an inbox shows them: a row for each customer."""

from datetime import datetime

from connector.accounts import Connection
from connector.chat import PAUSED, Chat
from connector.contract.base import Body, Time
from connector.contract.messages import MessageView
from connector.contract.referrals import LastReferralView
from connector.conversation.conversations import Rows
from connector.conversation.policy import PERSONS_WINDOW, WINDOW
from connector.ports.reading import Conversation


class WindowView(Body):
    """How long Instagram allows a reply, counted from what the customer last did; nothing is known before that.

    Until `closesAt` anybody may reply, until `personClosesAt` only a person (send does what Meta asks for that).
    """

    is_open: bool
    closes_at: Time | None
    person_closes_at: Time | None

    @classmethod
    def of(cls, opened_at: datetime | None, moment: datetime) -> "WindowView":
        """Return it for a window that the customer opened then."""
        if opened_at is None:
            return cls(is_open=True, closes_at=None, person_closes_at=None)
        closes_at = opened_at + WINDOW
        return cls(is_open=moment < closes_at, closes_at=closes_at, person_closes_at=opened_at + PERSONS_WINDOW)


class PauseView(Body):
    """Until when the agent is silent in a conversation, and why: `paused` (a person wishes it) or `loop`.

    `everywhere` tells that it is so in all conversations of this agent: then resume without a user lifts it.
    """

    until: Time
    because: str
    everywhere: bool

    @classmethod
    def of(cls, chat: Chat, connection: Connection | None, moment: datetime) -> "PauseView | None":
        """Return the pause that lasts longest, a conversation's own or that of all; None where there is none."""
        pauses = []
        if chat.paused_until is not None and chat.is_paused(moment):
            pauses.append(cls(until=chat.paused_until, because=chat.paused_because or PAUSED, everywhere=False))
        if connection is not None and connection.paused_until is not None and connection.is_paused(moment):
            pauses.append(cls(until=connection.paused_until, because=PAUSED, everywhere=True))
        return max(pauses, key=lambda pause: pause.until, default=None)


class ConversationView(Body):
    """A row."""

    user_id: str
    username: str | None
    name: str | None
    last_message: MessageView | None
    unanswered_count: int
    window: WindowView
    paused: PauseView | None
    opted_out_at: Time | None
    referral: LastReferralView | None
    updated_at: Time

    @classmethod
    def of(cls, row: Conversation, connection: Connection | None, moment: datetime) -> "ConversationView":
        """Return it for a conversation as it stands at a moment."""
        chat, last = row.chat, row.last
        return cls(
            user_id=chat.user_id,
            username=chat.person.username,
            name=chat.person.name,
            last_message=MessageView.of(last[1], user_id=chat.user_id, chat_id=last[0].chat_id) if last else None,
            unanswered_count=row.unanswered,
            window=WindowView.of(chat.window_opened_at, moment),
            paused=PauseView.of(chat, connection, moment),
            opted_out_at=chat.opted_out_at,
            referral=LastReferralView.of(chat.referral) if chat.referral else None,
            updated_at=row.updated_at,
        )


class ConversationsView(Body):
    """A page of conversations, the one last written in first."""

    conversations: tuple[ConversationView, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Rows, connection: Connection | None, moment: datetime) -> "ConversationsView":
        """Return it for a page of a connection's conversations."""
        views = tuple(ConversationView.of(row, connection, moment) for row in rows.conversations)
        return cls(conversations=views, next_cursor=rows.next_cursor)
