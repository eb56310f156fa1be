"""Access tokens: whom each speaks for, what it may do, and until when.

Lifetimes and permissions: Meta's pages "Business Login for Instagram", "Get Started" of the Instagram Messaging API,
and "Long-Lived Access Tokens". Times are milliseconds since 1970.
"""

from dataclasses import dataclass
from typing import Literal

SHORT_SECONDS = 3600
LONG_SECONDS = 5_183_944  # Meta's way to say 60 days
DATA_ACCESS_MS = 90 * 24 * 3600 * 1000  # how long after a person's consent the app may read their data

INSTAGRAM_SCOPES = (
    "instagram_business_basic",
    "instagram_business_manage_messages",
    "instagram_business_manage_comments",
    "instagram_business_content_publish",
    "instagram_business_manage_insights",
)
FACEBOOK_SCOPES = (
    "public_profile",
    "instagram_basic",
    "instagram_manage_messages",
    "pages_show_list",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_messaging",
    "business_management",
)

type Login = Literal["facebook", "instagram"]
type TokenKind = Literal["page", "user", "system_user", "instagram"]


@dataclass(frozen=True)
class Revocation:
    """How a token died before its time: the error that every call with it gets."""

    code: int = 190
    subcode: int | None = None


@dataclass
class Token:
    """One access token.

    `subject_id` is what it speaks for: a Page, a Facebook person, or an Instagram account. `owner_id` is who gave it,
    the same within one app: the Facebook person, or the account's app-scoped id. `short` ones are made for an hour,
    and so are Page tokens got with them; `parent` is the token that a Page token was got with. `page_ids` are the
    Pages that a person chose to show to the app; None is all of them.
    """

    token: str
    kind: TokenKind
    subject_id: str
    owner_id: str
    app_id: str
    scopes: list[str]
    issued_at: int
    short: bool = False
    expires_at: int | None = None
    data_access_expires_at: int | None = None
    revoked: Revocation | None = None
    parent: str | None = None
    page_ids: list[str] | None = None

    @property
    def login(self) -> Login:
        """The login flavour that gives such tokens."""
        return "instagram" if self.kind == "instagram" else "facebook"

    def is_over(self, now: int) -> bool:
        """Whether its time has run out."""
        return self.expires_at is not None and self.expires_at <= now
