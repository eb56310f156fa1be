"""Who may call a server on this machine: programs, and one page; no website that a browser happens to have open."""

from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine. A website that points its own name here has another host."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False


def may_call(host: str, origin: str | None, allowed_origin: str | None = None) -> bool:
    """Return whether a request may be served: browsers name the page's origin, programs name none."""
    return is_loopback(host) and origin in (None, allowed_origin)
