"""Which permission a call needs, in either login flavour (Meta's page "Instagram Platform Overview")."""

from typing import Literal

from local.simulators.meta import token_errors
from local.simulators.meta.identity import AccountCaller, Caller
from local.simulators.meta.world import Account

type Need = Literal["profile", "messages", "webhooks", "pages"]

_FACEBOOK: dict[Need, str] = {
    "profile": "instagram_basic",
    "messages": "instagram_manage_messages",
    "webhooks": "pages_manage_metadata",
    "pages": "pages_show_list",
}
_INSTAGRAM: dict[Need, str] = {
    "profile": "instagram_business_basic",
    "messages": "instagram_business_manage_messages",
    "webhooks": "instagram_business_manage_messages",
}


def may(caller: Caller, need: Need) -> bool:
    """Tell whether the token has the permission."""
    return _name(caller, need) in caller.token.scopes


def require(caller: Caller, need: Need) -> None:
    """Raise where the token lacks the permission: code 200 for settings, code 10 for everything else."""
    if may(caller, need):
        return
    if need == "webhooks":
        raise token_errors.missing_managing_permission(_name(caller, need))
    raise token_errors.missing_permission()


def require_messages(caller: Caller) -> None:
    """Raise where the token may not read and write messages, or the account's owner lets no app do that."""
    require(caller, "messages")
    if caller.account is not None and not caller.account.allows_messages:
        raise token_errors.messages_not_allowed()


def require_role(account: Account) -> None:
    """Raise where the app has only Standard Access, and the account no role on it, so that it may write to nobody."""
    if not account.has_role:
        raise token_errors.no_role()


def _name(caller: Caller, need: Need) -> str:
    names = _INSTAGRAM if isinstance(caller, AccountCaller) else _FACEBOOK
    return names[need]
