"""Messages of ours as the Send API takes them (Meta, "Send messages")."""

from collections.abc import Mapping
from typing import Any

from connector.chat import Message


def body_of(message: Message, user_id: str) -> dict[str, Any]:
    """Return the body of the request that sends a message."""
    body: dict[str, Any] = {"recipient": {"id": user_id}, "messaging_type": "RESPONSE", "message": _message(message)}
    if message.by_person_only:
        body |= {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    if message.reply_to and message.reply_to.get("mid"):
        body["reply_to"] = {"mid": message.reply_to["mid"]}
    return body


def _message(message: Message) -> dict[str, Any]:
    content = message.content or {"type": "text"}
    match content["type"]:
        case "image":
            images = [_file("image", url) for url in content["urls"]]
            # Meta takes one picture under `attachment` and several under `attachments`.
            return {"attachment": images[0]} if len(images) == 1 else {"attachments": images}
        case "audio" | "video" | "file" as kind:
            return {"attachment": _file(kind, content["url"])}
        case "cards":
            elements = [_element(element) for element in content["elements"]]
            return _template({"template_type": "generic", "elements": elements})
        case "buttons":
            buttons = [_button(button) for button in content["buttons"]]
            return _template({"template_type": "button", "text": content["text"], "buttons": buttons})
        case "post":
            return {"attachment": {"type": "MEDIA_SHARE", "payload": {"id": content["mediaId"]}}}
        case "heart":
            return {"attachment": {"type": "like_heart"}}
        case _:
            replies = [{"content_type": "text", **reply} for reply in content.get("quickReplies", ())]
            return {"text": message.text or ""} | ({"quick_replies": replies} if replies else {})


def _file(kind: str, url: str) -> dict[str, Any]:
    return {"type": kind, "payload": {"url": url}}


def _template(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": dict(payload)}}


def _element(element: Mapping[str, Any]) -> dict[str, Any]:
    card: dict[str, Any] = {"title": element["title"]}
    card |= {"subtitle": element["subtitle"]} if element.get("subtitle") else {}
    card |= {"image_url": element["imageUrl"]} if element.get("imageUrl") else {}
    card |= {"default_action": {"type": "web_url", "url": element["url"]}} if element.get("url") else {}
    buttons = [_button(button) for button in element.get("buttons", ())]
    return card | ({"buttons": buttons} if buttons else {})


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    if button["type"] == "link":
        return {"type": "web_url", "title": button["title"], "url": button["url"]}
    return {"type": "postback", "title": button["title"], "payload": button["payload"]}
