"""An account's threads, as Meta keeps them (Meta, "Conversations API"; its limit is two calls a second for an account).

Threads in *Requests* are among them, until nobody has written there for 30 days.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.accounts import Account
from connector.instagram.fields import mid_of, object_of
from connector.instagram.graph import Graph
from connector.instagram.retold import FIELDS, retell
from connector.instagram.threads import READABLE, listed, time_of, written_at
from connector.ports.recovery import Retold, Thread, ThreadPage, Written

_THREADS = 25  # in one answer, which has 20 ids of 164 characters for each
_SECONDS = 5
_SECOND = timedelta(seconds=1)
_LIST_FIELDS = f"id,updated_time,messages.limit({READABLE}){{id,created_time}}"
_MESSAGE_FIELDS = f"messages.limit({READABLE}){{{FIELDS}}}"


class Inbox:
    """The threads of one account."""

    def __init__(self, graph: Graph, account: Account) -> None:
        self._graph = graph
        self._account = account

    def threads(self, *, user_id: str | None = None, after: str | None = None) -> ThreadPage:
        """Return up to 25 threads, the latest first, each with the ids of its newest messages. One call.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        params = {"platform": "instagram", "fields": _LIST_FIELDS, "limit": str(_THREADS)}
        params |= {"user_id": user_id} if user_id else {}
        params |= {"after": after} if after else {}
        told = self._graph.get((self._graph.node_id, "conversations"), params, timeout=_SECONDS)
        threads = tuple(thread for one in listed(told) if (thread := _thread(one)))
        return ThreadPage(threads, _next(told))

    def messages(self, thread_id: str) -> list[Retold]:
        """Return the 20 newest messages of a thread, the oldest of them first: Meta tells of no others. One call.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        told = self._graph.get(thread_id, {"fields": _MESSAGE_FIELDS}, timeout=_SECONDS)
        in_second: Counter[Any] = Counter()
        found = []
        for message in reversed(_messages(told)):
            second = message.get("created_time")
            if one := retell(message, self._account, in_second[second]):
                found.append(one)
            in_second[second] += 1
        return found

    def message(self, mid: str, hinted_at: datetime) -> Retold | None:
        """Return one message; None where it is not between the account and a customer. One call.

        `hinted_at` adds the milliseconds, which the Graph API omits, if it lies within the message's second.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        message = self._graph.get(mid, {"fields": FIELDS}, timeout=_SECONDS)
        written = written_at(message)
        is_within = written is not None and timedelta() <= hinted_at - written < _SECOND
        return retell(message, self._account, hinted_at.microsecond // 1000 if is_within else 0)


def _thread(told: Mapping[str, Any]) -> Thread | None:
    thread_id, updated_at = mid_of(told, "id"), time_of(told.get("updated_time"))  # of the form of a message's
    if thread_id is None or updated_at is None:
        return None
    newest = [(mid_of(one, "id"), written_at(one)) for one in _messages(told)]
    return Thread(thread_id, updated_at, tuple(Written(mid, at) for mid, at in newest if mid and at))


def _messages(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = told.get("messages")
    return listed(messages if isinstance(messages, Mapping) else {})


def _next(told: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page. Meta's URL of it is not used: it holds the token."""
    paging = told.get("paging")
    if not isinstance(paging, Mapping) or "next" not in paging:
        return None
    after = object_of(paging.get("cursors")).get("after")
    return after if isinstance(after, str) and after else None
