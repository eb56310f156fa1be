"""What the agent is told of what the customer wrote: text, since that is all it reads.

Messages are made neutral here before anything is told of them: markers come from nobody else (`marking.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.chat import OTHER_APP, RECOVERED_LATE, Chat, Message, Role
from connector.conversation.describing import described
from connector.conversation.introduction import referred
from connector.conversation.marking import each_on_one_line, marker, neutral_message, one_line
from connector.conversation.policy import WINDOW

_MISSED = {
    RECOVERED_LATE: marker("The customer wrote this some time ago, and has had no answer to it"),
    OTHER_APP: marker("The customer wrote this while another app had the conversation"),
}

# How much of an earlier message is repeated to say what the customer replied to, in characters.
_LONGEST_QUOTE = 200


def question(chat: Chat, messages: Sequence[Message]) -> str:
    """Return what to tell the agent of these messages, in their order. "" when all were taken back."""
    left = [neutral_message(message) for message in messages if message.deleted_at is None]
    told = [told for message in left if (told := _tell(chat, message))]
    return "\n".join([*_arrived(chat, messages), *told] if told else [])


def _arrived(chat: Chat, messages: Sequence[Message]) -> list[str]:
    """Return how the customer came here since their last message, where none of these messages says so itself.

    In a new chat, of a referral of the last day.
    """
    at = (chat.referral or {}).get("at")
    mine = [message for message in messages if message.role is Role.USER]
    if not isinstance(at, datetime) or not mine or any(message.referral for message in mine):
        return []
    earlier = [one.created_at for one in chat.messages if one.role is Role.USER and one not in mine]
    since = max(earlier, default=min(message.created_at for message in mine) - WINDOW)
    return _referral(each_on_one_line(chat.referral or {})) if at > since else []


def _tell(chat: Chat, message: Message) -> str:
    if message.role is Role.HUMAN:
        return "\n".join(_tell_of_other(message))
    code = (message.error or {}).get("code")
    missed = [_MISSED[code]] if code in _MISSED else []
    context = [*_referral(message.referral or {}), *_context(chat, message.reply_to or {})]
    said = [*(marker(f"The customer sent {one}") for one in described(message.attachments)), *_words(message)]
    return "\n".join(
        [*missed, *context, *(said if said or context else [marker("The customer sent an empty message")])]
    )


def _tell_of_other(message: Message) -> list[str]:
    """Return what somebody else of the business said: a colleague, or an automation."""
    who = "Another automation of this business" if message.app_id else "A colleague of yours"
    text = one_line(message.text or "")
    # A text with buttons under it is stored as a text, and as the card that it is.
    is_card = any(card.title == text for one in message.attachments for card in one.cards)
    wrote = [marker(f"{who} wrote to the customer: “{text}”")] if text and not is_card else []
    return [*(marker(f"{who} sent {one}") for one in described(message.attachments)), *wrote]


def _words(message: Message) -> list[str]:
    """Return what was written, or tapped: two buttons of one title differ in their payloads."""
    tapped = message.postback
    if not tapped:
        return [message.text] if message.text else []
    payload = tapped.get("payload")
    if not message.text:
        return [marker("The customer tapped a button")]
    is_told = not payload or payload == one_line(message.text)
    return [message.text, *([] if is_told else [marker(f"The customer tapped this. Its payload: “{payload}”")])]


def _referral(referral: Mapping[str, Any]) -> list[str]:
    known = [f"{name.replace('_', ' ')} “{value}”" for name, value in referred(referral).items()]
    return [marker(f"The customer came here through: {', '.join(known)}")] if known else []


def _context(chat: Chat, reply_to: Mapping[str, Any]) -> list[str]:
    """Return what a message replies to, where it says so: a story, or an earlier message."""
    story = reply_to.get("story")
    if isinstance(story, Mapping):
        links = ", ".join(str(story[name]) for name in ("url", "link_sticker_url") if story.get(name))
        return [marker(f"The customer replied to your story{f' ({links})' if links else ''}")]
    quoted = next((one for one in chat.messages if one.mid and one.mid == reply_to.get("mid")), None)
    if quoted is None:
        return []
    quoted = neutral_message(quoted)
    text = one_line(quoted.text or "") or ", ".join(described(quoted.attachments))
    whose = "their own message" if quoted.role is Role.USER else "your message"
    cut = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return [marker(f"The customer replied to {whose} “{cut}”")] if text else []
