"""A page for people, in their browser: a heading and a sentence. It loads nothing, runs nothing, and is not kept."""

from html import escape

from connector.errors import ConnectorError
from connector.gateway import LambdaAnswer, message_of

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

_PAGE_HEADERS = HEADERS | {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
}
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem;
  overflow-wrap: anywhere }}
button {{ display: block; width: 100%; margin: 0.75rem 0; padding: 0.75rem; font: inherit }}
li {{ margin: 0.5rem 0 }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{rest}
</html>
"""


def page(status: int, title: str, text: str, rest: str = "", form_action: str = "'none'") -> LambdaAnswer:
    """Return a page. `rest` is HTML; the other two are texts. `form_action` is where forms may lead (CSP)."""
    body = _PAGE.format(title=escape(title), text=escape(text), rest=rest)
    headers = _PAGE_HEADERS | {"Content-Security-Policy": _POLICY.format(form_action=form_action)}
    return {"statusCode": status, "headers": headers, "body": body}


def error_page(title: str, error: ConnectorError, request_id: str) -> LambdaAnswer:
    """Return the page of an error, with the request id to quote to support."""
    reference = f"<p>Request id: <code>{escape(request_id)}</code></p>"
    return page(error.status, title, message_of(error), reference)
