"""Retell's unsuccessful answers, classified.

Retell documents statuses and one envelope (https://docs.retellai.com/api-references); the words for an ended chat are
those that integrators have seen.
"""

import re
from collections.abc import Mapping
from typing import Any

from connector.errors import OutcomeUnknown, OutsideError, Refused, SessionEnded, TryLater
from connector.transport import Answer

_LONGEST_WAIT_SECONDS = 300
_SECONDS = re.compile(r"[0-9]{1,18}")

# Messages with which Retell, or a proxy before it, refuses a chat that has ended. An id of 32 or more characters may
# come between the words.
_OVER = (
    r"ended|closed|completed|finished|expired|terminated|inactive|(?:is|already) over|timed out|no longer exists"
    r"|(?:not|no longer) (?:ongoing|active|open)"
)
_SESSION = r"chat(?:_status)?|session|conversation"
_ENDED = re.compile(
    rf"(?:{_SESSION})\b.{{0,100}}\b(?:{_OVER})\b|\b(?:ended|closed) (?:{_SESSION})\b", re.IGNORECASE | re.DOTALL
)
IS_OVER = "The agent's chat has ended."
REFUSED = "agent_refused"
_MOST_WORDS = 500  # characters of an error that are looked at


def _words(body: Mapping[str, Any] | None) -> str:
    """Return what an error says, wherever Retell or a proxy has put it."""
    told = [(body or {}).get(name) for name in ("message", "error_message", "error", "detail")]
    inner = [one.get("message") if isinstance(one, Mapping) else one for one in told]
    return " ".join(one[:_MOST_WORDS] for one in inner if isinstance(one, str))


def error_of(answer: Answer) -> OutsideError:
    """Classify an unsuccessful answer.

    404 and 422 mean a missing or ended chat; so do 400, 408 and 409 if their message says so.
    """
    match answer.status:
        case 404 | 422:
            return SessionEnded("Retell no longer knows this chat.")
        case 400 | 408 | 409 if _ENDED.search(_words(answer.body)):
            return SessionEnded(IS_OVER)
        case 408 | 409 | 425:
            return TryLater(f"Retell is busy (HTTP {answer.status}).")
        case 401 | 403:
            return Refused("agent_key_refused", "Retell refuses the API key.")
        case 402:
            return Refused("agent_unpaid", "Retell asks for a payment method.")
        case 429:
            return TryLater("Retell limits the rate of calls.", after_seconds=_retry_after(answer))
        case status if 400 <= status < 500:
            return Refused(REFUSED, f"Retell refused the request (HTTP {status}).")
        case status:
            return OutcomeUnknown(f"Retell answered HTTP {status}.")


def _retry_after(answer: Answer) -> int:
    value = answer.headers.get("Retry-After", "")
    return min(max(int(value), 1), _LONGEST_WAIT_SECONDS) if _SECONDS.fullmatch(value) else 10
