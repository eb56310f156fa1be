"""Chats as MongoDB holds them, and back."""

from datetime import UTC, datetime

from connector.chat import PAUSED, Chat, Message, MessageStatus, Person, Role, Turn, TurnState
from connector.storage.attachment_documents import read_attachment, write_attachment
from connector.storage.mongodb import Document


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


def read_message(document: Document) -> Message:
    """Return the message that a document holds."""
    return Message(
        id=document["id"],
        key=document["key"],
        mid=document["mid"],
        role=Role(document["role"]),
        text=document["text"],
        attachments=tuple(read_attachment(attachment) for attachment in document["attachments"]),
        reply_to=document["replyTo"],
        postback=document["postback"],
        referral=document.get("referral"),
        reactions=tuple(document["reactions"]),
        status=MessageStatus(document["status"]),
        error=document["error"],
        turn_id=document["turnId"],
        created_at=document["createdAt"],
        edited_at=document["editedAt"],
        deleted_at=document["deletedAt"],
        read_at=document["readAt"],
        sending_at=document.get("sendingAt"),
        content=document.get("content"),
        by_person_only=document.get("byPersonOnly", False),
        app_id=document.get("appId"),
        recovered=document.get("recovered", False),
    )


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
    turn: Document | None = document.get("turn")
    metadata = document["metadata"]
    return Chat(
        id=str(document["_id"]),
        account_id=metadata["instagramAccountId"],
        user_id=metadata["userId"],
        chat_id=document.get("chatId"),
        questions=document.get("questions"),
        messages=tuple(read_message(message) for message in document["messages"]),
        turn=_read_turn(turn) if turn else None,
        paused_until=document.get("pausedUntil"),
        paused_because=document.get("pausedBecause") or (PAUSED if document.get("pausedUntil") else None),
        control_at=document.get("controlAt"),
        window_opened_at=document.get("windowOpenedAt") or document.get("lastUserMessageAt"),
        person=Person(metadata.get("username"), metadata.get("name"), metadata.get("profileAt")),
        opted_out_at=opting["at"] if (opting := metadata.get("opting")) and opting["out"] else None,
        referral=metadata.get("referral"),
        turn_due_at=document.get("turnDueAt"),
        turn_due_for=document.get("turnDueFor"),
    )


def _read_turn(document: Document) -> Turn:
    return Turn(
        id=document["id"],
        fence=document["fence"],
        state=TurnState(document["state"]),
        lease_until=document["leaseUntil"],
        generation=document["generation"],
        opened_at=document.get("openedAt") or document["leaseUntil"],  # absent in what an older version wrote
        tries=document.get("tries", 1),
        asked_at=document.get("askedAt"),
        asked_after=document.get("askedAfter"),
        lost_session=document.get("lostSession", False),
        ends_chat=document.get("endsChat", False),
        reason=document["reason"],
    )


def now() -> datetime:
    """Return the time to the millisecond, as MongoDB keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
