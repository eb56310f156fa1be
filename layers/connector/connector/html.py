"""A page for people, in their browser: a heading and a sentence. It loads nothing, runs nothing, and is not kept."""

from html import escape

from connector.gateway import LambdaAnswer

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

_PAGE_HEADERS = HEADERS | {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem }}
li {{ margin: 0.5rem 0 }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{rest}
</html>
"""


def page(status: int, title: str, text: str, rest: str = "") -> LambdaAnswer:
    """Return a page. `rest` is HTML; the other two are texts."""
    body = _PAGE.format(title=escape(title), text=escape(text), rest=rest)
    return {"statusCode": status, "headers": {**_PAGE_HEADERS}, "body": body}
