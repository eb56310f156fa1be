"""Graph API errors: the envelope, and the ones the simulator gives.

Codes: Meta's pages "Common Error Codes" (Messenger Platform) and "Handling Errors" (Graph API).
"""

from collections.abc import Mapping
from typing import Any, Final

from local.simulators.meta.identifiers import new_trace_id
from local.simulators.meta.shapes import Json

APP_LIMIT: Final = 4
SEND_LIMIT: Final = 613
USER_LIMIT: Final = 17
_BUSINESS_LIMITS = {
    32: ("Page", "pages"),
    80001: ("Page", "pages"),
    80002: ("Instagram", "instagram"),
    80006: ("Messenger", "messenger"),
}
APP_NAME: Final = "Simulated app"
DOCUMENTATION = "https://developers.facebook.com/docs/graph-api"


class GraphError(Exception):
    """A refused call. `text` has no code in front; the envelope adds it where Meta does.

    `usage`, if given, becomes the header X-Business-Use-Case-Usage.
    """

    usage: Json | None = None

    def __init__(
        self,
        text: str,
        code: int,
        subcode: int | None = None,
        status: int = 400,
        *,
        kind: str = "OAuthException",
        numbered: bool = True,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.subcode = subcode
        self.status = status
        self.kind = kind
        self.numbered = numbered


class ScriptedError(GraphError):
    """A refused call with a body of the test's own."""

    def __init__(self, body: Any, status: int, headers: Mapping[str, str]) -> None:
        super().__init__("", 1, status=status)
        self.body = body
        self.headers = headers


def envelope(error: GraphError, *, instagram_login: bool) -> Json:
    """Make the body of a refusal.

    graph.instagram.com names every error IGApiException and puts no "(#code)" before the message.
    """
    prefix = f"(#{error.code}) " if error.numbered and not instagram_login else ""
    body: Json = {
        "message": f"{prefix}{error.text}",
        "type": "IGApiException" if instagram_login else error.kind,
        "code": error.code,
    }
    if error.subcode is not None:
        body["error_subcode"] = error.subcode
    body["fbtrace_id"] = new_trace_id()
    return {"error": body}


def invalid_parameter(text: str) -> GraphError:
    """Refuse a parameter that is missing or wrong."""
    return GraphError(text, 100)


def unknown_object(method: str, node_id: str) -> GraphError:
    """Refuse an id that does not exist, or not for this token; Meta does not say which."""
    text = (
        f"Unsupported {method.lower()} request. Object with ID '{node_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation. Please read the Graph API "
        f"documentation at {DOCUMENTATION}"
    )
    return GraphError(text, 100, 33, kind="GraphMethodException", numbered=False)


def unknown_field(name: str, node_kind: str) -> GraphError:
    """Refuse a name in `fields` that the object does not have."""
    return GraphError(f"Tried accessing nonexisting field ({name}) on node type ({node_kind})", 100)


def syntax_error(text: str) -> GraphError:
    """Refuse `fields` that cannot be parsed."""
    return GraphError(f"Syntax error {text}", 2500, numbered=False)


def unknown_path(path: str) -> GraphError:
    """Refuse a path that leads nowhere."""
    return GraphError(f"Unknown path components: {path}", 2500, numbered=False)


def unsupported_method(method: str) -> GraphError:
    """Refuse a verb that the edge does not have."""
    text = f"Unsupported request - method type: {method.lower()}"
    return GraphError(text, 100, kind="GraphMethodException", numbered=False)


def missing_capability() -> GraphError:
    """Refuse an app that has neither Advanced Access nor this account among its testers."""
    return GraphError("Application does not have the capability to make this API call.", 3)


def no_matching_user() -> GraphError:
    """Refuse a recipient who never wrote to this account, or does not exist."""
    return GraphError("No matching Instagram user.", 100, 2534014)


def page_not_linked() -> GraphError:
    """Refuse a Page without an Instagram account."""
    return GraphError("The Page is not linked to an Instagram account.", 100, 2534013)


def not_thread_owner() -> GraphError:
    """Refuse to write into a thread that another app has."""
    return GraphError("You are not the thread owner.", 100, 2534037)


def person_unavailable() -> GraphError:
    """Refuse to write to somebody who cannot be reached, such as one whom the business has blocked."""
    return GraphError("This person isn't available right now.", 551, 1545041)


def outside_window() -> GraphError:
    """Refuse a send more than 24 hours after the user's last message."""
    return GraphError("This message is sent outside of allowed window.", 10, 2534022, 403)


def human_agent_not_approved() -> GraphError:
    """Refuse the HUMAN_AGENT tag to an app without App Review."""
    text = "To use 'Human Agent', your use of this endpoint must be reviewed and approved by Facebook."
    return GraphError(text, 10, status=403)


def message_with_action() -> GraphError:
    """Refuse a request with both a message and a sender action."""
    return GraphError("Message and sender action cannot be sent together.", 100, 2018014)


def consent_required() -> GraphError:
    """Refuse the profile of a user who never wrote to this account."""
    return GraphError("User consent is required to access user profile", 230)


def unreadable_message() -> GraphError:
    """Refuse a message that was unsent, or is older than the 20 newest of its thread."""
    return GraphError("The message is deleted or no longer available.", 9000001)


def app_limit_reached() -> GraphError:
    """Refuse an app that made too many calls."""
    return GraphError("Application request limit reached", APP_LIMIT, status=403)


def send_limit_reached() -> GraphError:
    """Refuse an account that sent too much."""
    return GraphError("Calls to this API have exceeded the rate limit.", SEND_LIMIT, 2534040)


def user_limit_reached() -> GraphError:
    """Refuse a person for whom too many calls were made."""
    return GraphError("User request limit reached", USER_LIMIT, status=403)


def business_limit_reached(code: int) -> GraphError:
    """Refuse a Page or an account for which too many calls were made."""
    product = _BUSINESS_LIMITS[code][0]
    return GraphError(f"There have been too many calls to this {product} account. Wait a bit and try again.", code)


def business_usage(business_id: str, code: int, regain_minutes: int) -> Json:
    """Tell how much of its limit a Page or an account has used, in percent: all of it.

    https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    usage = {
        "type": _BUSINESS_LIMITS.get(code, ("", "instagram"))[1],
        "call_count": 100,
        "total_cputime": 25,
        "total_time": 25,
        "estimated_time_to_regain_access": regain_minutes,
    }
    return {business_id: [usage]}


def unknown_attachment() -> GraphError:
    """Refuse an attachment id under which nothing was uploaded."""
    return GraphError("The attachment id is invalid or not owned by you.", 100, 2018074)


def unfetchable_attachment() -> GraphError:
    """Refuse a file that cannot be loaded from its URL."""
    return GraphError("Failed to fetch the file from the url", 100, 2018008)
