"""GET and POST /api/instagram/oauth/callback: ask whoever comes from Meta's login, and connect what they confirm."""

from connector import browser
from connector.gateway import Request
from connector.lifecycle.login import Ended
from connector.wiring import logins


def _finish(request: Request) -> Ended:
    logging_in = logins.logging_in()
    if request.method == "POST":
        return logging_in.decide(browser.form_of(request))
    return logging_in.offer(request.query)


handler = browser.entry(_finish)
