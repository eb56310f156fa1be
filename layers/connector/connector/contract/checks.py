"""The doctor's findings as status answers them: what was checked, why it failed, and the one action that mends it."""

from datetime import datetime

from connector.accounts import Check, Outcome
from connector.contract.base import Body, Time
from connector.contract.remedies import (
    APP_ACCESS_MISSING,
    APP_NOT_INSTALLED,
    APP_SECRET_REFUSED,
    BIND_AGENT,
    REMEDIES,
    UNKNOWN_ID,
)
from connector.lifecycle.checks import Name

_CONNECT = "Connect the account again, with a new access token."
_CHECK = "Check again in a minute (live=true); if it stays, tell the operator."
_NO_ACCESS = (
    "Make it a Business or Creator account; if the app has no Advanced Access, its owner must accept the invitation as "
    "Instagram Tester."
)
_NOT_SHOWN = (
    "Meta has answered so during outages: check again in an hour, before you make a new token. If it stays: it must be "
    "a Business or Creator account, and the token must have all permissions."
)
_SET_WEBHOOK = (
    "Write it a direct message. If nothing comes: in Meta's dashboard, under Webhooks, enter the base URL followed by "
    "webhookPath and the verification token given to connect, and choose messages and messaging_postbacks at least. If "
    "that is done, the operator must check app-secrets: Meta signs with the app secret (App settings, Basic) or with "
    "the Instagram app secret (Instagram, API setup with Instagram login)."
)

FINDINGS = {
    "account_blocked": ("Meta has blocked the account from messaging.", "The owner must sort it out with Meta."),
    "account_taken_over": (
        (
            "Another workspace proved the account with a live access token, after the one here was invalid at Meta, or "
            "missing for an hour."
        ),
        "If the account belongs here, have it disconnected there; then connect it again with a new access token.",
    ),
    "agent_key_missing": ("There is no API key for Retell.", "The operator must store one."),
    "agent_key_refused": ("Retell refuses the API key.", "The operator must store a valid one."),
    "agent_not_allowed": (
        "The subaccount may no longer use this Retell agent.",
        BIND_AGENT,
    ),
    "agent_not_found": (
        "Retell has no chat agent of this id.",
        "Connect again with the agent's id at Retell as retellAgentId; a voice agent cannot be connected.",
    ),
    "agent_refused": ("Retell refused the request.", "Look at the agent at Retell."),
    "agent_unpaid": ("Retell asks for a payment method.", "Add one at Retell."),
    "app_access_missing": APP_ACCESS_MISSING,
    "app_not_installed": APP_NOT_INSTALLED,
    "app_secret_refused": APP_SECRET_REFUSED,
    "field_missing": (
        "Meta does not send an optional kind of event of this account.",
        "Choose the field in Meta's dashboard, under Webhooks, Instagram; then connect the account again.",
    ),
    "graph_refused": (
        "Meta does not show us the account, and does not say why.",
        _NO_ACCESS,
    ),
    "messages_not_allowed": (
        "The account does not allow access to its messages.",
        "Allow it in the Instagram app: Settings, Messages and story replies, Message controls, Connected tools.",
    ),
    "needs_permissions": ("It cannot be known without the missing permission.", "Mend the permissions first."),
    "needs_token": ("It cannot be known without a good access token.", "Mend the token first."),
    "never_called": (
        "Meta has told us nothing about this account yet.",
        _SET_WEBHOOK,
    ),
    "no_answer": ("The answer did not come in time.", _CHECK),
    "not_checked": ("It has not been looked at yet.", "Check now, with live=true."),
    "not_linked": (
        "The Facebook Page and the Instagram account are not linked.",
        "Link them in the Page's settings.",
    ),
    "not_professional": (
        "The account is not a Business or Creator account.",
        "Make it one in the Instagram app: Settings, Account type and tools.",
    ),
    "not_shown": (
        "Meta does not show us the account, and did not say why.",
        _NOT_SHOWN,
    ),
    "not_subscribed": (
        "Meta does not send us this account's messages.",
        "Connect the account again, which subscribes it.",
    ),
    "not_told": (
        "Meta does not tell what the access token may do, and it could not be tried.",
        "Mend what else is named here, then check again.",
    ),
    "other_account": (
        "The access token now belongs to another Instagram account.",
        "Connect again with a token for this account.",
    ),
    "outcome_unknown": ("The answer was lost on the way.", _CHECK),
    "page_not_linked": (
        "The Facebook Page is not, or no longer, linked to this Instagram account.",
        "Link them in the Page's settings.",
    ),
    "permission_missing": (
        "The access token lacks a permission.",
        "Create a token that has all of them, and connect the account again with it.",
    ),
    "rate_limited": ("Meta takes no more calls of this account for a while.", _CHECK),
    "reconnect_needed": ("Meta no longer accepts the access token.", _CONNECT),
    "token_refresh_refused": ("Meta refused to renew the access token.", _CONNECT),
    "try_later": ("Meta or Retell could not be reached.", _CHECK),
    "unknown_id": UNKNOWN_ID,
    "was_unsubscribed": (
        "Meta had unsubscribed the account, and it is subscribed again.",
        "Look in Instagram for messages of the time between.",
    ),
}
"""What a check's code means, and the one action that mends it."""

_UNNAMED = ("It failed for a reason without a name here.", _CHECK)
# Of these, the check itself can say more: which permission, of what the token died, who did not answer.
_SAID = {"field_missing", "permission_missing", "reconnect_needed", "try_later"}


class CheckView(Body):
    """One thing that must be right for messages to come and go."""

    name: Name
    outcome: Outcome
    code: str | None
    message: str | None
    remedy: str | None
    checked_at: Time | None
    age_seconds: int | None

    @classmethod
    def of(cls, found: Check, now: datetime) -> "CheckView":
        """Return it for a check."""
        message, remedy = _words(found) if found.code else (None, None)
        return cls(
            name=Name(found.name),
            outcome=found.outcome,
            code=found.code,
            message=message,
            remedy=remedy,
            checked_at=found.at,
            age_seconds=max(0, int((now - found.at).total_seconds())) if found.at else None,
        )


def _words(found: Check) -> tuple[str, str]:
    code = found.code or ""
    if found.name == Name.LAST_ERROR and code in REMEDIES:
        return REMEDIES[code]
    why, remedy = FINDINGS.get(code, _UNNAMED)
    return (found.message if code in _SAID else None) or why, remedy
