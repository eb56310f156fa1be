"""The body of `POST /{id}/messages` (Meta's page "Send Messages")."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from local.simulators.meta import errors
from local.simulators.meta.shapes import Json

MAX_TEXT_BYTES = 1000
MAX_IMAGES = 10
MAX_QUICK_REPLIES = 13

type SenderAction = Literal["typing_on", "typing_off", "mark_seen", "react", "unreact"]
type AttachmentType = Literal["image", "audio", "video", "file", "template", "MEDIA_SHARE", "like_heart"]


def _decode(value: Any) -> Any:
    """Decode an object that a form carries as JSON text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


class Recipient(BaseModel):
    """Who gets it."""

    id: str


class Attachment(BaseModel):
    """A file by URL or by id, a template, a post, or the heart."""

    type: AttachmentType
    payload: Json = Field(default_factory=dict)


class OutgoingMessage(BaseModel):
    """Text or attachments."""

    text: str | None = None
    attachment: Attachment | None = None
    attachments: list[Attachment] = Field(default_factory=list)
    quick_replies: list[Json] = Field(default_factory=list)

    def all_attachments(self) -> list[Attachment]:
        """List the one and the many."""
        return [*([self.attachment] if self.attachment else []), *self.attachments]


class Target(BaseModel):
    """What a reaction is put on."""

    message_id: str
    reaction: str | None = None


class ReplyTarget(BaseModel):
    """What a reply quotes."""

    mid: str


class SendRequest(BaseModel):
    """The whole request; keys it does not know are ignored, as Meta does."""

    recipient: Annotated[Recipient, BeforeValidator(_decode)]
    message: Annotated[OutgoingMessage | None, BeforeValidator(_decode)] = None
    sender_action: SenderAction | None = None
    payload: Annotated[Target | None, BeforeValidator(_decode)] = None
    reply_to: Annotated[ReplyTarget | None, BeforeValidator(_decode)] = None
    tag: str | None = None


def parse_send_request(parameters: Mapping[str, Any]) -> SendRequest:
    """Read the request, checked for everything that needs no knowledge of the thread."""
    try:
        wanted = SendRequest.model_validate(parameters)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise errors.invalid_parameter(f"Invalid parameter {place}: {first['msg']}") from error
    if wanted.message is not None and wanted.sender_action is not None:
        raise errors.message_with_action()
    if wanted.message is not None:
        _check_message(wanted.message)
    elif wanted.sender_action is None:
        raise errors.invalid_parameter("The parameter message is required.")
    return wanted


def _check_message(message: OutgoingMessage) -> None:
    attachments = message.all_attachments()
    if bool(message.text) == bool(attachments):
        raise errors.invalid_parameter("Message cannot be empty, must provide valid attachment or text")
    if len((message.text or "").encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise errors.invalid_parameter(f"Length of param message[text] must be less than or equal to {MAX_TEXT_BYTES}")
    if len(message.quick_replies) > MAX_QUICK_REPLIES:
        raise errors.invalid_parameter(f"param message[quick_replies] has more than {MAX_QUICK_REPLIES} elements.")
    if len(attachments) > 1 and (
        len(attachments) > MAX_IMAGES or {attachment.type for attachment in attachments} != {"image"}
    ):
        raise errors.invalid_parameter(f"A message may hold up to {MAX_IMAGES} images, or one other attachment.")
    for attachment in attachments:
        _check_attachment(attachment)


def _check_attachment(attachment: Attachment) -> None:
    if attachment.type in {"image", "audio", "video", "file"}:
        if "attachment_id" in attachment.payload:
            raise errors.unknown_attachment()  # there is no upload here, so no id can be good
        url = attachment.payload.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise errors.unfetchable_attachment()
