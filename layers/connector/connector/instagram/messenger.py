"""Messages to and from an account's customers, through a Graph API."""

from collections.abc import Sequence
from datetime import datetime

from connector.chat import Message, Person
from connector.echoes import Echo
from connector.errors import OutcomeUnknown, Refused
from connector.instagram.fields import mid_of, name_of
from connector.instagram.graph import Graph
from connector.instagram.outgoing import body_of
from connector.instagram.refusals import refusal_of
from connector.instagram.sent import THREAD_FIELDS, sent_since
from connector.instagram.threads import listed

_COURTESY_SECONDS = 2  # for what must not keep a customer waiting
_SEND_SECONDS = 10
# Meta fetches files before it answers: it gives a video 75 s, and a function's caller has not so long.
_FILE_SECONDS = 20


class Messenger:
    """What one account says to its customers, and what Meta tells of them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._messages = (graph.node_id, "messages")

    def send(self, user_id: str, message: Message) -> str:
        """Send one message, once, and return the mid that Meta gives it. A text has at most 1000 UTF-8 bytes.

        Raises:
            Undeliverable: it was not sent, because of this customer or message; `code` says why.
            Refused: it was not sent, and `code` says why.
            ReconnectNeeded, TryLater: it was not sent.
            OutcomeUnknown: it may have been sent.
        """
        seconds = _FILE_SECONDS if message.content else _SEND_SECONDS
        try:
            answer = self._graph.change("POST", self._messages, json=body_of(message, user_id), timeout=seconds)
        except Refused as error:
            raise refusal_of(message, error) from error
        mid = mid_of(answer, "message_id")
        if mid is None:
            raise OutcomeUnknown("Meta answered without naming the message.")
        return mid

    def react(self, user_id: str, mid: str, reaction: str | None) -> None:
        """Put a reaction on a customer's message, or take it back.

        Raises:
            Refused, ReconnectNeeded, TryLater, OutcomeUnknown: as `send`; doing it twice is the same as once.
        """
        payload = {"message_id": mid} | ({"reaction": reaction} if reaction else {})
        body = {"recipient": {"id": user_id}, "sender_action": "react" if reaction else "unreact", "payload": payload}
        self._graph.change("POST", self._messages, json=body)

    def act(self, user_id: str, action: str) -> None:
        """Show the customer something about the sender: `mark_seen`, `typing_on` (Meta, "Sender actions").

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: it may not be shown, and nobody should care.
        """
        body = {"recipient": {"id": user_id}, "sender_action": action}
        self._graph.change("POST", self._messages, json=body, timeout=_COURTESY_SECONDS)

    def sent_since(self, account_id: str, user_id: str, since: datetime) -> Sequence[Echo]:
        """Return the messages that the account has sent to a user since then, as far as that can be told for certain.

        (Meta, "Conversations API"; two calls, and Meta allows two a second for an account.)

        Raises:
            ReconnectNeeded, TryLater: as `Graph.get`.
            Refused: as `Graph.get`, or so much was written since then that Meta no longer tells all of it.
        """
        params = {"platform": "instagram", "user_id": user_id, "fields": "id"}
        found = listed(self._graph.get((self._graph.node_id, "conversations"), params))
        thread_id = mid_of(found[0], "id") if found else None
        thread = self._graph.get(thread_id, {"fields": THREAD_FIELDS}) if thread_id else {}
        return sent_since(thread, account_id, since)

    def person(self, user_id: str) -> Person:
        """Return what a customer lets the account see of them (Meta, "User Profile API").

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        answer = self._graph.get(user_id, {"fields": "name,username"}, timeout=_COURTESY_SECONDS)
        return Person(name_of(answer, "username"), name_of(answer, "name"))
