"""Ice breakers and the persistent menu, as they are set: checked, in the localized form."""

import json
from typing import Any

from local.simulators.meta import errors
from local.simulators.meta.shapes import Json

MAX_ICE_BREAKERS = 4
MAX_MENU_ITEMS = 20
_MAX_QUESTION = 80
_MAX_TITLE = 30
_MAX_PAYLOAD = 1000


def parse_ice_breakers(value: Any) -> list[Json]:
    """Read up to four questions for each locale; a bare list of questions is for the default one."""
    entries = _list(value, "ice_breakers")
    if all("question" in entry for entry in entries):
        entries = [{"call_to_actions": entries, "locale": "default"}]
    return [_localized(entry, "ice_breakers", MAX_ICE_BREAKERS, _ice_breaker) for entry in _with_default(entries)]


def parse_persistent_menu(value: Any) -> list[Json]:
    """Read the menu's items for each locale. What only Messenger has, as `composer_input_disabled`, is refused."""
    entries = _with_default(_list(value, "persistent_menu"))
    return [_localized(entry, "persistent_menu", MAX_MENU_ITEMS, _menu_item) for entry in entries]


def _localized(entry: Json, name: str, most: int, parse: Any) -> Json:
    _refuse_strangers(entry, {"locale", "call_to_actions"}, name)
    items = _list(entry.get("call_to_actions"), f"{name}[call_to_actions]")
    if len(items) > most:
        raise errors.invalid_parameter(f"Param {name}[call_to_actions] can have at most {most} elements.")
    return {"call_to_actions": [parse(item) for item in items], "locale": entry["locale"]}


def _with_default(entries: list[Json]) -> list[Json]:
    locales = [entry.get("locale") for entry in entries]
    if "default" not in locales:
        raise errors.invalid_parameter("A default locale is required.")
    if len(set(locales)) < len(locales) or None in locales:
        raise errors.invalid_parameter("Every element must have a locale of its own.")
    return entries


def _ice_breaker(item: Json) -> Json:
    _refuse_strangers(item, {"question", "payload"}, "ice_breakers[call_to_actions]")
    return {"question": _text(item, "question", _MAX_QUESTION), "payload": _text(item, "payload", _MAX_PAYLOAD)}


def _menu_item(item: Json) -> Json:
    title = _text(item, "title", _MAX_TITLE)
    match item.get("type"):
        case "postback":
            _refuse_strangers(item, {"type", "title", "payload"}, "persistent_menu[call_to_actions]")
            return {"type": "postback", "title": title, "payload": _text(item, "payload", _MAX_PAYLOAD)}
        case "web_url":
            _refuse_strangers(item, {"type", "title", "url"}, "persistent_menu[call_to_actions]")
            url = _text(item, "url", 2000)
            if not url.startswith(("http://", "https://")):
                raise errors.invalid_parameter("Param url must be a valid URL.")
            return {"type": "web_url", "title": title, "url": url}
    raise errors.invalid_parameter("Param type must be one of {postback, web_url}.")


def _list(value: Any, name: str) -> list[Json]:
    try:
        items = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        items = None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise errors.invalid_parameter(f"Param {name} must be a non-empty array.")
    return items


def _text(item: Json, name: str, most: int) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise errors.invalid_parameter(f"The parameter {name} is required.")
    if len(value) > most:
        raise errors.invalid_parameter(f"Length of param {name} must be less than or equal to {most}")
    return value


def _refuse_strangers(item: Json, known: set[str], name: str) -> None:
    strangers = sorted(set(item) - known)
    if strangers:
        raise errors.invalid_parameter(f'Invalid keys "{", ".join(strangers)}" were found in param "{name}".')
