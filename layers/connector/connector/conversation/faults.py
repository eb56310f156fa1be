"""Which errors say something about a connection as a whole, and what disproves each.

Errors that concern one customer or one message are told on that message, and never become the connection's last error.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from connector.accounts import Connection
from connector.errors import OutsideError, ReconnectNeeded, Refused, Undeliverable
from connector.ports.stores import Connections


class Call(StrEnum):
    """The call that failed. Only a later success of the same call disproves its error."""

    ASKING = "asking"  # the agent
    SENDING = "sending"  # a message
    SENDING_LATE = "sending_late"  # a message that only a person may send, under Meta's tag
    SENDING_AGAIN = "sending_again"  # a message, to the customer to whom it was refused
    READING = "reading"  # conversations
    MENU = "menu"  # reading or setting the account's menus
    REFRESHING = "refreshing"  # the token


_SEND = frozenset({Call.SENDING, Call.SENDING_LATE, Call.SENDING_AGAIN})
_AT_META = frozenset({*_SEND, Call.READING, Call.MENU})

DISPROVED_BY: Mapping[str, Collection[str]] = {
    # of the agent
    "agent_key_missing": {"agent"},
    "agent_key_refused": {Call.ASKING, "agent"},
    "agent_not_allowed": {Call.ASKING, "agent"},
    "agent_not_found": {Call.ASKING, "agent"},
    "agent_refused": {Call.ASKING},
    "agent_unavailable": {Call.ASKING},
    "agent_unpaid": {Call.ASKING, "agent"},
    # of Meta
    "account_blocked": _AT_META,
    # Without Advanced Access, Meta still takes messages to people with a role on the app.
    "app_access_missing": {Call.SENDING_AGAIN, Call.READING, Call.MENU, Call.REFRESHING},
    "app_not_installed": {*_AT_META, "subscription"},
    "app_secret_refused": {*_AT_META, "account"},
    "graph_refused": _AT_META,
    "human_agent_missing": {Call.SENDING_LATE},
    "messages_not_allowed": {*_AT_META, "messageAccess"},
    "not_linked": {*_AT_META, "pageLink"},
    "not_professional": {"account"},
    "not_subscribed": {"subscription"},
    "other_account": {"account"},
    "page_not_linked": {"pageLink"},
    "permission_missing": {*_AT_META, "permissions"},
    "token_refresh_refused": {Call.REFRESHING},
    "unknown_id": {*_AT_META, "account"},
}
"""What disproves each error: a later success of the call that it came of, or a check of this name that passes.

A code that is not listed stays until the account is connected again: `was_unsubscribed`, since messages may be missing.
`reconnect_needed` goes when all checks find the connection well (`Connections.restore`).
"""

ASKING = frozenset(code for code, proofs in DISPROVED_BY.items() if Call.ASKING in proofs)
"""The errors of the agent."""


def record(
    connections: Connections,
    connection: Connection,
    error: Refused | ReconnectNeeded,
    call: Call,
    message_key: str | None = None,
) -> None:
    """Record a refusal as the connection's last error, unless it concerns one customer or message only."""
    if not isinstance(error, Undeliverable):
        is_dead = isinstance(error, ReconnectNeeded)
        meta = kept(error).get("meta")
        connections.record_error(
            connection, error.code, needs_reconnection=is_dead, call=call, message_key=message_key, meta=meta
        )


def disprove(connections: Connections, connection: Connection, proofs: Collection[str]) -> None:
    """Clear the connection's last error if these calls or checks disprove it, and nothing else went wrong since."""
    error = connection.last_error
    if error is None:
        return
    told = error.get("call")  # None where an older version stored it
    others = set(Call) - (_SEND if told == Call.SENDING else {told}) if told else set()
    if (set(proofs) - others) & set(DISPROVED_BY.get(error["code"], ())):
        connections.clear_error(connection)


def kept(error: OutsideError) -> Mapping[str, Any]:
    """Return an error as it is stored with the message that it concerns."""
    message = {"message": error.message} if isinstance(error, Refused) else {}
    return {"code": error.code} | message | ({"meta": asdict(error.quote)} if error.quote else {})
