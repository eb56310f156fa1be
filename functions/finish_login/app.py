"""GET /api/instagram/oauth/callback: take back whoever comes from Meta's login, and connect the account."""

from connector import browser
from connector.gateway import Request
from connector.lifecycle.login import Ended
from connector.wiring import logins


def _finish(request: Request) -> Ended:
    return logins.logging_in().finish(request.query)


handler = browser.entry(_finish)
