"""The bodies and answers of the documented API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from connector.accounts import Connection
from connector.chat import Message
from connector.conversation.history import Page
from connector.instagram.limits import MAX_TEXT_BYTES
from connector.instagram.links import profile_url, qr_code_data_url
from connector.tenancy import ID_PATTERN

MetaId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
AgentId = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
Time = Annotated[
    datetime,
    PlainSerializer(lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), return_type=str),
]


def _fits(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if size > MAX_TEXT_BYTES:
        problem = "has {size} bytes in UTF-8; Instagram takes at most {most}"
        raise PydanticCustomError("too_long", problem, {"size": size, "most": MAX_TEXT_BYTES})
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise PydanticCustomError("not_unicode", "must be Unicode, and holds half of a surrogate pair")
    return text


class Body(BaseModel):
    """Base of all: camelCase outside, snake_case inside, nothing unknown, nothing changed."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Success[Data](Body):
    """Every success."""

    success: Literal[True] = True
    data: Data


class ConnectRequest(Body):
    """What connect needs.

    `retellAgentId` is for an agent whose id at Retell is not the path's agentId, `appSecret` for a connection that has
    a Meta app of its own.
    """

    access_token: Secret = Field(repr=False)
    instagram_account_id: MetaId
    page_id: MetaId
    webhook_verification_token: Secret = Field(repr=False)
    retell_agent_id: AgentId | None = None
    app_secret: Secret | None = Field(default=None, repr=False)


class Connected(Body):
    """A connection's address, to show to customers."""

    qr_code_data_url: str
    instagram_url: str
    username: str

    @classmethod
    def of(cls, connection: Connection) -> "Connected":
        """Return it for a connection."""
        url = profile_url(connection.account.username)
        return cls(qr_code_data_url=qr_code_data_url(url), instagram_url=url, username=connection.account.username)


class LastError(Body):
    """What last went wrong at Meta or at the agent."""

    code: str
    at: Time


class Status(Body):
    """What is known of a connection."""

    is_connected: bool
    status: str
    username: str | None = None
    instagram_url: str | None = None
    qr_code_data_url: str | None = None
    instagram_account_id: str | None = None
    page_id: str | None = None
    connected_at: Time | None = None
    last_event_at: Time | None = None
    last_error: LastError | None = None
    webhook_path: str

    @classmethod
    def of(cls, connection: Connection | None, webhook_path: str) -> "Status":
        """Return it for a connection, or for none."""
        if connection is None or connection.status == "disconnected":
            return cls(is_connected=False, status="disconnected", webhook_path=webhook_path)
        address = Connected.of(connection)
        return cls(
            is_connected=connection.is_connected,
            status=connection.status,
            **address.model_dump(),
            instagram_account_id=connection.account.account_id,
            page_id=connection.account.page_id,
            connected_at=connection.connected_at,
            last_event_at=connection.last_event_at,
            last_error=LastError.model_validate(connection.last_error) if connection.last_error else None,
            webhook_path=webhook_path,
        )


class SendRequest(Body):
    """A text for a customer."""

    to: MetaId
    message: Annotated[str, AfterValidator(_fits)]


class AttachmentView(Body):
    """Something in a message that is not text. The URL is Meta's, and expires."""

    kind: str
    url: str | None
    title: str | None


class MessageView(Body):
    """A message, as a frontend shows it."""

    id: str
    mid: str | None
    chat_id: str | None
    user_id: str
    role: str
    text: str | None
    attachments: tuple[AttachmentView, ...]
    status: str
    error: Mapping[str, Any] | None
    created_at: Time
    edited_at: Time | None
    deleted_at: Time | None
    read_at: Time | None

    @classmethod
    def of(cls, message: Message, *, user_id: str, chat_id: str | None) -> "MessageView":
        """Return it for a stored message."""
        return cls(
            id=message.id,
            mid=message.mid,
            chat_id=chat_id,
            user_id=user_id,
            role=message.role,
            text=message.text,
            attachments=tuple(
                AttachmentView(kind=one.kind, url=one.url, title=one.title) for one in message.attachments
            ),
            status=message.status,
            error=message.error,
            created_at=message.created_at,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            read_at=message.read_at,
        )


class Messages(Body):
    """A page of messages, newest first."""

    messages: tuple[MessageView, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page) -> "Messages":
        """Return it for a page."""
        return cls(
            messages=tuple(
                MessageView.of(message, user_id=chat.user_id, chat_id=chat.chat_id) for chat, message in page.messages
            ),
            next_cursor=page.next_cursor,
        )


class Disconnected(Body):
    """What disconnect answers."""

    is_connected: Literal[False] = False
