"""The body and the answer of the menu routes: ice breakers and the persistent menu, by locale."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from connector.contract.base import Asked, Body
from connector.contract.texts import MenuTitle, Payload, Question, Url
from connector.instagram import limits
from connector.instagram.menus import DEFAULT, Localized, Menu, Tappable

# Meta's locales, such as en_GB (Meta, "Messenger Platform: supported locales").
_LOCALE = rf"^({DEFAULT}|[a-z]{{2,3}}_[A-Z]{{2}})$"


def _localized[Item](value: dict[str, Item]) -> dict[str, Item]:
    if DEFAULT not in value:
        raise PydanticCustomError("no_default", "must have the locale default: it is for all that are not named")
    if not all(re.fullmatch(_LOCALE, locale) for locale in value):
        raise PydanticCustomError("no_locale", "must name locales as Meta does: default, en_GB, pt_BR, …")
    return value


class IceBreaker(Asked):
    """A question that a customer can ask with a tap. Its payload comes back with it."""

    question: Question
    payload: Payload


class PostbackItem(Asked):
    """An item of the menu whose payload comes back with the tap."""

    type: Literal["postback"]
    title: MenuTitle
    payload: Payload


class LinkItem(Asked):
    """An item of the menu that opens a page."""

    type: Literal["link"]
    title: MenuTitle
    url: Url


type MenuItem = Annotated[LinkItem | PostbackItem, Field(discriminator="type")]

_BY_LOCALE = Field(json_schema_extra={"required": [DEFAULT], "propertyNames": {"pattern": _LOCALE}})
IceBreakers = Annotated[
    dict[str, Annotated[list[IceBreaker], Field(min_length=1, max_length=limits.MAX_ICE_BREAKERS)]],
    AfterValidator(_localized),
    _BY_LOCALE,
]
PersistentMenu = Annotated[
    dict[str, Annotated[list[MenuItem], Field(min_length=1, max_length=limits.MAX_MENU_ITEMS)]],
    AfterValidator(_localized),
    _BY_LOCALE,
]


def _say_that_null_is_no_default(schema: dict[str, Any]) -> None:
    """Mend the schema: a client that fills in defaults must not take away what it did not mean."""
    schema["minProperties"] = 1
    for one in schema["properties"].values():
        del one["default"]


class MenuRequest(Asked):
    """What to set. What is left out stays as it is, and `null` takes it away."""

    model_config = ConfigDict(json_schema_extra=_say_that_null_is_no_default)

    ice_breakers: IceBreakers | None = None
    persistent_menu: PersistentMenu | None = None

    @model_validator(mode="after")
    def _is_something(self) -> "MenuRequest":
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "must have iceBreakers, persistentMenu, or both")
        return self

    def wanted(self) -> dict[Menu, Localized | None]:
        """Return the menus that the caller named, and what they are to be."""
        given: dict[Menu, Localized | None] = {
            Menu.ICE_BREAKERS: _wish(self.ice_breakers),
            Menu.PERSISTENT_MENU: _wish(self.persistent_menu),
        }
        return {menu: localized for menu, localized in given.items() if menu in self.model_fields_set}


class IceBreakerView(Body):
    """A question that a customer can ask with a tap."""

    question: str
    payload: str


class PostbackItemView(Body):
    """An item of the menu whose payload comes back with the tap."""

    type: Literal["postback"]
    title: str
    payload: str


class LinkItemView(Body):
    """An item of the menu that opens a page."""

    type: Literal["link"]
    title: str
    url: str


class MenuView(Body):
    """What customers can tap now, by locale; null where nothing is set. It may be more than this API lets set."""

    ice_breakers: dict[str, list[IceBreakerView]] | None
    persistent_menu: dict[str, list[PostbackItemView | LinkItemView]] | None

    @classmethod
    def of(cls, menus: Mapping[Menu, Localized]) -> "MenuView":
        """Return it for what is set at Meta."""
        questions, items = menus.get(Menu.ICE_BREAKERS), menus.get(Menu.PERSISTENT_MENU)
        return cls(
            ice_breakers=questions and {locale: [_question(one) for one in of] for locale, of in questions.items()},
            persistent_menu=items and {locale: [_item(one) for one in of] for locale, of in items.items()},
        )


def _wish(given: Mapping[str, list[IceBreaker]] | Mapping[str, list[MenuItem]] | None) -> Localized | None:
    if given is None:
        return None
    return {locale: tuple(_tappable(one) for one in items) for locale, items in given.items()}


def _tappable(one: IceBreaker | PostbackItem | LinkItem) -> Tappable:
    match one:
        case IceBreaker():
            return Tappable(one.question, one.payload)
        case PostbackItem():
            return Tappable(one.title, one.payload)
        case LinkItem():
            return Tappable(one.title, url=one.url)


def _question(one: Tappable) -> IceBreakerView:
    return IceBreakerView(question=one.title, payload=one.payload or "")


def _item(one: Tappable) -> PostbackItemView | LinkItemView:
    if one.url is not None:
        return LinkItemView(type="link", title=one.title, url=one.url)
    return PostbackItemView(type="postback", title=one.title, payload=one.payload or "")
