"""Ice breakers and menus: what the contract takes, what Meta is told of it, and what its answers mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connector.accounts import AccessToken, Login
from connector.contract.menus import MenuRequest, MenuView
from connector.instagram import limits
from connector.instagram.graph import Graph
from connector.instagram.menus import Menu, Menus, Tappable
from tests.unit.payloads import ACCOUNT, PAGE
from tests.unit.peer import answer

words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and text.isprintable())
locales = st.from_regex(r"[a-z]{2,3}_[A-Z]{2}", fullmatch=True)
ice_breakers = st.fixed_dictionaries({"question": words, "payload": words})
items = st.one_of(
    st.fixed_dictionaries({"type": st.just("postback"), "title": words, "payload": words}),
    st.fixed_dictionaries({"type": st.just("link"), "title": words, "url": st.just("https://shop.example/?a=1#b")}),
)


def localized(item, most):
    some = st.lists(item, min_size=1, max_size=most)
    return st.builds(lambda default, others: {"default": default} | others, some, st.dictionaries(locales, some))


wishes = st.fixed_dictionaries(
    {},
    optional={
        "iceBreakers": st.none() | localized(ice_breakers, limits.MAX_ICE_BREAKERS),
        "persistentMenu": st.none() | localized(items, limits.MAX_MENU_ITEMS),
    },
).filter(bool)


def problems(body):
    """Return what is wrong with a body: the way to each field, and the words."""
    try:
        MenuRequest.model_validate(body)
    except ValidationError as error:
        return [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
    return []


def questions(**changes):
    return {"iceBreakers": {"default": [{"question": "Hours?", "payload": "HOURS"} | changes]}}


def menu(item):
    return {"persistentMenu": {"default": [item]}}


POSTBACK = {"type": "postback", "title": "Help", "payload": "HELP"}
LINK = {"type": "link", "title": "Shop", "url": "https://shop.example"}
ITEM = "persistentMenu.default.0"


# ── what the contract takes


@given(wishes)
def test_what_is_within_the_limits_is_taken_and_shown_as_it_was_sent(wish):
    wanted = MenuRequest.model_validate(wish).wanted()
    shown = MenuView.of({name: value for name, value in wanted.items() if value is not None})
    assert shown.model_dump(by_alias=True, mode="json") == {"iceBreakers": None, "persistentMenu": None} | wish
    named = {"iceBreakers": Menu.ICE_BREAKERS, "persistentMenu": Menu.PERSISTENT_MENU}
    assert wanted.keys() == {named[name] for name in wish}


@pytest.mark.parametrize(
    ("at_most", "body", "field"),
    [
        (limits.MAX_QUESTION, lambda n: questions(question="x" * n), "iceBreakers.default.0.question"),
        (limits.MAX_PAYLOAD, lambda n: questions(payload="x" * n), "iceBreakers.default.0.payload"),
        (limits.MAX_ICE_BREAKERS, lambda n: _times(questions(), "iceBreakers", n), "iceBreakers.default"),
        (limits.MAX_MENU_TITLE, lambda n: menu(POSTBACK | {"title": "é" * n}), f"{ITEM}.postback.title"),
        (limits.MAX_MENU_TITLE, lambda n: menu(LINK | {"title": "x" * n}), f"{ITEM}.link.title"),
        (limits.MAX_PAYLOAD, lambda n: menu(POSTBACK | {"payload": "x" * n}), f"{ITEM}.postback.payload"),
        (limits.MAX_MENU_ITEMS, lambda n: _times(menu(LINK), "persistentMenu", n), "persistentMenu.default"),
    ],
)
def test_each_limit_is_taken_to_the_last_and_one_more_is_refused_by_field_and_limit(at_most, body, field):
    assert problems(body(at_most)) == []
    ((named, problem),) = problems(body(at_most + 1))
    assert named == field
    assert str(at_most) in problem


def _times(body, name, count):
    return {name: {"default": body[name]["default"] * count}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (questions(question=" \n"), "iceBreakers.default.0.question"),
        (questions(payload=""), "iceBreakers.default.0.payload"),
        (questions(question="\ud800"), "iceBreakers.default.0.question"),
        (questions(locale="en_GB"), "iceBreakers.default.0.locale"),
        (menu(LINK | {"url": "shop.example"}), "persistentMenu.default.0.link.url"),
        (menu(LINK | {"url": "javascript:alert(1)"}), "persistentMenu.default.0.link.url"),
        (menu(LINK | {"payload": "P"}), "persistentMenu.default.0.link.payload"),
        (menu(LINK | {"type": "web_url"}), "persistentMenu.default.0"),
        ({"iceBreakers": {"default": []}}, "iceBreakers.default"),
        ({"iceBreakers": {}}, "iceBreakers"),
        ({"persistentMenu": {"en_GB": [LINK]}}, "persistentMenu"),
        ({"persistentMenu": {"default": [LINK], "en-GB": [LINK]}}, "persistentMenu"),
        ({"persistentMenu": {"default": [LINK], "en_GB\n": [LINK]}}, "persistentMenu"),
        ({"ice_breakers": None}, "ice_breakers"),
        ({}, ""),
    ],
    ids=str,
)
def test_what_is_no_menu_is_refused_by_the_name_of_its_field(body, field):
    assert field in [named for named, _ in problems(body)]


# ── what Meta is told


@pytest.fixture
def menus(other_side):
    other_side.behave = answer({"result": "success"})
    return lambda login: Menus(Graph(f"{other_side.url}/v26.0", AccessToken("EAAtoken"), NODES[login]), login)


NODES = {Login.FACEBOOK: PAGE, Login.INSTAGRAM: ACCOUNT}
WRITTEN = {
    Menu.ICE_BREAKERS: (Tappable("Hours?", "HOURS"), {"question": "Hours?", "payload": "HOURS"}),
    Menu.PERSISTENT_MENU: (Tappable("Shop", url="https://a.example"), {
        "type": "web_url", "title": "Shop", "url": "https://a.example",
    }),
}  # fmt: skip

# Meta's examples tell the platform, but for the menu of an account without a Page.
PLATFORMS = [
    (Login.FACEBOOK, Menu.ICE_BREAKERS, {"platform": "instagram"}),
    (Login.FACEBOOK, Menu.PERSISTENT_MENU, {"platform": "instagram"}),
    (Login.INSTAGRAM, Menu.ICE_BREAKERS, {"platform": "instagram"}),
    (Login.INSTAGRAM, Menu.PERSISTENT_MENU, {}),
]


@pytest.mark.parametrize(("login", "name", "platform"), PLATFORMS)
def test_meta_is_told_what_its_pages_show(menus, other_side, login, name, platform):
    tappable, written = WRITTEN[name]
    menus(login).set(name, {"default": (tappable,)})
    asked = other_side.requests[-1]
    assert (asked.method, asked.path, asked.query) == ("POST", "/v26.0/me/messenger_profile", platform)
    assert asked.json == platform | {name: [{"locale": "default", "call_to_actions": [written]}]}
    menus(login).set(name, None)
    asked = other_side.requests[-1]
    assert (asked.method, asked.query, asked.json) == ("DELETE", platform, {"fields": [name]})


# ── what Meta's answers mean


QUESTION = {"question": "Q?", "payload": "P"}


def read(menus, other_side, shown):
    """Return what is read when Meta shows something for both menus."""
    made = menus(Login.FACEBOOK)
    other_side.behave = answer({"data": shown})
    return made.read()


@pytest.mark.parametrize(
    ("shown", "locales"),
    [
        ([{"locale": "default", "call_to_actions": [QUESTION]}], ["default"]),
        ([{"ice_breakers": [{"locale": "default", "call_to_actions": [QUESTION]}]}], ["default"]),
        ([{"ice_breakers": [QUESTION]}], ["default"]),
        ([QUESTION], ["default"]),
        ([{"locale": one, "call_to_actions": [QUESTION]} for one in ("default", "en_GB")], ["default", "en_GB"]),
    ],
)
def test_ice_breakers_are_read_in_every_form_in_which_meta_shows_them(menus, other_side, shown, locales):
    assert read(menus, other_side, shown) == {Menu.ICE_BREAKERS: dict.fromkeys(locales, (Tappable("Q?", "P"),))}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["locale", "call_to_actions", "question", "payload", "title", "type", "url", *Menu]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_meta_shows_it_is_read_as_menus_that_can_be_shown(shown):
    class Shown(Graph):
        def __init__(self):
            pass

        def get(self, path, params, *, timeout=0):
            return json.loads(json.dumps({"data": shown}))

    for login in Login:
        MenuView.of(Menus(Shown(), login).read()).model_dump_json()
