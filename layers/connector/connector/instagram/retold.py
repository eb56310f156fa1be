"""A message of the Conversations API, as the notification in which Meta's webhook would have told of it.

(Meta, "Conversations API": the fields of a message. Meta, "Webhooks: notification examples": what they become.) What
only the webhook knows is lost: what was tapped instead of typed, by which link the customer came, and which app sent a
message of the business.
"""

from datetime import datetime
from typing import Any

from connector.accounts import Account
from connector.instagram.fields import Json, meta_id, mid_of, object_of
from connector.instagram.notifications import Notification
from connector.instagram.threads import listed, written_at
from connector.ports.recovery import Retold

FIELDS = "id,created_time,from,to,message,attachments,shares,story,reply_to,is_unsupported"


def retell(message: Json, account: Account, rank: int) -> Retold | None:
    """Return a message as a notification; None for what Meta does not tell enough of, and for notes to oneself.

    Meta tells the second in which it was written. `rank` says how many were written before it in the same second, and
    becomes its milliseconds: what was written later sorts later.
    """
    mid, at = mid_of(message, "id"), written_at(message)
    sender, receivers = object_of(message.get("from")), listed(object_of(message.get("to")))
    is_ours = _is(account, sender)
    to_us = any(_is(account, one) for one in receivers)
    customers = [one for one in ([sender] if not is_ours else receivers) if not _is(account, one)]
    user_id = meta_id(customers[0].get("id")) if customers else None
    # Nothing is a customer's but what was written to us by somebody else.
    if mid is None or at is None or user_id is None or is_ours == to_us:
        return None
    told = {"mid": mid} | said(message) | ({"is_echo": True} if is_ours else {})
    ends = {"sender": {"id": user_id}, "recipient": {"id": account.account_id}}
    if is_ours:
        ends = {"sender": ends["recipient"], "recipient": ends["sender"]}
    item = ends | {"timestamp": _ms(at, rank), "message": told}
    return Retold(mid, is_ours, Notification(account.account_id, "messaging", item), at)


def _is(account: Account, person: Json) -> bool:
    """Return whether this is the account itself. Its name decides too: an id may be another app's, or a Page's."""
    known = [account.account_id, account.username, *([account.page_id] if account.page_id else [])]
    return person.get("id") in known or person.get("username") in known


def said(message: Json) -> dict[str, Any]:
    """Return what a message says, as the webhook writes it. Where nothing can be told, it is unsupported."""
    story = object_of(message.get("story"))
    mention, answered = object_of(story.get("mention")), object_of(story.get("reply_to"))
    attachments = [
        *map(_attachment, listed(object_of(message.get("attachments")))),
        *(_attached("share", one.get("link"), one.get("name")) for one in listed(object_of(message.get("shares")))),
        *([_attached("story_mention", mention.get("link"))] if mention else []),
    ]
    quoted = object_of(message.get("reply_to")).get("mid")
    said: dict[str, Any] = {
        "text": message.get("message") or None,
        "attachments": attachments or None,
        "reply_to": {"story": {"id": answered.get("id"), "url": answered.get("link")}}
        if answered
        else ({"mid": quoted} if quoted else None),
    }
    told = {name: value for name, value in said.items() if value}
    return told if told.keys() & {"text", "attachments"} else told | {"is_unsupported": True}


def _attachment(attachment: Json) -> dict[str, Any]:
    """Return an attachment by what it holds, or else by its type of content."""
    for kind in ("image", "video"):
        if data := object_of(attachment.get(f"{kind}_data")):
            return _attached(kind, data.get("url") or data.get("animated_gif_url"))
    if "generic_template" in attachment:
        return {"type": "template", "payload": {"generic": {"elements": [attachment["generic_template"]]}}}
    if not attachment.get("mime_type") and not attachment.get("file_url"):
        return {"type": "unsupported_type"}  # a heart or sticker, of which nothing is told
    kind = str(attachment.get("mime_type") or "").partition("/")[0]
    known = kind if kind in ("image", "video", "audio") else "file"
    return _attached(known, attachment.get("file_url"), attachment.get("name"))


def _attached(kind: str, url: object, title: object = None) -> dict[str, Any]:
    return {"type": kind, "payload": {"url": url} | ({"title": title} if title else {})}


def _ms(at: datetime, rank: int) -> int:
    return int(at.timestamp()) * 1000 + min(rank, 999)
