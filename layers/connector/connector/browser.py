"""What a browser is told that comes back from Meta's login: where to go on, or a page that says what happened.

The address of the callback holds the code and the state. So nothing here is kept, sends a referrer, or loads anything.
"""

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from connector.errors import ConnectorError
from connector.gateway import LambdaAnswer, LambdaEvent, Request, failure
from connector.html import HEADERS, page
from connector.lifecycle.login import Ended
from connector.logs import log_crash, log_refusal, logger, metrics


def entry(act: Callable[[Request], Ended]) -> Callable[[LambdaEvent, Any], LambdaAnswer]:
    """Return the Lambda handler of a function that browsers come to."""

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: LambdaEvent, _: Any) -> LambdaAnswer:
        try:
            return tell(act(Request.of(event)))
        except ConnectorError as error:
            log_refusal(error)
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: a page that tells nothing of the inside
            log_crash(error)
            return _refusal(ConnectorError("unexpected"))

    return handler


def tell(ended: Ended) -> LambdaAnswer:
    """Return how a login ended, as the browser is told."""
    if ended.choices:
        return _choices(ended)
    if ended.error:
        log_refusal(ended.error)
    if ended.return_url:
        outcome = {"instagram": "failed", "code": ended.error.code} if ended.error else {"instagram": "connected"}
        return {"statusCode": 302, "headers": {**HEADERS, "Location": _with_query(ended.return_url, outcome)}}
    if ended.error:
        return _refusal(ended.error)
    username = ended.connection.account.username if ended.connection else ""
    took_over = ended.connection is not None and ended.connection.took_over
    before = (
        " Another workspace had it until now, with an access token that Meta no longer accepts." if took_over else ""
    )
    return page(200, "Connected", f"The Instagram account {username} is connected.{before} You can close this window.")


def _choices(ended: Ended) -> LambdaAnswer:
    items = "\n".join(f'<li><a href="{escape(one.url)}">{escape(one.name)}</a></li>' for one in ended.choices)
    text = "Which Instagram account is to be connected? Meta may ask you once more."
    return page(200, "Choose an account", text, f"<ul>\n{items}\n</ul>")


def _refusal(error: ConnectorError) -> LambdaAnswer:
    return page(error.status, "Not connected", failure(error)["error"]["message"])


def _with_query(url: str, told: dict[str, str]) -> str:
    """Return an address with something added to its query.

    It ends with its fragment, or with an empty one: else the browser keeps Facebook's `#_=_`.
    """
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(told)) if part)
    return f"{urlunsplit(parts._replace(query=query, fragment=''))}#{parts.fragment}"
