"""Chats as MongoDB holds them, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from connector.chat import PAUSED, Chat, Message, MessageStatus, Person, Role, Turn, TurnState
from connector.storage.attachment_documents import read_attachment, write_attachment
from connector.storage.mongodb import Document
from connector.storage.stored import json, moment, number, part, parts, text
from connector.untrusted import clean


def write_message(message: Message) -> Document:
    """Return the document of a message. Every field is always there: other readers of `chats` need not guess."""
    return {
        "id": message.id,
        "key": message.key,
        "mid": message.mid,
        "role": message.role.value,
        "text": message.text,
        "attachments": [write_attachment(attachment) for attachment in message.attachments],
        "replyTo": message.reply_to,
        "postback": message.postback,
        "referral": message.referral,
        "reactions": [dict(reaction) for reaction in message.reactions],
        "reactedAt": None,
        "status": message.status.value,
        "error": message.error,
        "turnId": message.turn_id,
        "createdAt": message.created_at,
        "editedAt": message.edited_at,
        "deletedAt": message.deleted_at,
        "readAt": message.read_at,
        "sendingAt": message.sending_at,
        "absentAt": None,
        "pausesUntil": None,
        "content": message.content,
        "byPersonOnly": message.by_person_only,
        "appId": message.app_id,
        "recovered": message.recovered,
    }


def read_message(document: Document) -> Message | None:
    """Return the message that a document holds; None if it lacks what every message has."""
    message_id, key, created_at = text(document, "id"), text(document, "key"), moment(document, "createdAt")
    role, status = _member(Role, document.get("role")), _member(MessageStatus, document.get("status"))
    if message_id is None or key is None or created_at is None or role is None or status is None:
        return None
    return Message(
        id=message_id,
        key=key,
        mid=text(document, "mid"),
        role=role,
        text=text(document, "text"),
        attachments=tuple(read_attachment(attachment) for attachment in parts(document, "attachments")),
        reply_to=json(document, "replyTo"),
        postback=json(document, "postback"),
        referral=json(document, "referral"),
        reactions=tuple(filter(None, map(_read_reaction, parts(document, "reactions")))),
        status=status,
        error=_read_error(part(document, "error")),
        turn_id=text(document, "turnId"),
        created_at=created_at,
        edited_at=moment(document, "editedAt"),
        deleted_at=moment(document, "deletedAt"),
        read_at=moment(document, "readAt"),
        sending_at=moment(document, "sendingAt"),
        content=_read_content(document),
        by_person_only=document.get("byPersonOnly") is True,
        app_id=text(document, "appId"),
        recovered=document.get("recovered") is True,
    )


def read_messages(document: Document) -> tuple[Message, ...]:
    """Return the messages of a chat's document."""
    return tuple(filter(None, map(read_message, parts(document, "messages"))))


def _read_reaction(document: Document) -> Document | None:
    user_id, emoji, at = text(document, "userId"), text(document, "emoji"), moment(document, "at")
    return {"userId": user_id, "emoji": emoji, "at": at} if user_id and emoji and at else None


def _read_content(document: Document) -> Mapping[str, Any] | None:
    content = json(document, "content")
    return content if content and isinstance(content.get("type"), str) else None


def _read_error(document: Document) -> Document | None:
    code, meta = text(document, "code"), part(document, "meta")
    if code is None:
        return None
    quoted = {"message": text(meta, "message"), "code": number(meta, "code"), "subcode": number(meta, "subcode")}
    told = {"message": text(document, "message"), "at": moment(document, "at"), "meta": quoted if meta else None}
    return {"code": code} | {name: value for name, value in told.items() if value is not None}


def _member[Kind: StrEnum](kind: type[Kind], value: object) -> Kind | None:
    return kind(value) if isinstance(value, str) and value in {*kind} else None


def write_turn(turn: Turn) -> Document:
    """Return the document of a turn."""
    return {
        "id": turn.id,
        "fence": turn.fence,
        "state": turn.state.value,
        "leaseUntil": turn.lease_until,
        "generation": turn.generation,
        "openedAt": turn.opened_at,
        "tries": turn.tries,
        "askedAt": turn.asked_at,
        "askedAfter": turn.asked_after,
        "lostSession": turn.lost_session,
        "endsChat": turn.ends_chat,
        "reason": turn.reason,
    }


def read_chat(document: Document) -> Chat:
    """Return the chat that a document holds."""
    metadata, paused_until = part(document, "metadata"), moment(document, "pausedUntil")
    opting, referral = part(metadata, "opting"), part(metadata, "referral")
    referred_at = moment(referral, "at")
    return Chat(
        id=str(document["_id"]),
        account_id=text(metadata, "instagramAccountId") or "",
        user_id=text(metadata, "userId") or "",
        chat_id=text(document, "chatId"),
        questions=number(document, "questions"),
        messages=read_messages(document),
        turn=_read_turn(part(document, "turn")),
        paused_until=paused_until,
        paused_because=text(document, "pausedBecause") or (PAUSED if paused_until else None),
        control_at=moment(document, "controlAt"),
        window_opened_at=moment(document, "windowOpenedAt") or moment(document, "lastUserMessageAt"),
        person=Person(text(metadata, "username"), text(metadata, "name"), moment(metadata, "profileAt")),
        opted_out_at=moment(opting, "at") if opting.get("out") is True else None,
        referral={**clean(referral), "at": referred_at} if referred_at else None,
        turn_due_at=moment(document, "turnDueAt"),
        turn_due_for=text(document, "turnDueFor"),
    )


def _read_turn(document: Document) -> Turn | None:
    turn_id, state = text(document, "id"), _member(TurnState, document.get("state"))
    lease_until = moment(document, "leaseUntil")
    if turn_id is None or state is None or lease_until is None:
        return None
    tries = number(document, "tries")
    return Turn(
        id=turn_id,
        fence=number(document, "fence") or 0,
        state=state,
        lease_until=lease_until,
        generation=number(document, "generation") or 0,
        opened_at=moment(document, "openedAt") or lease_until,  # absent in what an older version wrote
        tries=1 if tries is None else tries,
        asked_at=moment(document, "askedAt"),
        asked_after=number(document, "askedAfter"),
        lost_session=document.get("lostSession") is True,
        ends_chat=document.get("endsChat") is True,
        reason=text(document, "reason"),
    )


def now() -> datetime:
    """Return the time to the millisecond, as MongoDB keeps it."""
    exact = datetime.now(UTC)
    return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
