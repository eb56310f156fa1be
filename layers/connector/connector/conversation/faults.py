"""Which errors say something about a connection as a whole, and which success disproves them.

Errors that concern one customer or one message are told on that message, and never become the connection's last error.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from connector.accounts import Connection
from connector.errors import OutsideError, ReconnectNeeded, Refused, Undeliverable
from connector.ports.stores import Connections

ASKING = frozenset(
    {
        *("agent_key_refused", "agent_not_allowed", "agent_not_found", "agent_refused", "agent_unavailable"),
        "agent_unpaid",
    }
)
"""Of the agent. Its next answer disproves them."""

SENDING = frozenset(
    {
        *("account_blocked", "app_access_missing", "app_not_installed", "graph_refused", "messages_not_allowed"),
        *("not_linked", "permission_missing", "unknown_id"),
    }
)
"""Of Meta. The next message that it takes disproves them."""

SENDING_LATE = SENDING | {"human_agent_missing"}
"""The same of a message that only a person may send."""

READING = frozenset({"app_access_missing", "graph_refused", "messages_not_allowed", "permission_missing", "unknown_id"})
"""Of Meta. The next conversation that it lets be read disproves them."""


def record(connections: Connections, connection: Connection, error: Refused | ReconnectNeeded) -> None:
    """Record a refusal as the connection's last error, unless it concerns one customer or message only."""
    if not isinstance(error, Undeliverable):
        connections.record_error(connection, error.code, needs_reconnection=isinstance(error, ReconnectNeeded))


def disprove(connections: Connections, connection: Connection, codes: Collection[str]) -> None:
    """Clear the connection's last error if it is one of these, and nothing else went wrong since it was read."""
    if connection.last_error is not None and connection.last_error["code"] in codes:
        connections.clear_error(connection)


def kept(error: OutsideError) -> Mapping[str, Any]:
    """Return an error as it is stored with the message that it concerns."""
    message = {"message": error.message} if isinstance(error, Refused) else {}
    return {"code": error.code} | message | ({"meta": asdict(error.quote)} if error.quote else {})
