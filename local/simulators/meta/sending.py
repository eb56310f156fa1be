"""Accepting a send: what Meta refuses, and what becomes of what it accepts."""

from dataclasses import dataclass
from typing import Any

from local.simulators.clock import now_ms
from local.simulators.meta import errors
from local.simulators.meta.deliveries import WebhookEvent
from local.simulators.meta.identifiers import new_mid
from local.simulators.meta.send_request import Attachment, OutgoingMessage, SenderAction, SendRequest, Target
from local.simulators.meta.shapes import Json
from local.simulators.meta.threads import (
    HUMAN_AGENT_WINDOW_MS,
    TYPING_MS,
    WINDOW_MS,
    Message,
    Thread,
    Via,
    add_business_message,
    note_action,
    webhook_message,
    window_is_open,
)
from local.simulators.meta.wire import message_event
from local.simulators.meta.world import Account, World


@dataclass(frozen=True)
class SendRules:
    """Which app sends, what it may do, and whether time has run out for every thread."""

    human_agent_approved: bool
    window_closed: bool
    app_id: str


@dataclass(frozen=True)
class Accepted:
    """The body of the answer, and the echo where the send made a message."""

    answer: Json
    echo: WebhookEvent | None = None


def accept(world: World, account: Account, wanted: SendRequest, rules: SendRules) -> Accepted:
    """Carry out `wanted`, or raise without having changed anything."""
    thread = world.thread_of(account.account_id, wanted.recipient.id)
    if thread is None or thread.opened_at is None:
        raise errors.no_matching_user()
    if thread.blocked:
        raise errors.person_unavailable()
    if world.is_elsewhere(thread):
        raise errors.not_thread_owner()
    _check_window(thread, wanted.tag, rules)
    if wanted.message is None:
        if wanted.sender_action is not None:
            _act(thread, wanted.sender_action, wanted.payload)
        return Accepted({"recipient_id": thread.user_id})
    reply_to = wanted.reply_to.mid if wanted.reply_to else None
    if reply_to is not None and thread.find(reply_to) is None:
        raise errors.invalid_parameter("Invalid parameter reply_to.mid: no such message in this thread.")
    said = {"text": _text(wanted.message), "attachments": _echoed(wanted.message), "reply_to": reply_to}
    message, echo = write_as_business(thread, "api", now_ms(), app_id=rules.app_id, **said)
    return Accepted({"recipient_id": thread.user_id, "message_id": message.mid}, echo)


def write_as_business(thread: Thread, via: Via, at: int, **said: Any) -> tuple[Message, WebhookEvent]:
    """Put a message of the business into the thread, as written `at` that time; the message and its echo."""
    message = Message(mid=new_mid(thread.account_id, thread.user_id), sender="business", via=via, at=at, **said)
    add_business_message(thread, message)
    echo = message_event(thread.account_id, thread.user_id, message.at, webhook_message(message))
    return message, echo


def _check_window(thread: Thread, tag: str | None, rules: SendRules) -> None:
    length = WINDOW_MS
    if tag == "HUMAN_AGENT":
        if not rules.human_agent_approved:
            raise errors.human_agent_not_approved()
        length = HUMAN_AGENT_WINDOW_MS
    elif tag is not None:
        raise errors.invalid_parameter(f"Message tag {tag} is not available.")
    if rules.window_closed or not window_is_open(thread, now_ms(), length):
        raise errors.outside_window()


def _act(thread: Thread, action: SenderAction, target: Target | None) -> None:
    match action:
        case "typing_on":
            thread.typing_until = now_ms() + TYPING_MS
        case "typing_off":
            thread.typing_until = 0
        case "mark_seen":
            thread.seen_at = now_ms()
        case "react" | "unreact":
            message = thread.find(target.message_id) if target else None
            if message is None:
                raise errors.invalid_parameter("Invalid parameter payload.message_id")
            if action == "unreact":
                message.reactions.pop("business", None)
            else:
                message.reactions["business"] = (target.reaction if target else None) or "love"
    note_action(thread, action, now_ms())


def _text(message: OutgoingMessage) -> str | None:
    return message.text or None


def _echoed(message: OutgoingMessage) -> list[Json]:
    return [_echo_attachment(attachment) for attachment in message.all_attachments()]


def _echo_attachment(attachment: Attachment) -> Json:
    """As webhooks show it: a template comes back under its type, the heart without a payload."""
    match attachment.type:
        case "template" if attachment.payload.get("template_type") == "button":
            return {"type": "template", "payload": attachment.payload}
        case "template":
            kind = str(attachment.payload.get("template_type", "generic"))
            return {"type": "template", "payload": {kind: {"elements": attachment.payload.get("elements", [])}}}
        case "like_heart":
            return {"type": "like_heart"}
        case "MEDIA_SHARE":
            return {"type": "ig_post", "payload": {"ig_post_media_id": str(attachment.payload.get("id", ""))}}
        case kind:
            return {"type": kind, "payload": {"url": attachment.payload["url"]}}
