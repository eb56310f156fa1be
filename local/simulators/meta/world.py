"""What the Meta simulator knows: the pages, accounts, users, threads and webhooks of one Meta app.

Times are milliseconds since 1970. Ids are strings, as on the wire: an Instagram-scoped id may exceed 2^53.
A real Instagram-scoped user id is valid for one account only; here a user may write to any account.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter

from local.simulators.meta.deliveries import Callback, Delivery, WebhookEvent
from local.simulators.meta.login import Dialog, LoginCode
from local.simulators.meta.shapes import Json
from local.simulators.meta.threads import Thread
from local.simulators.meta.tokens import Token

type Tappables = dict[str, list[Json]]
type AccountType = Literal["BUSINESS", "MEDIA_CREATOR"]


@dataclass
class Page:
    """A Facebook Page and its Page access token."""

    page_id: str
    name: str
    access_token: str
    subscribed_fields: list[str] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)  # which Meta refuses to subscribe
    messenger_profile: Tappables = field(default_factory=dict)  # of Messenger, not of Instagram


@dataclass
class Owner:
    """A Facebook person and the Pages they manage; `owner_id` is the person's id within this app."""

    owner_id: str
    name: str
    page_ids: list[str] = field(default_factory=list)


@dataclass
class Account:
    """An Instagram professional account, linked to a Page (Facebook Login) or standing alone.

    `app_scoped_id` is what `/me?fields=id` answers to an Instagram user token. It differs from
    `account_id`, which webhooks carry and `/me?fields=user_id` answers. `allows_messages` is the app setting "Allow
    access to messages". `has_role` is false where the app has neither Advanced Access nor the account as a tester.
    """

    account_id: str
    app_scoped_id: str
    username: str
    name: str
    instagram_token: str
    page_id: str | None
    subscribed_fields: list[str] = field(default_factory=list)
    unknown_fields: list[str] = field(default_factory=list)  # which Meta refuses to subscribe
    messenger_profile: Tappables = field(default_factory=dict)  # ice breakers and the persistent menu
    account_type: AccountType = "BUSINESS"
    professional: bool = True
    allows_messages: bool = True
    has_role: bool = True
    profile_picture_url: str | None = None
    biography: str | None = None
    website: str | None = None
    followers_count: int = 1234
    follows_count: int = 56
    media_count: int = 78


@dataclass(frozen=True)
class User:
    """A person who writes to accounts; `user_id` is the Instagram-scoped id."""

    user_id: str
    username: str
    name: str | None
    profile_pic: str | None = None
    follower_count: int = 42
    is_user_follow_business: bool = False
    is_business_follow_user: bool = False
    is_verified_user: bool = False


@dataclass(frozen=True)
class GraphCall:
    """One call of the Graph API. The path has no query string, which may hold a token.

    `status` is null where the connection was closed without an answer.
    """

    method: str
    path: str
    status: int | None
    at: int


@dataclass
class World:
    """Everything above, for one Meta app, which has a second id and secret for Instagram Login."""

    app_id: str
    app_secret: str = ""
    instagram_app_id: str = ""
    instagram_app_secret: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    dialog: Dialog = field(default_factory=Dialog)
    codes: dict[str, LoginCode] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    threads: dict[str, Thread] = field(default_factory=dict)
    callback: Callback | None = None
    deauthorize_url: str | None = None
    data_deletion_url: str | None = None
    collected: list[WebhookEvent] = field(default_factory=list)  # not yet put into a delivery
    deliveries: list[Delivery] = field(default_factory=list)
    calls: list[GraphCall] = field(default_factory=list)

    def page_of(self, account: Account) -> Page | None:
        """Find the Page that `account` is linked to."""
        return self.pages.get(account.page_id) if account.page_id else None

    def account_of(self, page: Page) -> Account | None:
        """Find the account that is linked to `page`."""
        return next((a for a in self.accounts.values() if a.page_id == page.page_id), None)

    def professional_of(self, page: Page) -> Account | None:
        """Find the account that messages go through: the one that is linked to `page`, if it is professional."""
        account = self.account_of(page)
        return account if account is not None and account.professional else None

    def owner_of(self, page_id: str) -> Owner:
        """Find the person who manages a Page."""
        return next(owner for owner in self.owners.values() if page_id in owner.page_ids)

    def thread_of(self, account_id: str, user_id: str) -> Thread | None:
        """Find the thread of the two, if they have one."""
        return self.threads.get(f"{account_id}/{user_id}")

    def is_elsewhere(self, thread: Thread) -> bool:
        """Tell whether another app has the thread."""
        return thread.owner_app_id not in {None, self.app_id, self.instagram_app_id}

    def open_thread(self, account_id: str, user_id: str) -> Thread:
        """Find the thread of the two, or begin it."""
        return self.threads.setdefault(f"{account_id}/{user_id}", Thread(account_id, user_id))

    def threads_of(self, account_id: str) -> Iterator[Thread]:
        """List all threads of an account."""
        return (thread for thread in self.threads.values() if thread.account_id == account_id)

    def subscribed_fields(self, account: Account) -> list[str]:
        """List the webhook fields subscribed for an account, on itself or on its Page."""
        page = self.page_of(account)
        return sorted({*account.subscribed_fields, *(page.subscribed_fields if page else [])})


WORLD_JSON = TypeAdapter(World)
"""How the world is written to a file; building it is slow, so it is built once."""
