"""Messages that the customer wrote while another app had the thread (Meta, "Conversation Routing")."""

from collections.abc import Sequence

from connector.chat import OTHER_APP, Chat, Message, MessageStatus, Role
from connector.conversation.policy import WINDOW
from connector.instagram.events import INBOXES, ControlPassed


def comes_to_us(passed: ControlPassed, our_app_id: str | None) -> bool:
    """Return whether our app may write in the thread from now on. An idle thread is open to every app.

    Where our app's id is not known, a pass is taken to be to us: Meta tells the receiver of a pass, and the loser of
    what another app takes. Should that be wrong, Meta refuses the answer, and the messages wait on.
    """
    if passed.to_app_id is None:
        return True
    if our_app_id is not None:
        return passed.to_app_id == our_app_id
    return not passed.is_taken and passed.to_app_id not in INBOXES


def unanswered(chat: Chat) -> Sequence[str]:
    """Return the keys of the standby messages without an answer from any side.

    Return none if Instagram's window for a reply had closed before control came.
    """
    opened_at, control_at = chat.window_opened_at, chat.control_at
    if control_at is None or (opened_at is not None and opened_at + WINDOW <= control_at):
        return ()
    return [
        message.key
        for message in chat.messages
        if message.status is MessageStatus.UNANSWERED
        and _is_another_apps(message)
        and message.created_at <= control_at
        and message.deleted_at is None
        and not _is_answered(chat, message)
    ]


def is_answered_elsewhere(chat: Chat, asked: Sequence[Message]) -> bool:
    """Return whether another app has answered all messages of a turn: its echo arrived after the handover."""
    waiting = [message for message in asked if message.status is MessageStatus.RECEIVED]
    return bool(waiting) and all(_is_another_apps(one) and _is_answered(chat, one) for one in waiting)


def _is_another_apps(message: Message) -> bool:
    return message.role is Role.USER and (message.error or {}).get("code") == OTHER_APP


def _is_answered(chat: Chat, message: Message) -> bool:
    """Return whether the business has written to the customer since a message."""
    return any(
        one.role is not Role.USER and one.is_with_customer and one.created_at >= message.created_at
        for one in chat.messages
    )
