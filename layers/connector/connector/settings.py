"""What a deployment sets: the only reader of the environment.

Functions, not constants: a handler reads what it needs when it needs it, and no function has to be given a
setting that it does not use. Secrets are not here; they are in SSM (`storage/secrets.py`).
"""

import os

from connector.accounts import Login
from connector.errors import Misconfigured


def parameter_prefix() -> str:
    """Return the SSM path under which this stack's parameters stand, e.g. `/my-stack`."""
    return _required("PARAMETER_PREFIX")


def secrets_key_id() -> str:
    """Return the id of the KMS key that encrypts the SSM parameters this function writes."""
    return _required("SECRETS_KEY_ID")


def inbox_queue_url() -> str:
    """Return the URL of the queue between webhook and ingest."""
    return _required("INBOX_QUEUE_URL")


def turn_queue_url() -> str:
    """Return the URL of the queue between ingest and reply."""
    return _required("TURN_QUEUE_URL")


def quiet_seconds() -> int:
    """Return how long a customer must have been silent before the agent is asked, in seconds (0 to 900)."""
    return _number("QUIET_SECONDS", most=900)  # the longest delay SQS allows


def media_quiet_seconds() -> int:
    """Return the same for a message without text, such as a share, in seconds (0 to 900); the longer time counts."""
    return _number("MEDIA_QUIET_SECONDS", most=900)


def pause_minutes() -> int:
    """Return how long the agent is silent in a conversation after a person wrote in it, in minutes (0 to 10080)."""
    return _number("PAUSE_MINUTES", most=10080)


def opt_out_words() -> str:
    """Return the words with which customers opt out, with commas between; "" for none."""
    return os.environ.get("OPT_OUT_WORDS", "")


def opt_in_words() -> str:
    """Return the words with which customers opt in again, with commas between; "" for none."""
    return os.environ.get("OPT_IN_WORDS", "")


def answer_recovered_minutes() -> int:
    """Return up to what age a message is answered that no webhook told of, in minutes (0 to 1440; 0 for none)."""
    return _number("RECOVER_ANSWER_MINUTES", most=1440)


def retention_days() -> int:
    """Return for how long what people write is kept, in days (0 to 3650; 0 for ever)."""
    return _number("RETENTION_DAYS", most=3650)


def unattended_days() -> int:
    """Return for how long a connection that needs its owner stores messages, in days (0 to 365; 0 for ever)."""
    return _number("UNATTENDED_DAYS", most=365)


def fallback_text() -> str:
    """Return what a customer is told when the agent cannot answer; "" for nothing."""
    return os.environ.get("FALLBACK_TEXT", "")


def graph_hosts() -> dict[Login, str]:
    """Return the URL of each login's Graph API, without a version, e.g. `https://graph.facebook.com`."""
    return {
        Login.FACEBOOK: _required("FACEBOOK_GRAPH_URL").rstrip("/"),
        Login.INSTAGRAM: _required("INSTAGRAM_GRAPH_URL").rstrip("/"),
    }


def graph_version() -> str:
    """Return the version of Meta's Graph APIs, e.g. `v26.0`."""
    return _required("GRAPH_VERSION")


def login_hosts() -> dict[Login, str]:
    """Return where each login's dialog is, e.g. `https://www.facebook.com`."""
    return {
        Login.FACEBOOK: _required("FACEBOOK_LOGIN_URL").rstrip("/"),
        Login.INSTAGRAM: _required("INSTAGRAM_LOGIN_URL").rstrip("/"),
    }


def instagram_api_url() -> str:
    """Return the URL at which the codes of Instagram Login are exchanged, e.g. `https://api.instagram.com`."""
    return _required("INSTAGRAM_API_URL").rstrip("/")


def return_urls() -> frozenset[str]:
    """Return where browsers may be sent after a login: whole addresses, compared to the letter."""
    return frozenset(filter(None, os.environ.get("RETURN_URLS", "").split(",")))


def platform_name() -> str:
    """Return what the platform is called on the page that asks whether to connect; "" for the API's host."""
    return os.environ.get("PLATFORM_NAME", "")


def retell_url() -> str:
    """Return the base URL of Retell's API."""
    return _required("RETELL_URL").rstrip("/")


def retell_agent_binding() -> str:
    """Return which Retell agents a subaccount may use: `own-key`, which is the default, `claims` or `open`."""
    return os.environ.get("RETELL_AGENT_BINDING") or "own-key"


def _number(name: str, *, most: int) -> int:
    value = _required(name)
    if not value.isascii() or not value.isdigit() or int(value) > most:
        raise Misconfigured(f"{name} must be a whole number from 0 to {most}.")
    return int(value)


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Misconfigured(f"The environment variable {name} is not set on this function.")
    return value
