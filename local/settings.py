"""What `make run` takes from its environment, and what it remembers between runs."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from local.template import ROOT

SUBACCOUNT = "acme"
AGENT = "agent_barista"

_LOGINS = {
    "FACEBOOK_LOGIN_URL": "FacebookLoginUrl",
    "INSTAGRAM_LOGIN_URL": "InstagramLoginUrl",
    "INSTAGRAM_API_URL": "InstagramApiUrl",
    "RETURN_URLS": "ReturnUrls",
    "RETELL_AGENT_BINDING": "RetellAgentBinding",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this machine's system, made at the first start."""

    app_secret: str
    jwt_secret: str
    verify_token: str


@dataclass(frozen=True, slots=True)
class Settings:
    """One run."""

    folder: Path
    port: int
    keys: Keys
    retell_api_key: str
    mongodb_uri: str | None
    facebook_graph_url: str | None
    instagram_graph_url: str | None
    retell_url: str | None
    retell_agent_id: str
    """The agent that the console connects."""
    allowed_origins: str
    """Origins that browsers may call the API from, comma-separated."""
    logins: Mapping[str, str]
    """Parameters of the template about logins and agents, by name, as far as they were given."""
    apps: Mapping[str, Mapping[str, str]]
    """The apps at Meta, as the parameter `app-secrets` holds them, as far as they were given."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    They are PORT, MONGODB_URI, FACEBOOK_GRAPH_URL, INSTAGRAM_GRAPH_URL, RETELL_URL, RETELL_API_KEY, APP_SECRET,
    LOCAL_DIR, the folder in which data is kept, FACEBOOK_LOGIN_URL, INSTAGRAM_LOGIN_URL, INSTAGRAM_API_URL,
    RETURN_URLS, ALLOWED_ORIGINS, RETELL_AGENT_BINDING, RETELL_AGENT_ID, FACEBOOK_APP_ID (its secret is APP_SECRET),
    INSTAGRAM_APP_ID and INSTAGRAM_APP_SECRET.

    Raises:
        ValueError: PORT is not a port. The sentence says what it must be.
    """
    port = environment.get("PORT") or "3000"
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"PORT must be a number from 0 (any free port) to 65535, not “{port}”.")
    folder = folder_of(environment)
    keys = _keys(folder)
    return Settings(
        folder=folder,
        port=int(port),
        keys=Keys(environment.get("APP_SECRET") or keys.app_secret, keys.jwt_secret, keys.verify_token),
        retell_api_key=environment.get("RETELL_API_KEY") or "key_local",
        mongodb_uri=environment.get("MONGODB_URI") or None,
        facebook_graph_url=environment.get("FACEBOOK_GRAPH_URL") or None,
        instagram_graph_url=environment.get("INSTAGRAM_GRAPH_URL") or None,
        retell_url=environment.get("RETELL_URL") or None,
        retell_agent_id=environment.get("RETELL_AGENT_ID") or AGENT,
        allowed_origins=environment.get("ALLOWED_ORIGINS", ""),
        logins={name: value for variable, name in _LOGINS.items() if (value := environment.get(variable))},
        apps=_apps(environment),
    )


def folder_of(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which data is kept."""
    return Path(environment.get("LOCAL_DIR") or ROOT / ".local").resolve()


def _apps(environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    named = {
        "facebookApp": ("FACEBOOK_APP_ID", "APP_SECRET"),
        "instagramApp": ("INSTAGRAM_APP_ID", "INSTAGRAM_APP_SECRET"),
    }
    given = {name: (environment.get(app_id), environment.get(secret)) for name, (app_id, secret) in named.items()}
    return {name: {"id": app_id, "secret": secret} for name, (app_id, secret) in given.items() if app_id and secret}


def _keys(folder: Path) -> Keys:
    path = folder / "keys.json"
    try:
        return Keys(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        keys = Keys(secrets.token_hex(16), secrets.token_hex(32), secrets.token_hex(16))
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(keys)))
        return keys
