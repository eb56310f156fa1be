"""What a browser is told that comes back from Meta's login: where to go on, or a page that says what happened.

The address of the callback holds the code and the state. So nothing here is kept, sends a referrer, or loads anything.
"""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from connector import settings
from connector.gateway import LambdaAnswer, LambdaEvent, Request
from connector.handlers import Handler, http_handler
from connector.html import HEADERS, error_page, page
from connector.lifecycle.login import Ended, Offer
from connector.logs import log_refusal

_LONGEST_FORM, _MOST_FIELDS = 4096, 10


def entry(act: Callable[[Request], Ended]) -> Handler:
    """Return the Lambda handler of a function that browsers come to."""

    def answer(event: LambdaEvent, _: Any) -> LambdaAnswer:
        return tell(act(Request.of(event)), settings.platform_name() or event["requestContext"]["domainName"])

    return http_handler(answer, partial(error_page, "Not connected"))


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a small form; {} for anything else."""
    if len(request.body) > _LONGEST_FORM:
        return {}
    try:
        return dict(parse_qsl(request.body.decode("ascii"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def tell(ended: Ended, platform: str) -> LambdaAnswer:
    """Return what a request came to, as the browser is told. `platform` is what the owner knows the platform as.

    Raises:
        LoginFailed, others: the login has failed, and there is no address to return to.
    """
    if ended.offer:
        return _question(ended.offer, platform)
    if not ended.error and not ended.connection:
        return _wait()
    if ended.error and not ended.return_url:
        raise ended.error
    if ended.error:
        log_refusal(ended.error)
    if ended.return_url:
        outcome = {"instagram": "failed", "code": ended.error.code} if ended.error else {"instagram": "connected"}
        return {"statusCode": 303, "headers": {**HEADERS, "Location": _with_query(ended.return_url, outcome)}}
    username = ended.connection.account.username if ended.connection else ""
    took_over = ended.connection is not None and ended.connection.took_over
    before = (
        " Another workspace had it until now, with an access token that Meta no longer accepts." if took_over else ""
    )
    return page(200, "Connected", f"The Instagram account {username} is connected.{before} You can close this window.")


def _question(offer: Offer, platform: str) -> LambdaAnswer:
    pending = offer.pending
    subaccount_id, agent_id = pending.tenant.subaccount_id, pending.tenant.agent_id
    agent = f"the agent {agent_id}" + (f" ({pending.retell_agent_id})" if pending.retell_agent_id != agent_id else "")
    whose = f"{agent} of {platform} (subaccount {subaccount_id})"
    if len(offer.accounts) == 1:
        buttons = [(account_id, "Connect") for account_id, _ in offer.accounts]
        asked = f"Connect @{offer.accounts[0][1]} to {whose}?"
    else:
        buttons = [(account_id, f"Connect @{username}") for account_id, username in offer.accounts]
        asked = f"Which Instagram account do you want to connect to {whose}?"
    # The action is relative: the path stays, with an API mapping key before it, and the query with Meta's code goes.
    form = f"""<p>The agent will read and answer this account's direct messages. If you did not ask for this yourself
at {escape(platform)}, choose Cancel.</p>
<form method="post" action="callback">
<input type="hidden" name="state" value="{escape(offer.state)}">
<input type="hidden" name="ticket" value="{escape(offer.ticket)}">
{"".join(f'<button name="account" value="{escape(value)}">{escape(label)}</button>' for value, label in buttons)}
<button name="account" value="">Cancel</button>
</form>"""
    return page(200, "Connect Instagram?", asked, form, form_action=_form_action(pending.return_url))


def _form_action(return_url: str | None) -> str:
    """Return where the form may lead: browsers hold the redirects that follow it against this too (CSP, form-action).

    Beyond the return address, a frontend may redirect to its own sign-in, so the scheme is all that is known.
    """
    return "'self'" + (f" {urlsplit(return_url).scheme}:" if return_url else "")


def _wait() -> LambdaAnswer:
    """Return a page that loads its address again: another request of this browser is exchanging the code."""
    answer = page(200, "One moment", "The login is being finished. This page loads again by itself.")
    return {**answer, "headers": answer["headers"] | {"Refresh": "2"}}


def _with_query(url: str, told: dict[str, str]) -> str:
    """Return an address with something added to its query.

    It ends with its fragment, or with an empty one: else the browser keeps Facebook's `#_=_`.
    """
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(told)) if part)
    return f"{urlunsplit(parts._replace(query=query, fragment=''))}#{parts.fragment}"
