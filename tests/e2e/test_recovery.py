"""A message that Instagram told nobody of, on the whole system: found, answered, and shown for what it is."""

from datetime import UTC, datetime, timedelta

from tests.e2e.conftest import wait_for
from tests.e2e.test_one_dm import answers


def test_a_lost_message_is_found_on_demand_answered_once_and_marked(system, connected, account, customer, mongo_of):
    connections = mongo_of(system)["instagram_connections"]
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    connections.update_one({"agentId": connected.agent_id}, {"$set": {"connectedAt": an_hour_ago}})
    told = {"accountId": account["instagramAccountId"], "silent": True}
    path = f"users/{customer['userId']}/messages"
    system.simulator("POST", path, text="What are your hours?", secondsAgo=300, **told)

    found = connected.call("POST", "recover", {"userId": customer["userId"]}).json()["data"]
    assert found == {"checked": 1, "recovered": 1, "complete": True}
    (answer,) = wait_for(lambda: answers(system, account, customer), "the agent's answer at Instagram")
    assert "7:00" in answer
    newest, oldest = wait_for(
        lambda: (page := connected.messages())[0]["status"] == "delivered" and page, "the echo of our own answer"
    )
    assert (oldest["status"], oldest["recovered"], newest["recovered"]) == ("answered", True, False)

    assert connected.call("POST", "recover").json()["data"]["recovered"] == 0
    assert len(answers(system, account, customer)) == 1


def test_a_hinted_message_is_answered_within_seconds(system, connected, account, customer):
    told = {"accountId": account["instagramAccountId"], "hintOnly": True}
    system.simulator("POST", f"users/{customer['userId']}/messages", text="What are your hours?", **told)
    (answer,) = wait_for(lambda: answers(system, account, customer), "the agent's answer at Instagram")
    assert "7:00" in answer
    (question,) = [one for one in connected.messages() if one["role"] == "user"]
    assert (question["text"], question["recovered"]) == ("What are your hours?", True)
