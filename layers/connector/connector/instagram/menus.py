"""What customers can tap instead of writing: Meta's edge `messenger_profile`, which both logins have.

Sources: Meta, "Ice Breakers" and "The Persistent Menu" (of the Instagram Messaging API, and of the Instagram API with
Instagram Login). A tap comes back as a postback.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector.accounts import Login
from connector.instagram.graph import Graph

DEFAULT = "default"
"""The locale that stands for all those that are not named."""

_EDGE = ("me", "messenger_profile")
_SECONDS = 4  # setting both and reading them back is four calls, within API Gateway's 30 seconds


class Menu(StrEnum):
    """The two of them, by Meta's names."""

    ICE_BREAKERS = "ice_breakers"  # questions, shown to who has not written yet
    PERSISTENT_MENU = "persistent_menu"  # behind a button, in every conversation


@dataclass(frozen=True, slots=True)
class Tappable:
    """One thing to tap."""

    title: str
    payload: str | None = None
    """What comes back with the tap."""
    url: str | None = None
    """The page that it opens; then nothing comes back."""


type Localized = Mapping[str, tuple[Tappable, ...]]
"""What is shown in each locale, such as `en_GB`."""


class Menus:
    """The menus of one account."""

    def __init__(self, graph: Graph, login: Login) -> None:
        self._graph = graph
        self._login = login

    def read(self) -> Mapping[Menu, Localized]:
        """Return the menus that are set.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `Graph.get`.
        """
        found = {menu: self._read(menu) for menu in Menu}
        return {menu: localized for menu, localized in found.items() if localized}

    def set(self, menu: Menu, wanted: Localized | None) -> None:
        """Put this in the place of a menu; None takes it away. Doing it twice is the same as once.

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `Graph.change`.
        """
        platform = self._platform(menu)
        if wanted is None:
            self._graph.change("DELETE", _EDGE, params=platform, json={"fields": [menu]}, timeout=_SECONDS)
            return
        written = [
            {"locale": locale, "call_to_actions": [_written(menu, one) for one in tappables]}
            for locale, tappables in wanted.items()
        ]
        self._graph.change("POST", _EDGE, params=platform, json={**platform, menu: written}, timeout=_SECONDS)

    def _read(self, menu: Menu) -> Localized:
        told = self._graph.get(_EDGE, {"fields": menu, **self._platform(menu)}, timeout=_SECONDS).get("data")
        entries = [entry for one in _objects(told) for entry in _objects(one.get(menu, [one]))]
        # Ice breakers that were set in Meta's older form come back in it: bare questions, for everybody.
        bare = [entry for entry in entries if "question" in entry]
        localized = {str(entry.get("locale", DEFAULT)): _objects(entry.get("call_to_actions")) for entry in entries}
        shown = {DEFAULT: bare} if bare else localized
        known = {locale: tuple(_known(menu, actions)) for locale, actions in shown.items()}
        return {locale: tappables for locale, tappables in known.items() if tappables}

    def _platform(self, menu: Menu) -> dict[str, str]:
        """Return what says that Instagram is meant: a Page has menus for Messenger too, an account has not.

        Meta's examples for Instagram Login have it with ice breakers all the same.
        """
        if self._login is Login.INSTAGRAM and menu is Menu.PERSISTENT_MENU:
            return {}
        return {"platform": "instagram"}


def _written(menu: Menu, one: Tappable) -> dict[str, str | None]:
    if menu is Menu.ICE_BREAKERS:
        return {"question": one.title, "payload": one.payload}
    if one.url is not None:
        return {"type": "web_url", "title": one.title, "url": one.url}
    return {"type": "postback", "title": one.title, "payload": one.payload}


def _known(menu: Menu, actions: Iterable[Mapping[str, Any]]) -> Iterator[Tappable]:
    """Yield what we know how to show: another tool may have set more."""
    for one in actions:
        match one:
            case {"question": str(title), "payload": str(payload)} if menu is Menu.ICE_BREAKERS:
                yield Tappable(title, payload)
            case {"type": "postback", "title": str(title), "payload": str(payload)}:
                yield Tappable(title, payload)
            case {"type": "web_url", "title": str(title), "url": str(url)}:
                yield Tappable(title, url=url)


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
