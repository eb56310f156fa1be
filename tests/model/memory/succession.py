"""From one chat to the next, as `connector.storage.succession` does it in a transaction."""

from datetime import datetime

from connector.chat import Chat, Message, MessageStatus, Role, Turn
from connector.tenancy import Tenant
from tests.model.memory.shelf import Record, Shelf, having


def is_waiting(message: Message) -> bool:
    """Return whether no turn has taken up a customer's message."""
    return message.role is Role.USER and message.status is MessageStatus.RECEIVED and message.turn_id is None


def rests(record: Record) -> bool:
    """Return whether no worker is at a turn of the chat, and none has died at one."""
    return not record.chat.has_hanging_turn


def first_record(
    shelf: Shelf, tenant: Tenant, user_id: str, account_id: str, moment: datetime, before: Record | None
) -> Record:
    """Return a chat without messages, which goes on with the conversation of the one before."""
    chat = Chat(shelf.new_id("chat"), account_id, user_id)
    if before is None:
        return Record(tenant, chat, moment)
    old = before.chat
    carried = having(
        chat,
        paused_until=old.paused_until,
        paused_because=old.paused_because,
        window_opened_at=old.window_opened_at,
        control_at=old.control_at,
        person=old.person,
        referral=old.referral,
    )
    return Record(
        tenant,
        carried,
        moment,
        last_user_message_at=before.last_user_message_at,
        last_message_at=before.last_message_at,
        pause_requested_until=old.paused_until,
    )


def ended(record: Record, because: str) -> Record:
    """Return the record as one that is over."""
    return having(record, is_ongoing=False, ended_because=because, wake_at=None)


def roll_over(shelf: Shelf, record: Record, because: str, moment: datetime, *, keeps_session: bool) -> None:
    """End a chat and open its successor, with the hanging turn and all that waits."""
    old = record.chat
    turn = old.turn if old.has_hanging_turn else None
    moved = tuple(message for message in old.messages if _goes_on(message, turn))
    if len(moved) == len(old.messages):
        if not keeps_session:
            shelf.put(record.saying(chat_id=None, questions=None))
        return
    left = tuple(message for message in old.messages if message not in moved)
    shelf.put(ended(record.saying(messages=left, turn=None), because))
    following = first_record(shelf, record.tenant, old.user_id, old.account_id, moment, record)
    session = {"chat_id": old.chat_id, "questions": old.questions} if keeps_session else {}
    following = following.saying(
        turn=turn, messages=moved, turn_due_at=old.turn_due_at, turn_due_for=old.turn_due_for, **session
    )
    keys = {message.key for message in moved}
    shelf.put(
        having(
            following,
            wake_at=record.wake_at,
            last_message_at=record.last_message_at,
            reacted_at=tuple(pair for pair in record.reacted_at if pair[0] in keys),
            absent=record.absent & keys,
            pauses=frozenset(pair for pair in record.pauses if pair[0] in keys),
        )
    )


def _goes_on(message: Message, turn: Turn | None) -> bool:
    return is_waiting(message) or (turn is not None and message.turn_id == turn.id)
