"""What must be right for messages to come and go, and how to find out: asked by connect, by the doctor, and hourly."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from enum import StrEnum

from connector.accounts import Account, Check, Login, Outcome
from connector.errors import NotShown, OutsideError, ReconnectNeeded, Refused, TryLater
from connector.instagram.assets import Assets
from connector.instagram.permissions import TO_READ_ACCOUNT, TO_READ_MESSAGES, TO_SUBSCRIBE, listed, naming
from connector.instagram.subscriptions import REQUIRED_FIELDS, missing_fields

type Probe = Callable[[], None]
"""Finds something out; raises an `OutsideError` for what is not right, or `Incomplete`."""

# The refusals that say what is wrong. Any other may be about how we asked.
_TELLING = frozenset(
    {
        "app_access_missing",
        "app_not_installed",
        "app_secret_refused",
        "permission_missing",
        "messages_not_allowed",
        "unknown_id",
        "not_linked",
        "account_blocked",
        "not_professional",
        "not_subscribed",
        "page_not_linked",
    }
)


class Name(StrEnum):
    """The checks, in the order in which they are told: each rests on those before it."""

    TOKEN = "token"  # noqa: S105 - the name of a check
    PERMISSIONS = "permissions"
    ACCOUNT = "account"
    PAGE_LINK = "pageLink"
    MESSAGE_ACCESS = "messageAccess"
    SUBSCRIPTION = "subscription"
    REACTIONS = "reactions"
    EDITS = "edits"
    READS = "reads"
    REFERRALS = "referrals"
    HANDOVERS = "handovers"
    STANDBY = "standby"
    AGENT = "agent"
    WEBHOOK = "webhook"
    LAST_ERROR = "lastError"


OPTIONAL = {
    "message_reactions": Name.REACTIONS,
    "message_edit": Name.EDITS,
    "messaging_seen": Name.READS,
    "messaging_referral": Name.REFERRALS,
    "messaging_handover": Name.HANDOVERS,
    "standby": Name.STANDBY,
}
"""The row that warns of each optional webhook field that is not subscribed."""


class Incomplete(Exception):
    """Raised by a probe of the subscription when optional fields are missing."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(missing)
        self.missing = missing


def run(probes: Mapping[str, Probe], seconds: float) -> tuple[Check, ...]:
    """Run probes at the same time, for so many seconds at most, and return what each has found."""
    workers = ThreadPoolExecutor(len(probes), thread_name_prefix="probe")
    found = {name: workers.submit(copy_context().run, check, name, probe) for name, probe in probes.items()}
    done, _ = wait(found.values(), timeout=seconds)
    workers.shutdown(wait=False, cancel_futures=True)
    late = "The answer did not come in time. Ask again."
    return tuple(
        future.result() if future in done else Check(name, Outcome.UNKNOWN, "no_answer", late)
        for name, future in found.items()
    )


def check(name: str, probe: Probe) -> Check:
    """Run one probe."""
    try:
        probe()
    except Incomplete as found:
        return Check(name, Outcome.PASSED, missing=found.missing)
    except ReconnectNeeded as error:
        return Check(name, Outcome.FAILED, error.code, error.because or error.message)
    except Refused as error:
        return Check(name, Outcome.FAILED, error.code, error.message)
    except NotShown as error:
        return Check(name, Outcome.UNKNOWN, "not_shown", error.message)
    except OutsideError as error:
        return Check(name, Outcome.UNKNOWN, error.code, error.message)
    return Check(name, Outcome.PASSED)


def only_telling(probe: Probe) -> Probe:
    """Return the probe that finds out nothing where Meta refuses in words that do not say what is wrong."""

    def tell() -> None:
        try:
            probe()
        except Refused as error:
            if error.code in _TELLING:
                raise
            raise TryLater(error.message) from error

    return tell


def require_account(assets: Assets, account: Account) -> None:
    """Require that the token sees this account, under the id that webhooks carry.

    Raises:
        Refused, ReconnectNeeded, TryLater: it does not.
    """
    with naming(TO_READ_ACCOUNT[account.login]):
        found = assets.account(account.account_id) if account.login is Login.FACEBOOK else assets.own_account()
    if found.account_id != account.account_id:
        raise Refused("other_account", "The token now belongs to another Instagram account. Connect the account again.")


def require_messages(assets: Assets, login: Login) -> None:
    """Require that the account's messages may be read.

    Raises:
        Refused, ReconnectNeeded, TryLater: they may not.
    """
    with naming(TO_READ_MESSAGES[login]):
        assets.require_messages()


def require_page_link(assets: Assets, account: Account) -> None:
    """Require that the Page is linked to this account.

    Raises:
        Refused, ReconnectNeeded, TryLater: it is not.
    """
    with naming(TO_READ_ACCOUNT[account.login]):
        linked_id = assets.linked_account_id(account.node_id)
    if linked_id != account.account_id:
        raise Refused(
            "page_not_linked",
            "The Facebook Page is not linked to this Instagram account. Link them in the Page's settings, or check "
            "pageId and instagramAccountId.",
        )


def require_subscription(assets: Assets, login: Login, app_id: str | None) -> None:
    """Require that Meta tells the app (any, where we do not know ours) of this account's messages.

    Raises:
        Refused, ReconnectNeeded, TryLater: it does not.
        Incomplete: it does, but not of everything that we understand.
    """
    with naming(TO_SUBSCRIBE[login]):
        subscribed = assets.subscribed_fields(app_id)
    missing = [name for name in REQUIRED_FIELDS if name not in subscribed]
    if missing:
        raise Refused(
            "not_subscribed",
            f"Meta does not send {listed(missing)} of this account. Connect the account again, which subscribes it.",
        )
    if optional := missing_fields(subscribed, login):
        raise Incomplete(optional)
