"""What the agent is told of what the customer wrote: text, since that is all it reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from connector.chat import OTHER_APP, RECOVERED_LATE, Attachment, Chat, Message, Role

_NAMES = {
    "image": "a picture",
    "video": "a video",
    "audio": "a voice message",
    "file": "a file",
    "share": "a post",
    "ig_post": "a post",
    "ig_reel": "a reel",
    "reel": "a reel",
    "ig_story": "a story",
    "story": "a story",
    "story_mention": "a story that mentions you",
    "ephemeral": "a picture or video that can be seen once",
    "unsupported": "something that Instagram does not pass on",
}

_MISSED = {
    RECOVERED_LATE: "[The customer wrote this some time ago, and has had no answer to it]",
    OTHER_APP: "[The customer wrote this while another app had the conversation]",
}

# How much of an earlier message is repeated to say what the customer answers to, in characters.
_LONGEST_QUOTE = 200


def question(chat: Chat, messages: Sequence[Message]) -> str:
    """Return what to tell the agent of these messages, in their order. "" when all were taken back."""
    return "\n".join(told for message in messages if message.deleted_at is None and (told := _tell(chat, message)))


def _tell(chat: Chat, message: Message) -> str:
    if message.role is Role.HUMAN:
        return _tell_of_other(message)
    lines = [_describe(attachment) for attachment in message.attachments]
    if message.text:
        lines.append(message.text)
    said = "\n".join(lines) or "[The customer sent an empty message]"
    missed = _MISSED.get((message.error or {}).get("code", ""), "")
    return "\n".join(filter(None, (missed, _context(chat, message.reply_to or {}), said)))


def _tell_of_other(message: Message) -> str:
    """Return what somebody else of the business said: a colleague, or an automation."""
    who = "Another automation of this business" if message.app_id else "A colleague of yours"
    lines = [_describe(attachment, who) for attachment in message.attachments]
    if message.text:
        lines.append(f"[{who} wrote to the customer: “{message.text}”]")
    return "\n".join(lines)


def _context(chat: Chat, reply_to: Mapping[str, Any]) -> str:
    """Return what a message answers to, where it says so: a story, or an earlier message."""
    story = reply_to.get("story")
    if isinstance(story, Mapping):
        links = [str(story[name]) for name in ("url", "link_sticker_url") if story.get(name)]
        return f"[The customer answers to your story{_links(links)}]"
    quoted = next((one for one in chat.messages if one.mid and one.mid == reply_to.get("mid")), None)
    if quoted is None or not quoted.text:
        return ""
    whose = "their own message" if quoted.role is Role.USER else "your message"
    text = quoted.text if len(quoted.text) <= _LONGEST_QUOTE else f"{quoted.text[:_LONGEST_QUOTE]}…"
    return f"[The customer answers to {whose} “{text}”]"


def _describe(attachment: Attachment, who: str = "The customer") -> str:
    name = _NAMES.get(attachment.kind, f"something of the kind “{attachment.kind}”")
    title = f": “{attachment.title}”" if attachment.title else ""
    return f"[{who} sent {name}{title}{_links([attachment.url] if attachment.url else [])}]"


def _links(links: Sequence[str]) -> str:
    return f" ({', '.join(links)})" if links else ""
