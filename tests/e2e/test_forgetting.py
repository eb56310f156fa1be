"""People who leave, from Meta's first word to the last trace: the whole system, with Meta's callbacks."""

import json
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.e2e.conftest import System, wait_for
from tests.e2e.test_one_dm import answers, dm, texts, write


@pytest.fixture(scope="module")
def callbacks(system: System) -> None:
    """Both addresses, as somebody types them into Meta's dashboard."""
    start = f"{system.run['apiUrl']}/api/instagram"
    system.simulator("POST", "callbacks", deauthorizeUrl=f"{start}/deauthorize", dataDeletionUrl=f"{start}/delete-data")


def _answered(system: System, account: dict[str, Any], customer: dict[str, Any], text: str) -> None:
    known = len(answers(system, account, customer))
    write(system, account, customer, text)
    wait_for(lambda: len(answers(system, account, customer)) > known, "the answer")


def _page_of(told: dict[str, Any]) -> requests.Response:
    """Open the page that the app has named to Meta."""
    assert told["status"] == 200, told
    named = json.loads(told["body"])
    assert named["url"].endswith(named["confirmation_code"])
    return requests.get(named["url"], timeout=30)


@pytest.mark.usefixtures("callbacks")
def test_j6_a_customer_who_asks_meta_is_forgotten_and_a_replay_brings_nothing_back(
    system, connected, account, customer, mongo_of
):
    secret = uuid4().hex  # others write in this database too
    _answered(system, account, customer, f"my deepest secret is {secret}")
    body = dm(account, customer, "what was said before the deletion")
    page = _page_of(system.simulator("POST", "data-deletion", userId=customer["userId"]))
    assert (page.status_code, "is being deleted" in page.text) == (200, True)
    assert connected.messages() == []
    assert system.post_signed(f"{connected.path}/webhook", body).status_code == 200
    _answered(system, account, customer, "Hello, who are you?")
    assert texts(connected, "user") == ["Hello, who are you?"]
    database = mongo_of(system)
    stored = [list(database[name].find()) for name in database.list_collection_names()]
    assert secret not in json.dumps(stored, default=str)


@pytest.mark.usefixtures("callbacks")
@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_an_owner_who_removes_the_app_is_disconnected_and_the_messages_stay(system, agent, account, customer, login):
    own = {"accessToken": account["instagramAccessToken"], "pageId": None} if login == "instagram" else {}
    assert agent.connect(account | own).status_code == 200
    _answered(system, account, customer, "hello")
    told = system.simulator("POST", "deauthorize", accountId=account["instagramAccountId"], login=login)
    assert told["status"] == 200, told
    status = agent.call("GET", "status").json()["data"]
    assert (status["isConnected"], status["status"]) == (False, "disconnected")
    assert texts(agent, "user") == ["hello"]


@pytest.mark.usefixtures("callbacks")
def test_an_owner_who_asks_meta_is_forgotten_with_all_that_was_written_to_them(
    system, connected, account, customer, mongo_of
):
    _answered(system, account, customer, "hello")
    assert _page_of(system.simulator("POST", "data-deletion", accountId=account["instagramAccountId"])).ok
    assert connected.call("GET", "status").json()["data"]["isConnected"] is False
    assert connected.messages() == []
    stands = mongo_of(system)["instagram_connections"].find_one({"subaccountId": connected.subaccount_id})
    assert account["instagramAccountId"] not in json.dumps(stands, default=str)
    assert connected.connect(account).status_code == 200
    _answered(system, account, customer, "Are you back?")
    assert texts(connected, "user") == ["Are you back?"]


def test_disconnecting_with_purge_leaves_nothing_of_the_agents_conversations(system, connected, account, customer):
    _answered(system, account, customer, "hello")
    told = connected.call("POST", "disconnect", {"purge": True}).json()["data"]
    assert (told["isConnected"], told["status"]) == (False, "pending")
    assert requests.get(told["statusUrl"], timeout=30).ok
    assert connected.messages() == []
