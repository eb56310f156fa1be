"""What Meta answers to a token that is no good, and to one that may not do this.

Codes: Meta's pages "Handling Errors" (Graph API) and "Common Error Codes" (Messenger Platform).
"""

from typing import Final

from local.simulators.meta.errors import GraphError
from local.simulators.meta.tokens import Revocation

SESSION: Final = 102
INVALID: Final = 190

_TEXTS = {
    458: "Error validating access token: The user has not authorized application {app_id}.",
    459: "Error validating access token: You cannot access the app till you log in to www.facebook.com and follow the "
    "instructions given.",
    460: "Error validating access token: The session has been invalidated because the user changed their password or "
    "Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
    464: "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed "
    "user.",
    467: "Error validating access token: This may be because the user logged out or may be due to a system error.",
    492: "Invalid Session: The user must be an administrator, editor, or moderator of the page in order to impersonate "
    "it. If the page business requires Two Factor Authentication, the user also needs to enable Two Factor "
    "Authentication.",
}


def no_token() -> GraphError:
    """Refuse a call without an access token."""
    return GraphError("An access token is required to request this resource.", 104, numbered=False)


def invalid_token(*, instagram_login: bool) -> GraphError:
    """Refuse a token that is nobody's."""
    facebook = "Invalid OAuth access token - Cannot parse access token"
    return GraphError(
        "Invalid OAuth 2.0 Access Token" if instagram_login else facebook, INVALID, None, 401, numbered=False
    )


def expired_token() -> GraphError:
    """Refuse a token that was good once."""
    return GraphError(_TEXTS[463], INVALID, 463, 401, numbered=False)


def revoked_token(revoked: Revocation, app_id: str, *, instagram_login: bool) -> GraphError:
    """Refuse a token as its revocation says."""
    if revoked.code == SESSION:
        text = "Session key invalid or no longer valid"
    elif revoked.subcode in _TEXTS:
        text = _TEXTS[revoked.subcode].format(app_id=app_id)
    else:
        text = invalid_token(instagram_login=instagram_login).text
    return GraphError(text, revoked.code, revoked.subcode, 401, numbered=False)


def wrong_proof() -> GraphError:
    """Refuse an `appsecret_proof` that was not made of this token and this app's secret."""
    text = "Invalid appsecret_proof provided in the API argument"
    return GraphError(text, 100, kind="GraphMethodException", numbered=False)


def missing_proof() -> GraphError:
    """Refuse a call without `appsecret_proof`, of an app that requires it."""
    text = "API calls from the server require an appsecret_proof argument"
    return GraphError(text, 100, kind="GraphMethodException", numbered=False)


def unknown_app() -> GraphError:
    """Refuse an app id that is not this app's."""
    text = "Error validating application. Cannot get application info due to a system error."
    return GraphError(text, 101, numbered=False)


def invalid_signature() -> GraphError:
    """Refuse an app access token with a wrong secret."""
    return GraphError("Invalid OAuth access token signature.", INVALID, numbered=False)


def wrong_client_secret() -> GraphError:
    """Refuse an exchange with a wrong app secret."""
    return GraphError("Error validating client secret.", 1, numbered=False)


def session_key_invalid() -> GraphError:
    """Refuse to exchange a token that is not of the kind which the exchange is for."""
    text = (
        "Session key invalid. This could be because the session key has an incorrect format, or because the user has "
        "revoked this session"
    )
    return GraphError(text, 452, numbered=False)


def token_of_another_app() -> GraphError:
    """Refuse to tell an app about a token that another app was given."""
    return GraphError("The App_id in the input_token did not match the Viewing App", 100)


def missing_permission() -> GraphError:
    """Refuse to show or send what the person has not allowed, or no longer allows."""
    return GraphError("Application does not have permission for this action", 10, status=403)


def missing_managing_permission(name: str) -> GraphError:
    """Refuse to change settings without the permission to."""
    return GraphError(f"Requires {name} permission to manage the object", 200, status=403)


def page_token_required() -> GraphError:
    """Refuse a person's token where a Page must speak."""
    return GraphError("A page access token is required to request this resource.", 210)


def messages_not_allowed() -> GraphError:
    """Refuse messages of an account whose owner has switched off "Allow access to messages"."""
    return GraphError("The account owner has disabled access to instagram direct messages.", 200, 2534041, 403)


def no_role() -> GraphError:
    """Refuse an app without Advanced Access to write to people who have no role on it."""
    text = (
        "This app does not have permission to send messages to people who are not an admin, developer or tester of it. "
        "The permission must be approved by Facebook first."
    )
    return GraphError(text, 200, status=403)
