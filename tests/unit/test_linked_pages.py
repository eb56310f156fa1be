"""The Pages of a person, however Meta lists them."""

import pytest

from connector.accounts import AccessToken
from connector.instagram.graph import Graph
from connector.instagram.linked_pages import linked_pages
from tests.unit.peer import answer

PAGE = {
    "id": "10",
    "name": "The Shop",
    "access_token": "EAApage",
    "tasks": ["ADVERTISE", "MESSAGING"],
    "instagram_business_account": {"id": "178", "username": "shop"},
}


def listed(other_side, *answers):
    other_side.script(*map(answer, answers))
    return linked_pages(Graph(other_side.url, AccessToken("EAAperson", "proof"), "me"))


def test_a_page_comes_with_its_account_and_its_own_token_which_is_not_shown(other_side):
    (page,) = listed(other_side, {"data": [PAGE]})
    assert (page.page_id, page.name, page.token) == ("10", "The Shop", "EAApage")
    assert (page.account_id, page.username, page.allows_messages) == ("178", "shop", True)
    assert "EAApage" not in repr(page)
    (request,) = other_side.requests
    assert (request.path, request.headers["authorization"]) == ("/me/accounts", "Bearer EAAperson")
    assert request.query["appsecret_proof"] == "proof"


@pytest.mark.parametrize(
    ("tasks", "allowed"),
    [
        (["ADVERTISE"], False),
        ([], False),
        (["PROFILE_PLUS_MESSAGING"], True),
        (None, True),  # not told
    ],
)
def test_whoever_may_not_write_for_a_page_is_known_where_meta_tells(other_side, tasks, allowed):
    (page,) = listed(other_side, {"data": [PAGE | {"tasks": tasks}]})
    assert page.allows_messages is allowed


@pytest.mark.parametrize(
    "odd",
    [
        "text",
        {},
        {"id": "1"},
        PAGE | {"instagram_business_account": None},
        PAGE | {"instagram_business_account": {}},
        PAGE | {"access_token": ""},
        {name: value for name, value in PAGE.items() if name != "id"},
    ],
)
def test_a_page_that_is_no_use_costs_the_others_nothing(other_side, odd):
    assert [page.page_id for page in listed(other_side, {"data": [odd, PAGE]})] == ["10"]


def test_the_list_is_read_to_its_end(other_side):
    more = {"next": "https://graph.facebook.com/…", "cursors": {"after": "A"}}
    pages = listed(other_side, {"data": [PAGE], "paging": more}, {"data": [PAGE | {"id": "11"}], "paging": {}})
    assert [page.page_id for page in pages] == ["10", "11"]
    assert [request.query.get("after") for request in other_side.requests] == [None, "A"]


@pytest.mark.parametrize("last", [{}, {"data": None}, {"data": [], "paging": None}, {"paging": {"next": "x"}}])
def test_an_odd_end_is_an_end(other_side, last):
    assert listed(other_side, last) == []


def test_a_list_without_an_end_is_left_at_some_point(other_side):
    endless = {"data": [PAGE], "paging": {"next": "x", "cursors": {"after": "A"}}}
    assert len(listed(other_side, *[endless] * 11)) == 10
