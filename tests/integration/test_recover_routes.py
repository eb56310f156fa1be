"""recover and compare as AWS calls them, with the simulated Meta: from a lost webhook to the answer."""

import json
from datetime import timedelta

import pytest

from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from local.simulators.meta.app import create_app
from local.simulators.server import serve
from tests.integration.deployment import CONNECT, CONTEXT, heard
from tests.integration.owners import Meta
from tests.integration.recovering import TOKEN
from tests.unit.payloads import ACCOUNT, USER

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

SCHEDULE = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"}


@pytest.fixture
def meta(monkeypatch):
    running = serve(create_app(app_secret="test_app_secret"))
    yield Meta(running.url)
    running.stop()


@pytest.fixture
def connected(deployment, meta, monkeypatch, database):
    """An account that was connected an hour ago, and whose webhooks do not come."""
    monkeypatch.setenv("FACEBOOK_GRAPH_URL", meta.url)
    status, told = deployment.call("POST", "connect", payload=CONNECT | {"accessToken": TOKEN})
    assert status == 200, told
    database[COLLECTION].update_one({}, {"$set": {"connectedAt": now() - timedelta(hours=1)}})
    return deployment


def write(meta, text="When do you open?", minutes=5):
    told = {"accountId": ACCOUNT, "text": text, "silent": True, "secondsAgo": 60 * minutes}
    return meta.control("POST", f"users/{USER}/messages", **told)["mid"]


def counted(capsys):
    """Return the metrics that were counted."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return {
        metric["Name"]: line[metric["Name"]]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


def answered(deployment):
    for function, waiting in (("ingest", deployment.inbox), ("reply", deployment.turns)):
        bodies = waiting()
        assert not bodies or deployment.deliver(function, *bodies) == []
    _, told = deployment.call("GET", "messages")
    return [(one["role"], one["status"], one["recovered"]) for one in told["data"]["messages"]]


@pytest.mark.parametrize("payload", [None, {}, {"userId": USER}], ids=["no body", "all", "one user"])
def test_what_was_lost_is_found_on_demand_and_answered(connected, meta, capsys, payload):
    write(meta)
    capsys.readouterr()
    status, told = connected.call("POST", "recover", payload=payload)
    assert (status, told) == (200, {"success": True, "data": {"checked": 1, "recovered": 1, "complete": True}})
    assert counted(capsys) == {"ConversationsCompared": [1.0], "MessagesRecovered": [1.0]}
    assert answered(connected) == [("agent", "sent", False), ("user", "answered", True)]
    assert connected.call("POST", "recover", payload=payload)[1]["data"]["recovered"] == 0


def test_what_was_lost_is_found_by_the_schedule_which_comes_again_soon_and_then_rests(
    connected, meta, capsys, database
):
    write(meta)
    capsys.readouterr()
    compare = connected.function("compare")
    compare(SCHEDULE, CONTEXT)
    assert counted(capsys) == {"ConversationsCompared": [1.0], "MessagesRecovered": [1.0]}
    assert answered(connected) == [("agent", "sent", False), ("user", "answered", True)]

    calls = len(meta.calls())
    compare(SCHEDULE, CONTEXT)
    assert len(meta.calls()) == calls, "its time has not come"
    for minutes in (5, 30):
        rest = database[COLLECTION].find_one()["rounds"]["recovery"] - now()
        assert timedelta(minutes=minutes - 1) < rest <= timedelta(minutes=minutes)
        database[COLLECTION].update_one({}, {"$set": {"rounds.recovery": now()}})
        compare(SCHEDULE, CONTEXT)
    assert connected.inbox() == []


def test_i8_after_meta_had_unsubscribed_the_account_what_it_did_not_tell_of_is_looked_for_at_once(connected, meta):
    compare = connected.function("compare")
    compare(SCHEDULE, CONTEXT)
    meta.control("PUT", f"accounts/{ACCOUNT}", subscribed=False)
    write(meta)
    compare(SCHEDULE, CONTEXT)
    assert connected.inbox() == [], "its half hour is not over"
    connected.function("refresh")(SCHEDULE, CONTEXT)
    compare(SCHEDULE, CONTEXT)
    assert answered(connected) == [("agent", "sent", False), ("user", "answered", True)]


def test_a_connection_that_fails_does_not_keep_the_others_from_being_compared(connected, meta, database):
    other = meta.control("POST", "accounts")
    dead = {name: other[name] for name in ("accessToken", "instagramAccountId", "pageId")}
    for number in range(3):
        payload = CONNECT | (dead if number == 0 else {"accessToken": TOKEN})
        assert connected.call("POST", "connect", payload=payload, tenant=("sub_1", f"agent_{2 if not number else 1}"))
    meta.control("PUT", f"tokens/{other['accessToken']}", revoked={"code": 190, "subcode": 460})
    database[COLLECTION].update_many({}, {"$set": {"connectedAt": now() - timedelta(hours=1)}})
    write(meta)
    connected.function("compare")(SCHEDULE, CONTEXT)
    assert len(connected.inbox()) == 1
    stands = {one["_id"]: one["status"] for one in database[COLLECTION].find()}
    assert stands == {"sub_1/agent_1": "connected", "sub_1/agent_2": "needs_reconnection"}


def test_what_meta_says_about_it_is_told_to_who_asked(connected, meta):
    meta.control("PUT", "faults", rate_limit={"code": 80002, "times": 1, "regainMinutes": 2})
    status, told = connected.call("POST", "recover", payload={})
    assert (status, told["error"]["code"]) == (429, "rate_limited")
    assert connected.headers["Retry-After"] == "120"
    meta.control("PUT", f"accounts/{ACCOUNT}", allowsMessages=False)
    status, told = connected.call("POST", "recover", payload={})
    assert (status, told["error"]["code"]) == (502, "messages_not_allowed")
    meta.control("PUT", f"tokens/{TOKEN}", revoked={"code": 190, "subcode": 460})
    for _ in range(2):
        status, told = connected.call("POST", "recover", payload={})
        assert (status, told["error"]["code"]) == (409, "reconnect_needed")


def test_i4_after_a_disconnect_nothing_is_read_and_nothing_comes_in(connected, meta):
    write(meta)
    connected.call("POST", "recover", payload={})
    connected.call("POST", "disconnect")
    assert answered(connected) == []
    calls = len(meta.calls())
    status, told = connected.call("POST", "recover", payload={})
    assert (status, told["error"]["code"]) == (409, "not_connected")
    connected.function("compare")(SCHEDULE, CONTEXT)
    assert len(meta.calls()) == calls


@pytest.mark.parametrize(
    "payload",
    [{"userId": "ana"}, {"userId": 5}, {"user": USER}, {"user_id": USER}, [], [None, None], [{"userId": USER}], "all"],
)
def test_a_body_that_asks_for_something_else_is_refused(connected, payload):
    status, told = connected.call("POST", "recover", payload=payload)
    assert (status, told["error"]["code"]) == (400, "invalid_request")


def test_of_another_accounts_customer_nothing_is_told(connected, meta):
    other = meta.control("POST", "accounts")
    told = {"accountId": other["instagramAccountId"], "text": "hi", "silent": True, "secondsAgo": 300}
    meta.control("POST", f"users/{USER}/messages", **told)
    status, told = connected.call("POST", "recover", payload={"userId": USER})
    assert (status, told["data"]) == (200, {"checked": 0, "recovered": 0, "complete": True})


def test_how_old_a_recovered_message_may_be_to_be_answered_is_set_by_the_deployment(connected, meta, monkeypatch):
    monkeypatch.setenv("RECOVER_ANSWER_MINUTES", "4")
    write(meta)
    connected.call("POST", "recover", payload={})
    assert answered(connected) == [("user", "unanswered", True)]
    _, told = connected.call("GET", "messages")
    (one,) = told["data"]["messages"]
    assert one["error"]["code"] == "recovered_late"
    _, told = connected.call("GET", "conversations")
    assert told["data"]["conversations"][0]["unansweredCount"] == 1


def test_a_reconnect_recovers_what_an_unattended_connection_did_not_store(connected, meta, database):
    connected.call("POST", "recover")  # records how far the threads were compared
    unattended = {"status": "needs_reconnection", "needsOwnerSince": now() - timedelta(days=8)}
    database[COLLECTION].update_one({}, {"$set": unattended})
    mid = write(meta)
    assert connected.tell(heard(mid, "When do you open?")) == []
    assert connected.call("GET", "messages")[1]["data"]["messages"] == []
    assert connected.call("POST", "connect", payload=CONNECT | {"accessToken": TOKEN})[0] == 200
    assert connected.call("POST", "recover")[1]["data"]["recovered"] == 1
    assert answered(connected) == [("agent", "sent", False), ("user", "answered", True)]
