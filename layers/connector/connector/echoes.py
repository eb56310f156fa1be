"""Matching echoes with outgoing messages whose mid is not known yet.

Meta echoes every message of the business. The echo may come before the answer to the send, or that answer may be lost.
A text is recognized by its words, everything else by the kind and number of its attachments: Meta hosts a copy of each
file, so URLs differ.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.chat import Attachment, Message

# Meta's clock may differ from ours, and Meta takes up to 75 s to fetch a video before it makes the message. A picture
# that comes much later is another one.
_CLOCKS_DIFFER = timedelta(seconds=30)
_MADE_WITHIN = timedelta(minutes=15)

_POST, _TEMPLATE, _HEART = "post", "template", "heart"

# How Meta names in an echo what was sent, where the names differ. A template or a post counts once, however many
# elements it has: while Meta moved from `share` to `ig_post` it sent both for one post.
_KINDS = {
    **dict.fromkeys(("image", "video", "audio", "file", "ephemeral", "ig_story", "story", "story_mention")),
    **dict.fromkeys(("share", "ig_post", "ig_reel", "reel", "media_share"), _POST),
    "template": _TEMPLATE,
    **dict.fromkeys(("like_heart", "sticker"), _HEART),
}
_COUNTED_ONCE = {_POST, _TEMPLATE, _HEART}


@dataclass(frozen=True, slots=True)
class Echo:
    """A sent message of the business, read from a webhook or from the Conversations API."""

    mid: str
    text: str | None
    attachments: tuple[Attachment, ...]
    at: datetime
    by_our_app: bool | None = None
    """Whether our app sent it; None where Meta does not say."""


def settled_by(echo: Echo, under_way: Iterable[Message]) -> Message | None:
    """Return the outgoing message that an echo belongs to; among equal ones, the one sent first."""
    if echo.by_our_app is False:
        return None
    sent = sorted(under_way, key=lambda message: (_sent_at(message), message.created_at, message.key))
    for matches in (is_alike, _may_be_hidden_in, _was_changed_to):
        if found := next((message for message in sent if matches(echo, message)), None):
            return found
    return None


def is_alike(echo: Echo, message: Message) -> bool:
    """Return whether an echo has the content of an outgoing message."""
    if echo.text and message.text and normal(echo.text) == normal(message.text):
        return True
    kinds = _kinds(echo.attachments)
    return kinds is not None and not is_text(message) and kinds == _wanted(message) and _is_in_time(echo, message)


def evidence_of(message: Message, sent: Iterable[Echo]) -> list[Echo]:
    """Return the sent messages that may be this one, the best match first.

    Those that hide their content count too: what may be there must not be sent again.
    """
    in_order = sorted(sent, key=lambda echo: echo.at)
    return [echo for matches in (is_alike, _may_be_hidden_in) for echo in in_order if matches(echo, message)]


def is_text(message: Message) -> bool:
    """Return whether an outgoing message is a text, with or without quick replies."""
    return message.content is None or bool(message.content["type"] == "text")


def normal(text: str) -> str:
    """Return a text normalized for comparison: NFKC, single spaces, no invisible characters or variation selectors."""
    composed = unicodedata.normalize("NFKC", text)
    seen = (one for one in composed if one.isspace() or not _is_invisible(one))
    return " ".join("".join(seen).split())


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf") or "\ufe00" <= character <= "\ufe0f"


def _may_be_hidden_in(echo: Echo, message: Message) -> bool:
    """Return whether the echo hides its content ("unsupported") and may belong to the message."""
    return not echo.text and _kinds(echo.attachments) is None and not is_text(message) and _is_in_time(echo, message)


def _was_changed_to(echo: Echo, message: Message) -> bool:
    """Return whether our app sent both texts at the same time, so that Instagram may have changed the words."""
    return bool(echo.by_our_app and echo.text and message.text) and _is_in_time(echo, message)


def _is_in_time(echo: Echo, message: Message) -> bool:
    return -_CLOCKS_DIFFER <= echo.at - _sent_at(message) <= _MADE_WITHIN


def _sent_at(message: Message) -> datetime:
    return message.sending_at or message.created_at


def _wanted(message: Message) -> tuple[str, ...] | None:
    is_template = (message.content or {}).get("type") in ("buttons", "cards")
    return (_TEMPLATE,) if is_template else _kinds(message.attachments)


def _kinds(attachments: Iterable[Attachment]) -> tuple[str, ...] | None:
    """Return the kinds of attachments, sorted; None if there are none or one has an unknown kind."""
    kinds: list[str] = []
    for attachment in attachments:
        name = attachment.kind.lower()
        if name not in _KINDS:
            return None
        kind = _KINDS[name] or name
        if kind not in _COUNTED_ONCE or kind not in kinds:
            kinds.append(kind)
    return tuple(sorted(kinds)) or None
