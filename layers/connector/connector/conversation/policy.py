"""Who may speak in a conversation now, and why not. Rules only: they look at a chat and a time, and change nothing."""

from datetime import datetime, timedelta

from connector.chat import Chat, Message, Role

# Meta, "Messaging window": a business may answer within 24 hours of what the customer last did.
WINDOW = timedelta(hours=24)

# How a conversation of two machines looks. People do neither; what is caught by mistake is only paused.
_SAME_IN_A_ROW = 3
_SAME_SHORT_IN_A_ROW = 6  # "yes" may be the answer to three questions
_SHORT = 20  # characters
_SAME_WITHIN = timedelta(minutes=10)
_MOST_TURNS = 10
_MOST_TURNS_WITHIN = timedelta(minutes=1)


def is_window_open(chat: Chat, moment: datetime) -> bool:
    """Return whether Instagram allows a reply in this chat."""
    return chat.window_opened_at is not None and moment < chat.window_opened_at + WINDOW


def is_loop(chat: Chat, turn_id: str, moment: datetime) -> bool:
    """Return whether the agent seems to talk with a machine: the same again and again, or answers without a pause."""
    turns: dict[str, list[Message]] = {}
    for message in chat.messages:
        if message.role is Role.USER and message.turn_id and message.created_at > moment - _SAME_WITHIN:
            turns.setdefault(message.turn_id, []).append(message)
    turns.setdefault(turn_id, [])
    said = [" ".join(message.text or "" for message in turns[one]).strip() for one in turns]
    in_a_row = _SAME_IN_A_ROW if len(said[-1]) > _SHORT else _SAME_SHORT_IN_A_ROW
    said = said[-in_a_row:]
    answered = {
        message.turn_id
        for message in chat.messages
        if message.role is Role.AGENT and message.created_at > moment - _MOST_TURNS_WITHIN
    }
    repeats = len(said) == in_a_row and len(set(said)) == 1 and said[0] != ""
    return repeats or len(answered - {turn_id}) >= _MOST_TURNS
