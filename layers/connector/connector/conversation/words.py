"""What a customer said, or tapped, as the message that is stored of it."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from connector.chat import OTHER_APP, RECOVERED_LATE, Message, MessageStatus, Role
from connector.instagram.events import MessageReceived, PostbackTapped


def words_of(event: MessageReceived | PostbackTapped) -> Message:
    """Return a customer's words, still to be answered; or not, where another app has the thread."""
    who = event.parties
    # In standby another app has the thread, and the answer.
    status = MessageStatus.UNANSWERED if event.standby else MessageStatus.RECEIVED
    error = {"code": OTHER_APP} if event.standby else None
    if isinstance(event, MessageReceived):
        return Message(
            key=f"mid:{event.mid}",
            mid=event.mid,
            role=Role.USER,
            text=event.text or event.quick_reply,
            attachments=event.attachments,
            reply_to=event.reply_to,
            referral=event.referral,
            postback={"payload": event.quick_reply, "title": event.text} if event.quick_reply else None,
            created_at=who.at,
            status=status,
            error=error,
        )
    tapped = f"{who.user_id}:{int(who.at.timestamp() * 1000)}:{event.payload}"
    return Message(
        key=f"mid:{event.mid}" if event.mid else f"postback:{sha256(tapped.encode()).hexdigest()}",
        mid=event.mid,
        role=Role.USER,
        text=event.title or event.payload,
        postback={"payload": event.payload, "title": event.title},
        referral=event.referral,
        created_at=who.at,
        status=status,
        error=error,
    )


def recovered(words: Message, lost_for: timedelta, answer_until: timedelta) -> Message:
    """Return words that no webhook told of in time. An answer after hours would surprise more than none."""
    words = replace(words, recovered=True)
    if words.status is not MessageStatus.RECEIVED or lost_for < answer_until:
        return words
    return replace(words, status=MessageStatus.UNANSWERED, error={"code": RECOVERED_LATE})
