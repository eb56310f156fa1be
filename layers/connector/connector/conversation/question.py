"""What the agent is told of what the customer wrote: text, since that is all it reads."""

from collections.abc import Sequence

from connector.chat import Attachment, Message, Role

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


def question(messages: Sequence[Message]) -> str:
    """Return what to tell the agent of these messages, in their order. "" when all were taken back."""
    return "\n".join(told for message in messages if message.deleted_at is None and (told := _tell(message)))


def _tell(message: Message) -> str:
    if message.role is Role.HUMAN:
        return f"[A colleague of yours wrote to the customer: “{message.text}”]" if message.text else ""
    lines = [_describe(attachment) for attachment in message.attachments]
    if message.text:
        lines.append(message.text)
    return "\n".join(lines) or "[The customer sent an empty message]"


def _describe(attachment: Attachment) -> str:
    name = _NAMES.get(attachment.kind, f"something of the kind “{attachment.kind}”")
    title = f": “{attachment.title}”" if attachment.title else ""
    return f"[The customer sent {name}{title}]"
