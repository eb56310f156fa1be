"""What travels on the two queues: JSON in ASCII, since SQS refuses control characters and lone surrogates."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from connector.instagram.notifications import Notification

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Route:
    """The connection in the path that a notification came by."""

    subaccount_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One notification on its way to ingest."""

    notification: Notification
    route: Route | None
    """None when it came by the app-wide route: the account then names the connection."""
    received_at: int
    """When the webhook received it, or it was found missing, in ms since 1970."""
    recovered: bool = False
    """No webhook told of it: it was found in what Meta keeps."""
    signer: str | None = None
    """The fingerprint of the connection's own app secret that signed it; None where the deployment's did."""

    @property
    def group(self) -> str:
        """Return the fair-queue group."""
        return self.notification.account_id

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """Read the message from its JSON fields."""
        route = fields["route"]
        return cls(
            Notification(**fields["notification"]),
            Route(**route) if route else None,
            fields["received_at"],
            fields.get("recovered", False),  # the webhooks of an earlier version do not say
            fields.get("signer"),  # nor this
        )


@dataclass(frozen=True, slots=True)
class Handshake:
    """News for ingest: somebody has set a connection's callback URL at Meta, with the right verification token."""

    route: Route
    verified_at: int
    """In ms since 1970."""

    @property
    def group(self) -> str:
        """Return the fair-queue group."""
        return self.route.agent_id

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """Read the news from its JSON fields."""
        return cls(Route(**fields["route"]), fields["verified_at"])


@dataclass(frozen=True, slots=True)
class _AccountMessage:
    """What each message on the turn queue names: a connection, and its account."""

    subaccount_id: str
    agent_id: str
    account_id: str

    @property
    def group(self) -> str:
        """Return the fair-queue group."""
        return self.account_id

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """Read the message from its JSON fields."""
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class TurnMessage(_AccountMessage):
    """A conversation that may have something to answer."""

    user_id: str
    message_key: str | None
    """The customer's message that it was sent for. A newer one has a turn message of its own."""


@dataclass(frozen=True, slots=True)
class FetchMessage(_AccountMessage):
    """A message whose webhook seems lost: its content is to be fetched from Meta."""

    mid: str
    hinted_at: int
    """When Meta mentioned it, in ms since 1970."""
    standby: bool = False
    """Another app controls the thread."""


type Task = TurnMessage | FetchMessage
"""A message on the turn queue."""

type Envelope = InboxMessage | Handshake | Task


def write(message: Envelope) -> str:
    """Return the body of a queue message."""
    return json.dumps({"schema": SCHEMA} | asdict(message))


def read(body: str) -> dict[str, Any]:
    """Return the fields of a message body of ours, for `TurnMessage.of` or one of the others'.

    Raises:
        ValueError: the body is not ours, or of a schema this code does not know.
    """
    fields = json.loads(body)
    if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA:
        raise ValueError("not a message of this system")
    return fields


def read_inbox(body: str) -> InboxMessage | Handshake:
    """Return what a body on the inbox queue says.

    Raises:
        ValueError, KeyError, TypeError: the body is not ours, or of a schema this code does not know.
    """
    fields = read(body)
    return Handshake.of(fields) if "verified_at" in fields else InboxMessage.of(fields)


def read_task(body: str) -> Task:
    """Return the message in a body from the turn queue.

    Raises:
        ValueError, KeyError, TypeError: the body is not ours, or of a schema this code does not know.
    """
    fields = read(body)
    return FetchMessage.of(fields) if "mid" in fields else TurnMessage.of(fields)
