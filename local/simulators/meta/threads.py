"""Threads and their messages, and what happens in a thread, whoever does it. Times are milliseconds since 1970."""

from dataclasses import dataclass, field
from typing import Literal

from local.simulators.meta.shapes import Json

type Side = Literal["customer", "business"]
type Via = Literal["customer", "api", "app"]

WINDOW_MS = 24 * 60 * 60 * 1000
HUMAN_AGENT_WINDOW_MS = 7 * WINDOW_MS
TYPING_MS = 20_000  # Instagram hides the indicator by itself after about this long
KEPT_MESSAGES = 500  # per thread: the whole state is written at every change
KEPT_ACTIONS = 100


@dataclass
class Message:
    """One message of a thread. `attachments` have the shape that webhooks give them."""

    mid: str
    sender: Side
    via: Via
    at: int
    text: str | None = None
    attachments: list[Json] = field(default_factory=list)
    reply_to: str | None = None
    app_id: str | None = None  # the app that the business wrote with; None is Instagram's own
    ai_generated: bool = False  # by Meta's assistant
    story: Json | None = None  # what it answers or mentions, as the Conversations API shows it
    is_unsupported: bool = False
    deleted: bool = False
    reactions: dict[Side, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SenderAction:
    """What the business did in a thread without a word, such as `typing_on` or `mark_seen`."""

    name: str
    at: int


@dataclass
class Thread:
    """The conversation of one user with one account."""

    account_id: str
    user_id: str
    messages: list[Message] = field(default_factory=list)
    opened_at: int | None = None  # the user's newest act that opens the 24-hour window
    seen_at: int | None = None  # when the business last read
    typing_until: int = 0
    owner_app_id: str | None = None  # the app that has the thread; None is that every app may answer
    blocked: bool = False  # by the business
    sender_actions: list[SenderAction] = field(default_factory=list)

    def find(self, mid: str) -> Message | None:
        """Find the message with this id."""
        return next((message for message in reversed(self.messages) if message.mid == mid), None)


def window_is_open(thread: Thread, now: int, length_ms: int = WINDOW_MS) -> bool:
    """Tell whether the business may write: the user has acted within the last `length_ms`."""
    return thread.opened_at is not None and now < thread.opened_at + length_ms


def add_customer_message(thread: Thread, message: Message) -> None:
    """Let the user write, which opens the window."""
    _append(thread, message)
    thread.opened_at = max(message.at, thread.opened_at or 0)


def add_business_message(thread: Thread, message: Message) -> None:
    """Let the business write; a reply also marks the thread as read and ends the typing indicator."""
    _append(thread, message)
    thread.seen_at = max(message.at, thread.seen_at or 0)
    thread.typing_until = 0


def note_action(thread: Thread, name: str, at: int) -> None:
    """Remember what the business did without a word: a reply soon hides that it typed before."""
    thread.sender_actions.append(SenderAction(name, at))
    del thread.sender_actions[:-KEPT_ACTIONS]


def webhook_message(message: Message) -> Json:
    """Show `message` as the event key of a webhook item, an echo where the business wrote it."""
    body: Json = {"mid": message.mid}
    if message.text is not None:
        body["text"] = message.text
    if message.attachments:
        body["attachments"] = message.attachments
    if message.reply_to:
        body["reply_to"] = {"mid": message.reply_to, "is_self_reply": False}
    if message.sender == "business":
        body["is_echo"] = True
        if message.app_id is not None:
            body["app_id"] = int(message.app_id)
        if message.ai_generated:
            body["ai_generated"] = True
    return body


def apply_item(thread: Thread, item: Json, at: int) -> None:
    """Let the thread follow a raw webhook item, so that reading it back agrees with what was told."""
    if edit := item.get("message_edit"):
        _edit(thread, edit)
    elif message := item.get("message"):
        _follow_message(thread, message, at)
    elif reaction := item.get("reaction"):
        _react(thread, reaction)
    elif "postback" in item or "referral" in item:
        thread.opened_at = at


def payload_of(attachment: Json) -> Json:
    """Return an attachment's payload; Meta writes null, or the word "null", where there is none."""
    payload = attachment.get("payload")
    return payload if isinstance(payload, dict) else {}


def story_of(message: Json) -> Json | None:
    """Show the story that a webhook's message answers or mentions as the Conversations API does."""
    if story := (message.get("reply_to") or {}).get("story"):
        return {"reply_to": {"link": story.get("url"), "id": story.get("id")}}
    for attachment in message.get("attachments") or []:
        if attachment.get("type") == "story_mention":
            payload = payload_of(attachment)
            return {"mention": {"link": payload.get("url"), "id": payload.get("id")}}
    return None


def _append(thread: Thread, message: Message) -> None:
    thread.messages.append(message)
    thread.messages.sort(key=lambda one: one.at)  # one may be put in late
    del thread.messages[:-KEPT_MESSAGES]


def _edit(thread: Thread, edit: Json) -> None:
    known = thread.find(str(edit.get("mid")))
    if known is not None and isinstance(edit.get("text"), str):
        known.text = edit["text"]


def _follow_message(thread: Thread, message: Json, at: int) -> None:
    known = thread.find(str(message.get("mid")))
    if message.get("is_deleted"):
        if known is not None:
            known.deleted, known.text, known.attachments = True, None, []
        return
    if known is not None:
        return
    sender: Side = "business" if message.get("is_echo") else "customer"
    via: Via = "app" if sender == "business" else "customer"
    new = Message(
        mid=str(message.get("mid")),
        sender=sender,
        via=via,
        at=at,
        text=message.get("text"),
        attachments=message.get("attachments") or [],
        reply_to=(message.get("reply_to") or {}).get("mid"),
        app_id=str(message["app_id"]) if message.get("app_id") is not None else None,
        story=story_of(message),
        is_unsupported=bool(message.get("is_unsupported")),
    )
    if sender == "business":
        add_business_message(thread, new)
    else:
        add_customer_message(thread, new)


def _react(thread: Thread, reaction: Json) -> None:
    known = thread.find(str(reaction.get("mid")))
    if known is None:
        return
    if reaction.get("action") == "unreact":
        known.reactions.pop("customer", None)
    else:
        known.reactions["customer"] = str(reaction.get("emoji") or reaction.get("reaction") or "")
