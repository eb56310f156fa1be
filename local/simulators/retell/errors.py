"""Retell's errors: one envelope, and the statuses of its OpenAPI description."""

from local.simulators.retell.chats import Json


class RetellError(Exception):
    """A refused call; `retry_after_seconds` becomes the header Retry-After, `key` the message's place in the body."""

    def __init__(
        self, status: int, message: str, retry_after_seconds: float | None = None, key: str = "message"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.key = key


def envelope(error: RetellError) -> Json:
    """Make the body of a refusal."""
    return {"status": "error", error.key: error.message}


def bad_request() -> RetellError:
    """Refuse a body that is not what the endpoint takes."""
    return RetellError(400, "Invalid request format, please check API reference.")


def wrong_key() -> RetellError:
    """Refuse a call without the API key."""
    return RetellError(401, "API key is missing or invalid.")


def unknown_path() -> RetellError:
    """Refuse a path that leads nowhere."""
    return RetellError(404, "Not Found")


def unknown_asset() -> RetellError:
    """Refuse an agent or a chat that this key does not have."""
    return RetellError(422, "Cannot find requested asset under given api key.")


def rate_limited(retry_after_seconds: float | None) -> RetellError:
    """Refuse a call that came too soon."""
    return RetellError(429, "Account rate limited, please throttle your requests.", retry_after_seconds)


def unexpected() -> RetellError:
    """Fail, without a reason."""
    return RetellError(500, "An unexpected server error occurred.")
