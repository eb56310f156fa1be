"""Who may speak in a conversation now, and why not. Rules only: they look at a chat and a time, and change nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.accounts import Connection, ConnectionStatus
from connector.chat import PAUSED, Chat, Message, Role

# Meta, "Messaging window": a business may answer within 24 hours of what the customer last did (wrote, tapped a button
# or a quick reply, mentioned the business in a story, came through a link), and a person within seven days.
WINDOW = timedelta(hours=24)
PERSONS_WINDOW = timedelta(days=7)

RATE_LIMITED = "rate_limited"
WINDOW_CLOSED = "window_closed"
OPTED_OUT = "opted_out"

# How a conversation of two machines looks. People do neither; what is caught by mistake is only paused.
_SAME_IN_A_ROW = 3
_SAME_SHORT_IN_A_ROW = 6  # "yes" may be the answer to three questions
_SHORT = 20  # characters
_SAME_WITHIN = timedelta(minutes=10)
_MOST_TURNS = 10
_MOST_TURNS_WITHIN = timedelta(minutes=1)


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be sent; if not, why, and from or until when that changes something."""

    reason: str | None = None
    """None: it may be sent."""
    message: str = ""
    at: datetime | None = None
    by_person_only: bool = False
    """It may be sent only as what a person wrote (Meta's tag HUMAN_AGENT)."""


def judge(writer: Role, connection: Connection | None, chat: Chat | None, moment: datetime) -> Verdict:
    """Return whether `writer` (the agent, or a human) may write to the customer of a chat now.

    Of a customer who has no chat here nothing is known: they may have written before the account was connected. Then it
    is left to Meta.
    """
    if connection is None or connection.status is ConnectionStatus.DISCONNECTED:
        return Verdict(ConnectionStatus.DISCONNECTED.value, "This chat agent has no Instagram account connected.")
    if not connection.is_connected:
        return Verdict(connection.status.value, "Instagram no longer accepts the access token.")
    verdict = _judge_conversation(writer, connection, chat, moment)
    # Last, since a limit is waited for: it must not hide that after it nothing may be said.
    if verdict.reason is None and connection.limited_until is not None and connection.limited_until > moment:
        told = f"Meta takes no messages of this account until {_clock(connection.limited_until)}."
        return Verdict(RATE_LIMITED, told, connection.limited_until)
    return verdict


def _judge_conversation(writer: Role, connection: Connection, chat: Chat | None, moment: datetime) -> Verdict:
    if chat is not None and chat.opted_out_at is not None:
        told = f"The customer asked on {_clock(chat.opted_out_at)} not to be written to, and has not taken it back."
        return Verdict(OPTED_OUT, told, chat.opted_out_at)
    if writer is Role.AGENT and connection.is_paused(moment):
        told = f"The agent is paused until {_clock(connection.paused_until)}."
        return Verdict(PAUSED, told, connection.paused_until)
    if chat is None:
        return Verdict()
    if writer is Role.AGENT and chat.is_paused(moment):
        told = f"The agent is paused in this conversation until {_clock(chat.paused_until)}."
        return Verdict(chat.paused_because or PAUSED, told, chat.paused_until)
    return _judge_window(writer, chat.window_opened_at, moment)


def _judge_window(writer: Role, opened_at: datetime | None, moment: datetime) -> Verdict:
    if opened_at is None or moment < opened_at + WINDOW:
        return Verdict()
    closed = f"Instagram's 24 hours for a reply closed {_clock(opened_at + WINDOW)}"
    until = opened_at + PERSONS_WINDOW
    if moment >= until:
        return Verdict(WINDOW_CLOSED, f"{closed}. They open again when the customer writes.", opened_at + WINDOW)
    if writer is Role.HUMAN:
        return Verdict(by_person_only=True)
    return Verdict(WINDOW_CLOSED, f"{closed}; a person may reply until {_clock(until)}.", opened_at + WINDOW)


def _clock(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "then"
