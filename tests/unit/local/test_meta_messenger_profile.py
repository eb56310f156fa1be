"""Ice breakers and the persistent menu, in both login flavours."""

from typing import Any

import pytest

from tests.unit.local.meta_client import ACCOUNT, INSTAGRAM_TOKEN, PAGE, PAGE_TOKEN, MetaClient
from tests.unit.local.test_meta_tokens import change_tokens, refusal

QUESTIONS = [{"question": "Hours?", "payload": "HOURS"}, {"question": "Where?", "payload": "WHERE"}]
ICE_BREAKERS = [
    {"call_to_actions": QUESTIONS, "locale": "default"},
    {"call_to_actions": [{"question": "Opening times?", "payload": "HOURS"}], "locale": "en_GB"},
]
MENU = [
    {
        "call_to_actions": [
            {"type": "postback", "title": "Talk to us", "payload": "CARE"},
            {"type": "web_url", "title": "Shop", "url": "https://shop.example/"},
        ],
        "locale": "default",
    }
]
FLAVOURS = [(f"/v26.0/{PAGE}", PAGE_TOKEN), ("/v26.0/me", PAGE_TOKEN), (f"/v26.0/{ACCOUNT}", INSTAGRAM_TOKEN)]


@pytest.mark.parametrize(("node", "token"), FLAVOURS)
def test_ice_breakers_are_set_shown_and_deleted(meta: MetaClient, node: str, token: str):
    edge = f"{node}/messenger_profile?platform=instagram"
    body = {"platform": "instagram", "ice_breakers": ICE_BREAKERS}
    assert meta.graph("POST", edge, token, json=body).json() == {"result": "success"}
    assert meta.read(f"{edge}&fields=ice_breakers", token) == {"data": ICE_BREAKERS}
    assert meta.graph("DELETE", edge, token, json={"fields": ["ice_breakers"]}).json() == {"result": "success"}
    assert meta.read(f"{edge}&fields=ice_breakers", token) == {"data": []}


@pytest.mark.parametrize(("node", "token"), FLAVOURS)
def test_the_menu_is_set_shown_and_deleted(meta: MetaClient, node: str, token: str):
    edge = f"{node}/messenger_profile?platform=instagram"
    assert meta.graph("POST", edge, token, json={"persistent_menu": MENU}).json() == {"result": "success"}
    assert meta.read(f"{edge}&fields=persistent_menu", token) == {"data": [{"persistent_menu": MENU}]}
    deleted = meta.graph("DELETE", f'{edge}&fields=["persistent_menu"]', token)
    assert deleted.json() == {"result": "success"}
    assert meta.read(f"{edge}&fields=persistent_menu", token) == {"data": []}


def test_bare_questions_are_for_the_default_locale_and_both_flavours_show_the_same(meta: MetaClient):
    body = {"platform": "instagram", "ice_breakers": QUESTIONS}
    assert meta.graph("POST", "/me/messenger_profile", json=body).ok
    shown = meta.read("/me/messenger_profile?fields=ice_breakers", INSTAGRAM_TOKEN)
    assert shown == {"data": [{"call_to_actions": QUESTIONS, "locale": "default"}]}


def test_without_the_platform_a_page_sets_what_only_messenger_shows(meta: MetaClient):
    assert meta.graph("POST", "/me/messenger_profile", json={"ice_breakers": QUESTIONS}).ok
    assert meta.read("/me/messenger_profile?fields=ice_breakers&platform=instagram") == {"data": []}
    assert len(meta.read("/me/messenger_profile?fields=ice_breakers")["data"]) == 1


def test_both_are_set_and_shown_together(meta: MetaClient):
    both = {"ice_breakers": ICE_BREAKERS, "persistent_menu": MENU}
    edge = f"/{ACCOUNT}/messenger_profile"
    assert meta.graph("POST", edge, INSTAGRAM_TOKEN, json=both).ok
    assert meta.read(f"{edge}?fields=ice_breakers,persistent_menu", INSTAGRAM_TOKEN) == {"data": [both]}


def menu_of(**item: Any) -> dict[str, Any]:
    return {"persistent_menu": [{"locale": "default", "call_to_actions": [item]}]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ice_breakers": []},
        {"ice_breakers": "["},
        {"ice_breakers": [*QUESTIONS, *QUESTIONS, *QUESTIONS]},
        {"ice_breakers": [{"question": "x" * 81, "payload": "P"}]},
        {"ice_breakers": [{"question": "x", "payload": ""}]},
        {"ice_breakers": [{"call_to_actions": QUESTIONS, "locale": "en_GB"}]},
        {"ice_breakers": [ICE_BREAKERS[0], ICE_BREAKERS[0]]},
        {"persistent_menu": [{**MENU[0], "composer_input_disabled": True}]},
        menu_of(type="nested", title="More", call_to_actions=[]),
        menu_of(type="postback", title="x" * 31, payload="P"),
        menu_of(type="postback", title="x", payload="x" * 1001),
        menu_of(type="web_url", title="x", url="shop"),
        menu_of(type="web_url", title="x", url="https://shop.example/", webview_height_ratio="full"),
    ],
)
def test_what_instagram_does_not_show_is_refused_with_code_100_and_changes_nothing(
    meta: MetaClient, body: dict[str, Any]
):
    edge = f"/{PAGE}/messenger_profile?platform=instagram"
    meta.graph("POST", edge, json={"ice_breakers": QUESTIONS, "persistent_menu": MENU})
    before = meta.read(f"{edge}&fields=ice_breakers,persistent_menu")
    answer = meta.graph("POST", edge, json=body)
    assert (answer.status_code, refusal(answer)["code"]) == (400, 100)
    assert meta.read(f"{edge}&fields=ice_breakers,persistent_menu") == before


def test_a_fifth_question_is_refused_in_so_many_words(meta: MetaClient):
    five = [{"question": f"{number}?", "payload": "P"} for number in range(5)]
    answer = meta.graph("POST", "/me/messenger_profile?platform=instagram", json={"ice_breakers": five})
    assert refusal(answer) == {
        "message": "(#100) Param ice_breakers[call_to_actions] can have at most 4 elements.",
        "type": "OAuthException",
        "code": 100,
    }


def test_the_fields_are_named_and_the_permission_is_needed(meta: MetaClient):
    edge = "/me/messenger_profile?platform=instagram"
    assert refusal(meta.graph("GET", edge))["code"] == 100
    assert refusal(meta.graph("GET", f"{edge}&fields=greeting"))["code"] == 100
    assert refusal(meta.graph("GET", "/1/messenger_profile"))["error_subcode"] == 33
    change_tokens(meta, PAGE_TOKEN, withoutScopes=["instagram_manage_messages"])
    assert refusal(meta.graph("GET", f"{edge}&fields=ice_breakers"))["code"] == 10
