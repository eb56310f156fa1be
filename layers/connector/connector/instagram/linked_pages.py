"""The Pages of a person, and the Instagram accounts behind them.

Meta, "Get Started" of the Instagram Messaging API, step 4: `/me/accounts` lists the Pages that a person manages and has
chosen to show to the app, each with its own access token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.instagram.fields import meta_id, name_of, object_of
from connector.instagram.graph import Graph
from connector.instagram.threads import listed

_FIELDS = "id,name,access_token,tasks,instagram_business_account{id,username}"
_PER_CALL = "100"
_MOST_CALLS = 10


@dataclass(frozen=True, slots=True)
class LinkedPage:
    """A Page, and the account that it is linked to."""

    page_id: str
    name: str
    token: str = field(repr=False)
    """The Page's: without an end, if the person's token is a long-lived one."""
    account_id: str
    username: str
    allows_messages: bool
    """Whether the person may write messages for it."""


def linked_pages(graph: Graph) -> list[LinkedPage]:
    """Return the Pages of the person whose token the graph bears that are linked to an account.

    Raises:
        ReconnectNeeded, Refused, TryLater: as `Graph.get`.
    """
    return [page for told in _pages(graph) if (page := _read(told))]


def _pages(graph: Graph) -> Iterator[Mapping[str, Any]]:
    asked = {"fields": _FIELDS, "limit": _PER_CALL}
    for _ in range(_MOST_CALLS):
        answer = graph.get(("me", "accounts"), asked)
        yield from listed(answer)
        paging = object_of(answer.get("paging"))
        after = object_of(paging.get("cursors")).get("after")
        if not after or "next" not in paging:
            return
        asked = asked | {"after": str(after)}


def _read(told: Mapping[str, Any]) -> LinkedPage | None:
    account = object_of(told.get("instagram_business_account"))
    page_id, account_id, token = meta_id(told.get("id")), meta_id(account.get("id")), told.get("access_token")
    if page_id is None or account_id is None or not isinstance(token, str) or not token:
        return None
    tasks = told.get("tasks")
    return LinkedPage(
        page_id=page_id,
        name=name_of(told, "name") or "",
        token=token,
        account_id=account_id,
        username=name_of(account, "username") or "",
        allows_messages=not isinstance(tasks, list) or any("MESSAGING" in str(task) for task in tasks),
    )
