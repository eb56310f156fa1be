"""Classify Meta's errors by how the connector can react.

The first rule that applies decides:

1. The code and the subcode, also written as strings: the same condition comes as HTTP 400, 401, 403 or 500.
2. The message text, for codes with several meanings, and for unknown codes below HTTP 500 except 429.
3. HTTP 429, or words about a rate limit: nothing was done; wait.
4. HTTP 5xx or 408: it may have been done, whatever `is_transient` says. It is repeated only with the proof that it was
   not.
5. `is_transient: true`: nothing was done; try later.
6. HTTP 401, or an `OAuthException` without a code: the token may be dead; a probe decides.
7. Anything else was refused.

Without a code, an HTTP status that the body carries as `code` counts as the status. An error inside a 200 counts as one
inside a 400.

Sources: Meta, "Messenger Platform: common error codes", "Graph API: handling errors", "Graph API: rate limits".
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from connector.errors import (
    NotShown,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    ReconnectNeeded,
    Refused,
    TokenInDoubt,
    TryLater,
    refusal,
)
from connector.instagram import permissions
from connector.instagram.complaints import Complaint, complaint_of
from connector.transport import Answer

# Session and token errors. None of them is cured by a retry.
_INVALID_TOKEN = 190
_TOKEN_CODES = {102, _INVALID_TOKEN}

DEAD = "Instagram no longer accepts the access token. Connect the account again."

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

_ON_HOLD = {459, 464}

# Rate limits, of the app, the user, the Page or the business: nothing was done.
_RATE_CODES = {4, 17, 32, 341, 613, *range(80000, 80015)}
_RATE_SECONDS = 60
_LONGEST_WAIT_SECONDS = 24 * 3600

# Meta may have done it: "unknown", "service down", and one that it documents as sent although it says otherwise.
_UNKNOWN_CODES = {-1, 1, 2}

# "Temporary send message failure. Please try again later."; Meta's automated answers have the conversation for now.
_LATER_CODES = {1200, 2018321}

_NOT_SHOWN = (100, 33)
_SEVERAL = {10, 100, 200}
"""Codes with several meanings."""

_DEFAULTS = {10: "permission_missing", 200: "app_access_missing"}
"""What these mean where Meta's words do not say either."""

TEXTS = {
    "account_blocked": "Meta has blocked this account from sending, for a policy violation.",
    "app_access_missing": "Meta does not let this app act for the account: the app has no Advanced Access or is not "
    "live, and the account has no role on it or has not accepted the invitation as Instagram Tester; or it is no "
    "Business or Creator account. A new access token does not change that.",
    "app_secret_refused": "Meta refuses the proof of the app secret (appsecret_proof): the secret stored here is not "
    "the app's current one, or none is stored.",
    "app_not_installed": "The app is not installed for this Page or account.",
    "graph_refused": "Meta refused the call for an unlisted reason. Read Meta's own message and code.",
    "human_agent_missing": "Meta has not granted this app the feature Human Agent, which a person's reply needs after "
    "24 hours.",
    "media_refused": "Meta could not fetch the file, or it is not of a kind or size that Instagram takes.",
    "messages_not_allowed": "The account does not allow access to its messages. In Instagram: Settings, Message "
    "controls, Connected tools.",
    "not_linked": "The Facebook Page is not linked to an Instagram account, or Meta cannot verify the link.",
    "other_app_in_control": "Another app controls this conversation.",
    permissions.MISSING: "The access token lacks a permission.",
    "unknown_id": "Meta knows no Page or account under this id.",
    "user_not_found": "Instagram knows no such user for this account. Check the user id.",
    "user_unavailable": "Instagram says that this person cannot receive messages right now.",
    "window_closed": "The 24 hours in which Instagram allows a reply are over. They open again when the customer "
    "writes.",
}
"""What each reason for a refusal means."""

REASONS: dict[tuple[int, int | None], str] = {
    (3, None): "app_access_missing",
    (10, 2534022): "window_closed",
    (10, 2018278): "window_closed",
    (10, 2018065): "window_closed",
    (10, 1893063): "account_blocked",
    (10, 2018108): "user_unavailable",
    (10, 2018300): "other_app_in_control",
    (10, 2534077): "not_linked",
    (100, 2534013): "not_linked",
    (100, 2534014): "user_not_found",
    (100, 2018001): "user_not_found",
    (100, 2534037): "other_app_in_control",
    (100, 2534029): "account_blocked",
    (100, 2018008): "media_refused",
    (100, 2018047): "media_refused",
    (100, 2018109): "media_refused",
    (100, 2018294): "media_refused",
    (200, 1545041): "user_unavailable",
    (200, 2018028): "app_access_missing",
    (200, 2534041): "messages_not_allowed",
    (368, None): "account_blocked",
    (546, None): "media_refused",
    (551, None): "user_unavailable",
    (551, 1545041): "user_unavailable",
    (613, 2018338): "graph_refused",  # a warning about abuse: it is not waited for
    (803, None): "unknown_id",
    (9010, None): "user_not_found",
    (2018300, None): "other_app_in_control",
}

# Messenger Platform subcodes are unique: they mean the same with every code.
_BY_SUBCODE = {subcode: reason for (_, subcode), reason in REASONS.items() if subcode and subcode > 2_000_000}

_WORDS: dict[str, str] = {
    "app_secret_refused": r"appsecret_proof",
    "window_closed": r"\boutside\b.{0,40}\bwindow|\boutside (of )?(the )?(allowed|messaging|\d+.?(h|day))"
    r"|(allowed|messaging|reply|response|\d+.?(h|hours?|days?)) window|more than \d+ (hours|days)",
    "other_app_in_control": r"another app|not the thread owner|thread control|controlling this (thread|conversation)"
    r"|(not|n.t) (own|control) (the|this) (thread|conversation)",
    "human_agent_missing": r"human[ _-]?agent",
    "account_blocked": r"\b(account|page|business) (is|was|has been) (temporarily )?(blocked|restricted)",
    "app_not_installed": r"\bapp(lication)? (is |was |has )?not (been )?installed|not installed (the|this) app",
    "app_access_missing": r"unsupported (\w+ )?request|capability|(advanced|standard) access|development mode"
    r"|\b(admins?|developers?|testers?)\b|reviewed|approved|\bapp (is|must be) (not )?live",
    "messages_not_allowed": r"disabled access to instagram|allow access to messages",
    "user_not_found": r"no matching( instagram)? user|user (can.?not be|could not be|was not|is not|not) found",
    "user_unavailable": r"(isn.t|is not|aren.t) (available|receiving)|(can.t|cannot) receive"
    r"|(person|user|recipient) (has blocked|cannot be messaged)",
    "not_linked": r"not linked to an instagram",
    "permission_missing": r"requires? [\w ,]*permission|permissions? (is|are|was|were) (needed|required|missing)"
    r"|(authorized|permission to) (the|this) app|does not have (the )?permission|permissions error",
}
"""Patterns in Meta's message text; the first match is the reason."""

_OBJECT_WORDS = r"object with id .* does not exist"
_RATE_WORDS = r"rate limit|too many (calls|requests)|request limit"
_CALLER_WORDS = r"\boauth\b|access token|session (has|is|key)"


def is_error(answer: Answer) -> bool:
    """Return whether an answer is none: by its status, or by what its body says in spite of that."""
    if not answer.is_success:
        return True
    # Meta has carried out a send that returns a message id, even if the body also holds an error.
    return complaint_of(answer.body, answer.status) is not None and not (answer.body or {}).get("message_id")


def error_of(answer: Answer) -> OutsideError:
    """Return the error that an answer of the Graph API means."""
    complaint = complaint_of(answer.body, answer.status)
    if complaint is None:
        return _by_status(answer, answer.status)
    error = _by_number(complaint, answer) or _by_words(complaint) or _by_kind(complaint, answer)
    if error.code == permissions.MISSING:
        return permissions.refused(complaint.words, complaint.quote)
    return error.quoting(complaint.quote)


def is_proof_refused(answer: Answer) -> bool:
    """Return whether Meta refused a call because of its `appsecret_proof`, so that nothing was done."""
    return is_error(answer) and error_of(answer).code == "app_secret_refused"


def is_invalid_token(error: OutsideError) -> bool:
    """Return whether Meta said that a token is invalid for good.

    Not where its owner only has to log in or to confirm something: the same token may live afterwards.
    """
    told = error.quote
    return told is not None and told.code == _INVALID_TOKEN and told.subcode not in _ON_HOLD


def body_of(status: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body of an answer that came inside another one.

    Raises:
        OutsideError: as `error_of`.
    """
    answer = Answer(status, body, {})
    if is_error(answer):
        raise error_of(answer)
    return body


def refused(reason: str) -> Refused:
    """Return the refusal for a reason of `TEXTS`."""
    return refusal(reason, TEXTS[reason])


def _by_number(told: Complaint, answer: Answer) -> OutsideError | None:
    """Classify by code and subcode; None if they are not enough."""
    code, subcode = told.code, told.subcode
    if code in _TOKEN_CODES:
        return ReconnectNeeded(DEAD, because=_DEATHS.get(subcode or 0))
    if subcode is not None:
        reason = REASONS.get((code or 0, subcode)) or _BY_SUBCODE.get(subcode)
        if reason is not None:
            return refused(reason)
    if code in _RATE_CODES:
        return RateLimited("Meta limits the rate of calls for this account.", after_seconds=_wait_seconds(answer))
    if code in _LATER_CODES:
        return TryLater("Meta failed for the moment.")
    if code in _UNKNOWN_CODES:
        return OutcomeUnknown(f"Meta is in trouble (code {code}).")
    if (code, subcode) == _NOT_SHOWN or (code in (None, 100) and _says(told, _OBJECT_WORDS)):
        return NotShown("Meta does not find the account, Page or conversation. Meta has also said so in outages.")
    if code is not None and (reason := REASONS.get((code, None))):
        return refused(reason)
    return refused("permission_missing") if code is not None and 200 < code < 300 else None


def _by_words(told: Complaint) -> OutsideError | None:
    """Classify by the message text; None if no pattern matches."""
    if told.code not in _SEVERAL and (told.status >= 500 or told.status == 429):
        return None
    reason = next((reason for reason, pattern in _WORDS.items() if _says(told, pattern)), None)
    reason = reason or _DEFAULTS.get(told.code or 0)
    return refused(reason) if reason else None


def _says(told: Complaint, pattern: str) -> bool:
    return re.search(pattern, told.words, re.IGNORECASE | re.DOTALL) is not None


def _by_kind(told: Complaint, answer: Answer) -> OutsideError:
    """Classify an error whose code is unknown or missing: rules 3 to 7."""
    has_code = told.code is not None
    # These codes refuse a call whatever the status. An error inside a 200 has done no more than one inside a 400.
    status = 400 if told.code in _SEVERAL or told.status < 300 else told.status
    if status == 429 or (not has_code and status < 500 and _says(told, _RATE_WORDS)):
        return _by_status(answer, 429)
    if status >= 500 or status == 408:
        return _by_status(answer, status)
    if told.is_transient:
        return TryLater("Meta failed for the moment.")
    if not has_code and (told.kind.startswith("OAuth") or _says(told, _CALLER_WORDS)):
        return _by_status(answer, 401)
    return _by_status(answer, status)


def _by_status(answer: Answer, status: int) -> OutsideError:
    """Classify by the HTTP status alone. After a 4xx nothing was done."""
    if status == 429:
        return RateLimited("Meta limits the rate of calls.", after_seconds=_wait_seconds(answer))
    if status == 401:
        return TokenInDoubt("Meta refused the caller without saying why.")
    if 400 <= status < 500 and status != 408:
        return refused("graph_refused")
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
