"""Meta's error codes, sorted into what can be done about them.

Classified by (code, subcode), never by HTTP status or text: the same condition comes as 400, 401, 403 or 500.
Sources: Meta, "Messenger Platform: common error codes", "Graph API: handling errors", "Graph API: rate limits".
"""

import json
from collections.abc import Mapping
from typing import Any

from connector.errors import OutcomeUnknown, OutsideError, RateLimited, ReconnectNeeded, Refused, TryLater
from connector.transport import Answer

# Session and token errors. None of them is cured by a retry.
_TOKEN_CODES = {102, 190}

# Of what a token has died, by their subcodes.
_DEATHS = {
    458: "The account's owner has removed the app.",
    459: "The account's owner must first log in at facebook.com, and do what is asked there.",
    460: "The password was changed, or the session ended for safety.",
    463: "The access token has expired.",
    464: "The account's owner must first confirm their Facebook account.",
    467: "The access token has been revoked.",
    492: "Whoever gave the access token no longer has a role on the Facebook Page.",
}

# Rate limits, of the app, the user, the Page or the business: nothing was done.
_RATE_CODES = {4, 17, 32, 341, 613, 80001, 80002, 80006}
_RATE_SECONDS = 60
_LONGEST_WAIT_SECONDS = 24 * 3600

# Meta may have done it: "unknown", "service down", and one that it documents as sent although it says otherwise.
_UNKNOWN_CODES = {1, 2}

# "Temporary send message failure. Please try again later."
_TEMPORARY = {(1200, 2018024)}

# A permission is missing or was taken away, but for the cases that `_REASONS` tells apart.
_PERMISSION_CODES = {3, 10, *range(200, 300)}

_PERMISSION_MISSING = (
    "permission_missing",
    "The access token lacks a permission: instagram_basic, pages_messaging and instagram_manage_messages are needed.",
)

_REASONS: dict[tuple[int | None, int | None], tuple[str, str]] = {
    (10, 2534022): (
        "window_closed",
        "The 24 hours in which Instagram allows a reply are over. They open again when the customer writes.",
    ),
    (10, 2018278): ("window_closed", "The time in which Instagram allows a reply is over."),
    (10, 2018065): ("window_closed", "The time in which Instagram allows a reply is over."),
    (10, 1893063): ("account_blocked", "Meta has restricted this account from sending, for a policy violation."),
    (10, 2018108): ("user_unavailable", "Instagram says that this person cannot receive messages right now."),
    (10, 2534077): (
        "not_linked",
        "Meta cannot verify the link between the account, the Page and their owner.",
    ),
    (100, 2534013): ("not_linked", "The Facebook Page is not linked to an Instagram account."),
    (100, 2534014): ("user_not_found", "Instagram knows no such user for this account. Check the user id."),
    (100, 2018001): ("user_not_found", "Instagram knows no such user for this account. Check the user id."),
    (100, 2534037): ("other_app_in_control", "Another app controls this conversation."),
    (100, 2534029): ("account_blocked", "Meta has blocked this account from the messaging API."),
    (200, 1545041): ("user_unavailable", "Instagram says that this person is not available."),
    (200, 2534041): (
        "messages_not_allowed",
        "The account does not allow access to its messages. In Instagram: Settings, Message controls, Connected tools.",
    ),
    (551, None): ("user_unavailable", "Instagram says that this person is not receiving messages."),
    (551, 1545041): ("user_unavailable", "Instagram says that this person is not available."),
    (368, None): ("account_blocked", "Meta has blocked this account for a while, for a policy violation."),
    (613, 2018338): ("graph_refused", "Meta has warned this account of abuse, and refused the message."),
    (2018300, None): ("other_app_in_control", "Another app controls this conversation."),
}


def error_of(answer: Answer) -> OutsideError:
    """Return the error that an unsuccessful answer of the Graph API means."""
    error = (answer.body or {}).get("error")
    if not isinstance(error, Mapping):
        return _without_envelope(answer.status)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    if subcode is not None and (reason := _REASONS.get((code, subcode))):
        return Refused(*reason)
    if code in _TOKEN_CODES:
        return ReconnectNeeded(
            "Instagram no longer accepts the access token. Connect the account again.",
            because=_DEATHS.get(subcode or 0),
        )
    if code in _RATE_CODES:
        return RateLimited("Meta limits the rate of calls for this account.", after_seconds=_wait_seconds(answer))
    if (code, subcode) in _TEMPORARY:
        return TryLater("Meta failed for the moment.")
    if code in _UNKNOWN_CODES:
        return OutcomeUnknown(f"Meta is in trouble (code {code}).")
    if reason := _REASONS.get((code, None)) or (_PERMISSION_MISSING if code in _PERMISSION_CODES else None):
        return Refused(*reason)
    return Refused("graph_refused", f"Meta refused the call (code {code}, subcode {subcode}).")


def _without_envelope(status: int) -> OutsideError:
    """Return what a proxy's page or a truncated body means. Only a 4xx certainly did nothing."""
    if status == 429:
        return RateLimited("Meta limits the rate of calls.", after_seconds=_RATE_SECONDS)
    if 400 <= status < 500:
        return Refused("graph_refused", f"Meta refused the call (HTTP {status}).")
    return OutcomeUnknown(f"Meta answered HTTP {status} without saying what happened.")


def _wait_seconds(answer: Answer) -> int:
    """Return how long Meta says to wait. The header counts in minutes (Meta, "Graph API: rate limits")."""
    try:
        usage: Any = json.loads(answer.headers.get("X-Business-Use-Case-Usage", "{}"))
        minutes = max(
            (int(one["estimated_time_to_regain_access"]) for several in usage.values() for one in several),
            default=0,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        minutes = 0
    return min(max(minutes * 60, _RATE_SECONDS), _LONGEST_WAIT_SECONDS)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
