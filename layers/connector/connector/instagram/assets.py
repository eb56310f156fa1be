"""What a business owns at Meta, through a Graph API: the account, its Page, and the subscription to their messages."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.errors import Refused
from connector.instagram.fields import meta_id, name_of, object_of
from connector.instagram.graph import Graph

_NOT_PROFESSIONAL = "This is not the id of an Instagram Business or Creator account."


@dataclass(frozen=True, slots=True)
class Profile:
    """An Instagram professional account, as Meta describes it."""

    account_id: str
    username: str
    name: str | None
    app_scoped_id: str | None = None
    """What `/me` calls the account with Instagram Login: not the id that webhooks carry."""


class Assets:
    """The account of one token, and what stands around it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def account(self, account_id: str) -> Profile:
        """Return the account `account_id`, as a Page token sees it.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        answer = self._graph.get(account_id, {"fields": "id,username,name"})
        if answer.get("id") != account_id:
            raise Refused("not_professional", _NOT_PROFESSIONAL)
        return _profile(answer, account_id, None)

    def own_account(self) -> Profile:
        """Return the account that an Instagram user token belongs to.

        Its `user_id` is the id that webhooks carry, and its `id` another one, which only this app knows.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        answer = self._graph.get("me", {"fields": "user_id,username,name,account_type"})
        account_id = meta_id(answer.get("user_id"))
        if answer.get("account_type") == "PERSONAL" or account_id is None:
            raise Refused("not_professional", "The token's Instagram account is not a Business or Creator account.")
        return _profile(answer, account_id, meta_id(answer.get("id")))

    def linked_account_id(self, page_id: str) -> str | None:
        """Return the id of the Instagram account that a Facebook Page is linked to, if any.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        page = self._graph.get(page_id, {"fields": "id,name,instagram_business_account"})
        return meta_id(object_of(page.get("instagram_business_account")).get("id"))

    def bearer_id(self) -> str | None:
        """Return whose token it is: the id of a Page for its token, of a person for theirs.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        return meta_id(self._graph.get("me", {"fields": "id"}).get("id"))

    def require_messages(self) -> None:
        """Require that the account's messages may be read: the same right and the same switch let them be written.

        Raises:
            Refused: `permission_missing`, `messages_not_allowed`, …
            ReconnectNeeded, TryLater: as `Graph.get`.
        """
        self._graph.get((self._graph.node_id, "conversations"), {"platform": "instagram", "limit": "1"})

    def subscribe(self, fields: Iterable[str]) -> None:
        """Have Meta send these fields of this account to the app's webhook. Doing it twice is the same as once.

        The call installs the app; of the fields, those come that are set in Meta's dashboard too (Meta, "Setup Webhooks
        Subscriptions").

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
            OutcomeUnknown: the answer was lost; ask again.
        """
        self._graph.change("POST", self._edge, params={"subscribed_fields": ",".join(fields)})

    def subscribed_fields(self, app_id: str | None) -> frozenset[str]:
        """Return what the app is told about; nothing when it is not subscribed. None stands for any app.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        apps = self._graph.get(self._edge, {}).get("data")
        ours = [app for app in apps or [] if isinstance(app, dict) and app_id in (None, str(app.get("id")))]
        return frozenset(str(name) for app in ours for name in app.get("subscribed_fields") or [])

    def unsubscribe(self) -> None:
        """Have Meta send nothing more of this account.

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `subscribe`.
        """
        self._graph.change("DELETE", self._edge)

    @property
    def _edge(self) -> tuple[str, str]:
        return self._graph.node_id, "subscribed_apps"


def _profile(answer: dict[str, object], account_id: str, app_scoped_id: str | None) -> Profile:
    username = name_of(answer, "username")
    if username is None:
        raise Refused("not_professional", _NOT_PROFESSIONAL)
    return Profile(account_id, username, name_of(answer, "name"), app_scoped_id)
