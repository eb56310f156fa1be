"""Deletion of chats at Retell, through the deployed handlers and the simulators of Meta and Retell."""

from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
import requests
from bson import ObjectId

from connector.agents.retell import Retell
from connector.storage.retell_deletions import COLLECTION, MOST_ATTEMPTS
from local.environments import InvocationFailed
from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BETWEEN_RUNS = timedelta(minutes=5)


def _chats(stack):
    """Return the chats that exist at Retell, each with the customer it is about."""
    return {one["chatId"]: one["metadata"]["userId"] for one in stack.agent("GET", "state")["chats"]}


def _erase(stack, *, after=BETWEEN_RUNS):
    """Have the schedule invoke erase."""
    stack.clock.shift(after)
    (function,) = [one for one in stack.template.functions if one.name == "erase"]
    stack.invoke(function, {})


def _forget(stack, user_id=USER):
    answer = stack.call("POST", "forget", {"userId": user_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def _page(deletion):
    return requests.get(deletion["statusUrl"].replace("https://", "http://"), timeout=30).text


def _new_user(stack):
    return str(stack.simulate("POST", "users")["userId"])


def _converse(stack, *users):
    for user in users:
        stack.write("My deepest secret is blue.", user=user)
        stack.settle()


@pytest.fixture
def said(stack):
    """A stack in which two customers have talked to the agent."""
    other = _new_user(stack)
    _converse(stack, USER, other)
    assert sorted(_chats(stack).values()) == sorted([USER, other])
    return stack


def test_forget_deletes_the_customers_chats_at_retell_and_no_others(said):
    told = _forget(said)
    assert (told["status"], told["retell"]) == ("pending", {"status": "pending", "chatsLeft": 1, "error": None})
    assert len(_chats(said)) == 2, "a worker may still be asking"
    _erase(said)
    assert USER not in _chats(said).values()
    assert len(_chats(said)) == 1
    assert "The copies at Retell AI" in _page(told)
    _erase(said)
    assert "The data is deleted" in _page(told)
    assert said.database[COLLECTION].count_documents({}) == 0


def test_every_session_of_a_customer_is_deleted(stack):
    """Ended by the agent, ended by silence, given up before it was asked, and the ongoing one."""
    for text in ("bye", "Hello again"):
        _converse(stack, USER)
        stack.write(text)
        stack.settle()
    stack.agent("PUT", "faults", end_chats=True)
    stack.write("Are you there?")
    stack.settle()
    stack.database["chats"].update_many({"status": "ongoing"}, {"$set": {"messages": []}})
    stack.agent("PUT", "faults", end_chats=True)
    stack.write("And now?")
    stack.settle()
    assert len(_chats(stack)) == 4
    _forget(stack)
    _erase(stack)
    assert _chats(stack) == {}


def test_metas_data_deletion_deletes_at_retell_too(said):
    start = f"{said.site.url}/api/instagram"
    said.simulate("POST", "callbacks", deauthorizeUrl=f"{start}/deauthorize", dataDeletionUrl=f"{start}/delete-data")
    assert said.simulate("POST", "data-deletion", userId=USER)["status"] == 200
    _erase(said)
    assert len(_chats(said)) == 1
    assert said.simulate("POST", "data-deletion", accountId=ACCOUNT)["status"] == 200
    _erase(said)
    assert _chats(said) == {}


def test_disconnect_with_purge_deletes_all_chats_at_retell(said):
    assert said.call("POST", "disconnect", {"purge": True}).json()["data"]["retell"]["chatsLeft"] == 2
    _erase(said)
    assert _chats(said) == {}


def test_the_own_deletion_does_not_wait_for_retell(said):
    said.agent("PUT", "faults", fail_deletions={"status": 500, "times": 1000})
    told = _forget(said)
    _erase(said)
    assert said.database["chats"].count_documents({"metadata.userId": USER}) == 0
    assert said.database["instagram_deletions"].find_one()["erasedAt"] is not None
    assert USER not in str(said.database["instagram_deletions"].find_one())
    assert "Here it was deleted on" in _page(told)


def test_a_deletion_that_fails_at_retell_is_tried_again(said):
    first, second = _chats(said).values()
    for user, fault in (
        (first, {"lose_deletion_answer": 1}),
        (second, {"fail_deletions": {"status": 503, "times": 2}}),
    ):
        said.agent("PUT", "faults", **fault)
        told = _forget(said, user)
        for _ in range(6):
            _erase(said)
        assert user not in _chats(said).values()
        assert "The data is deleted" in _page(told)


def test_a_refused_key_is_told_with_a_remedy_and_forget_retries(said):
    for user, status in zip(list(_chats(said).values()), (401, 403), strict=True):
        said.agent("PUT", "faults", fail_deletions={"status": status, "times": 1000})
        told = _forget(said, user)
        _erase(said)
        shown = _forget(said, user)
        assert shown["confirmationCode"] == told["confirmationCode"]
        assert shown["retell"]["error"]["code"] == "agent_key_refused"
        assert "call forget again" in shown["retell"]["error"]["remedy"]
        said.agent("DELETE", "faults")
        _erase(said)
        _erase(said)
        assert user not in _chats(said).values()
        assert "The data is deleted" in _page(told)


def test_attempts_end_after_a_week_and_forget_begins_anew(said):
    said.agent("PUT", "faults", fail_deletions={"status": 401, "times": 1000})
    told = _forget(said)
    for _ in range(MOST_ATTEMPTS + 3):
        _erase(said, after=timedelta(days=1))
    left = said.agent("GET", "state")["faults"]["fail_deletions"]["times"]
    assert left == 1000 - MOST_ATTEMPTS
    page = _page(told)
    assert "could not be deleted" in page
    assert told["confirmationCode"] in page
    said.agent("DELETE", "faults")
    again = _forget(said)
    assert again["confirmationCode"] == told["confirmationCode"]
    _erase(said)
    _erase(said)
    assert len(_chats(said)) == 1
    assert "The data is deleted" in _page(told)


def test_a_refused_key_costs_one_call_per_subaccount_and_run(said):
    said.agent("PUT", "faults", fail_deletions={"status": 401, "times": 1000})
    said.call("POST", "disconnect", {"purge": True})
    _erase(said)
    assert said.agent("GET", "state")["faults"]["fail_deletions"]["times"] == 999


def test_a_temporary_error_counts_as_an_attempt_for_one_chat_only(said):
    said.agent("PUT", "faults", fail_deletions={"status": 429, "times": 1000})
    said.call("POST", "disconnect", {"purge": True})
    _erase(said)
    assert said.agent("GET", "state")["faults"]["fail_deletions"]["times"] == 999
    assert sorted(one["attempts"] for one in said.database[COLLECTION].find()) == [0, 1]
    said.agent("DELETE", "faults")
    _erase(said)
    assert _chats(said) == {}


def test_a_deletion_that_waits_for_retell_is_told_for_a_year_and_no_longer(said):
    said.agent("PUT", "faults", fail_deletions={"status": 401, "times": 1000})
    _forget(said)
    _erase(said)
    _erase(said, after=timedelta(days=30))
    deletion = said.database["instagram_deletions"].find_one()
    assert deletion["expireAt"] - deletion["erasedAt"] == timedelta(days=365)
    assert said.database[COLLECTION].find_one()["expireAt"] > deletion["expireAt"]


def test_a_chat_under_the_deployments_key_is_found_after_the_subaccount_got_its_own(said):
    """The simulator takes any key, so the own key's workspace is one that knows no chat."""
    said.aws.put_secret("subaccounts/sub_1/retell-api-key", "key_own")
    said.forget_environments()
    said.agent("PUT", "faults", fail_deletions={"status": 422, "times": 1})
    _forget(said)
    _erase(said)
    assert len(_chats(said)) == 1


def test_a_chat_that_does_not_exist_at_retell_counts_as_deleted(said):
    said.agent("PUT", "faults", forget_chats=True)
    told = _forget(said)
    _erase(said)
    _erase(said)
    assert "The data is deleted" in _page(told)


def test_an_invalid_chat_id_delays_nothing(said):
    odd = ["..", "../get-chat", "a/b", "?x", "\u0661", "x" * 5000, 5, 0.5, None, ["a"], {}, {"$gt": ""}, "", "a b"]
    (chat,) = said.database["chats"].find({"metadata.userId": USER})
    del chat["_id"]
    said.database["chats"].delete_many({"metadata.userId": USER})
    said.database["chats"].insert_many(
        chat | {"chatId": one, "status": "ended", "messages": [], "turn": None, "wakeAt": None} for one in odd
    )
    told = _forget(said)
    assert said.database["chats"].count_documents({"metadata.userId": USER}) == 0
    _erase(said)
    _erase(said)
    assert len(_chats(said)) == 2
    assert "The data is deleted" in _page(told)


def test_no_missing_key_holds_the_own_deletion_up(said):
    said.aws.ssm.delete_parameter(Name="/test-stack/retell-api-key")
    said.forget_environments()
    told = _forget(said)
    _erase(said)
    assert said.database["chats"].count_documents({"metadata.userId": USER}) == 0
    assert _forget(said)["retell"]["error"]["code"] == "agent_key_missing"
    said.aws.put_secret("retell-api-key", "key_test")
    said.forget_environments()
    _erase(said)
    _erase(said)
    assert "The data is deleted" in _page(told)


def _users_with_a_chat(stack):
    """Yield customers who each have an ended chat, here and at Retell. Only the first one has written it."""
    _converse(stack, USER)
    chat = stack.database["chats"].find_one({"metadata.userId": USER})
    retell = Retell(stack.retell.url, "key_test", "agent_1")
    yield USER
    for user in map(str, count(3_000_000_000_000_000)):
        theirs = {"_id": ObjectId(), "chatId": retell.open({}, {"userId": user}), "status": "ended", "messages": []}
        stack.database["chats"].insert_one(chat | theirs | {"metadata": chat["metadata"] | {"userId": user}})
        yield user


def test_a_forget_that_is_killed_before_any_call_is_completed(stack):
    """Each time it is killed in the deletion of another customer, who then requests it again."""
    users = []
    for step, user in enumerate(_users_with_a_chat(stack)):
        users.append(user)
        stack.calls.kill("forget", step, after=False)
        stack.call("POST", "forget", {"userId": user})
        if not stack.calls.has_killed:
            break
        _forget(stack, user)
    _erase(stack)
    assert not set(users) & set(_chats(stack).values())
    assert len(users) > 10


def test_an_erase_that_is_killed_before_any_call_is_completed_by_the_next(stack):
    for step, user in enumerate(_users_with_a_chat(stack)):
        _forget(stack, user)
        stack.calls.kill("erase", step, after=False)
        with suppress(InvocationFailed):
            _erase(stack)
        if not stack.calls.has_killed:
            break
        _erase(stack)
        assert user not in _chats(stack).values(), step
    assert step > 10
