"""The Pages of a person, and the Instagram accounts behind them.

Meta, "Get Started" of the Instagram Messaging API, step 4: `/me/accounts` lists the Pages that a person manages and has
chosen to show to the app, each with its own access token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.instagram.graph import Graph

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
        answer = graph.get("me/accounts", asked)
        yield from (one for one in answer.get("data") or () if isinstance(one, dict))
        paging = answer.get("paging") or {}
        after = (paging.get("cursors") or {}).get("after")
        if not after or "next" not in paging:
            return
        asked = asked | {"after": str(after)}


def _read(told: Mapping[str, Any]) -> LinkedPage | None:
    page_id, account, token = told.get("id"), told.get("instagram_business_account"), told.get("access_token")
    if not isinstance(account, dict) or not account.get("id") or not page_id or not token:
        return None
    tasks = told.get("tasks")
    return LinkedPage(
        page_id=str(page_id),
        name=str(told.get("name") or ""),
        token=str(token),
        account_id=str(account["id"]),
        username=str(account.get("username") or ""),
        allows_messages=not isinstance(tasks, list) or any("MESSAGING" in str(task) for task in tasks),
    )
