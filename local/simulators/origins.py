"""Who may call a server on this machine: programs, and one page; no website that a browser happens to have open."""

from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine. A website that points its own name here has another host."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False


def may_call(host: str, origin: str | None, page: str | None = None) -> bool:
    """Return whether a request may be served: programs name no origin, and browsers that of their page.

    `page` is the origin of the page that may call, under whichever of this machine's names it was opened.
    """
    return is_loopback(host) and (origin is None or (page is not None and _place(origin) == _place(page)))


def _place(origin: str) -> tuple[str, bool, int | None] | None:
    """Return scheme and port of an origin on this machine; one elsewhere is no place."""
    try:
        parts = urlsplit(origin)
        is_here, port = parts.hostname in _LOOPBACK, parts.port
    except ValueError:
        return None
    return (parts.scheme, True, port) if is_here else (origin, False, None)
