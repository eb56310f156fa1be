"""What the person at the login dialog does, and the code that comes of it."""

from dataclasses import dataclass, field
from typing import Literal

from local.simulators.meta.tokens import Login

CODE_LIFE_MS = 3600 * 1000

type DialogAnswer = Literal["allow", "deny", "ask"]


@dataclass(frozen=True)
class Dialog:
    """What the next people at the dialog do; `ask` shows a page with the choice.

    `account_id` is who logs in at Instagram, and whose Page's owner logs in at Facebook; without it and `owner_id`, the
    first one there is. `page_ids` are the Pages that the owner chooses to show; None is all. `declined` are permissions
    that are asked for and not given. `code_age_seconds` makes codes that are so old already. With `config_id` the app
    has Facebook Login for Business: its dialog takes this configuration, and no `scope`.
    """

    answer: DialogAnswer = "allow"
    account_id: str | None = None
    owner_id: str | None = None
    page_ids: list[str] | None = None
    declined: list[str] = field(default_factory=list)
    code_age_seconds: int = 0
    config_id: str | None = None


@dataclass
class LoginCode:
    """An authorization code: good for an hour, for one use, with the redirect URI that it was asked for with.

    `subject_id` is the Instagram account or the Facebook person that logged in.
    """

    code: str
    login: Login
    redirect_uri: str
    subject_id: str
    scopes: list[str]
    page_ids: list[str] | None
    issued_at: int
    used: bool = False

    def is_over(self, now: int) -> bool:
        """Whether its hour has passed."""
        return now >= self.issued_at + CODE_LIFE_MS
