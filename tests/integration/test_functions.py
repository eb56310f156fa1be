"""The Lambda handlers, one after the other, on a real mongod, moto, and servers that play Meta and Retell."""

import json
import time
from datetime import timedelta

import pytest

from connector import settings
from connector.accounts import Login
from connector.errors import Unavailable
from connector.instagram.subscriptions import fields_of
from connector.storage.documents import now
from tests.integration.deployment import CONNECT, CONTEXT, ROUTES, signed_token, written
from tests.unit.payloads import (
    USER,
    body,
    connection_path,
    http_event,
)
from tests.unit.peer import answer

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_a_customer_is_answered_from_the_webhook_to_the_send_api_and_the_messages_show_it(deployment):
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert (status, told["success"]) == (200, True), told
    assert deployment.meta.requests[-2].query == {"subscribed_fields": ",".join(fields_of(Login.FACEBOOK))}

    assert deployment.post(written("a")) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    assert deployment.deliver("reply", *deployment.turns()) == []
    assert deployment.sent == ["We open at nine."]
    assert deployment.actions == ["mark_seen", "typing_on"]

    status, told = deployment.call("POST", "send", payload={"to": USER, "message": "And until six."})
    assert (status, told["data"]["status"], told["data"]["mid"]) == (200, "sent", "out-2"), told

    status, told = deployment.call("GET", "messages", query={"limit": "2"})
    assert [(one["role"], one["text"], one["status"]) for one in told["data"]["messages"]] == [
        ("human", "And until six.", "sent"),
        ("agent", "We open at nine.", "sent"),
    ]
    status, told = deployment.call("GET", "messages", query={"cursor": told["data"]["nextCursor"], "userId": USER})
    assert [(one["role"], one["status"]) for one in told["data"]["messages"]] == [("user", "answered")]
    assert told["data"]["nextCursor"] is None

    status, told = deployment.call("GET", "status")
    assert (told["data"]["isConnected"], told["data"]["webhookPath"]) == (True, connection_path("sub_1", "agent_1"))
    assert deployment.call("POST", "disconnect")[1] == {"success": True, "data": {"isConnected": False}}
    assert deployment.call("GET", "status")[1]["data"]["isConnected"] is False
    status, told = deployment.call("POST", "send", payload={"to": USER, "message": "Are you there?"})
    assert (status, told["error"]["code"]) == (409, "not_connected")


@pytest.mark.parametrize(("method", "verb"), ROUTES)
def test_h1_h2_h5_every_route_lets_in_only_who_may_call_for_its_tenant(deployment, method, verb):
    """And a stranger is told nothing of what a request must be."""
    nonsense = {"nonsense": 1} if method == "POST" else None
    expired = int(time.time()) - 3600
    for token in ("", "x", signed_token(exp=expired), signed_token(subaccountId=5)):
        status, told = deployment.call(method, verb, token=token, payload=nonsense)
        assert (status, told["error"]["code"]) == (401, "unauthorized")
        assert deployment.headers["WWW-Authenticate"] == "Bearer"
    for token in (signed_token(subaccountId="sub_2"), signed_token(agentIds=["agent_2"])):
        status, told = deployment.call(method, verb, token=token, payload=nonsense)
        assert (status, told["error"]["code"]) == (404, "not_found")


@pytest.fixture
def failing_database(mongodb):
    """A mongod that refuses what the functions ask of it, and nobody else."""
    commands = ["find", "update", "findAndModify", "aggregate", "createIndexes"]
    data = {"failCommands": commands, "errorCode": 8000, "appName": "instagram-connector"}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    yield
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.usefixtures("failing_database")
@pytest.mark.parametrize(("method", "verb"), ROUTES)
def test_f3_h18_every_route_tells_a_database_that_fails_in_the_one_shape(deployment, method, verb):
    bodies = {"connect": CONNECT, "send": {"to": USER, "message": "hi"}, "menu": {"iceBreakers": None}}
    bodies["forget"] = {"userId": USER}
    payload = bodies.get(verb, {}) if method == "POST" else None
    status, told = deployment.call(method, verb, payload=payload)
    assert (status, told["success"], told["error"]["code"]) == (503, False, "unavailable")
    assert deployment.headers["Retry-After"] == "5"


@pytest.mark.usefixtures("failing_database")
def test_f3_a_sweep_that_finds_no_database_fails_as_an_invocation_and_the_next_is_a_minute_away(deployment):
    with pytest.raises(Unavailable):
        deployment.sweep()


@pytest.mark.parametrize("tenant", [("..", "a"), ("sub_1", "a b"), ("sub_1", "$ne"), ("sub_1", "x" * 65), ("ſub", "a")])
def test_h7_a_path_with_an_id_that_cannot_be_one_is_refused(deployment, tenant):
    status, told = deployment.call("GET", "status", tenant=tenant)
    assert (status, told["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "101"},
        {"limit": "1e9"},
        {"limit": "0x10"},
        {"limit": "١٢"},
        {"cursor": "x"},
        {"userId": "acme"},
        {"userId": '{"$gt":""}'},
    ],
    ids=str,
)
def test_h8_h9_a_query_that_cannot_be_one_is_refused(deployment, query):
    status, told = deployment.call("GET", "messages", query=query)
    assert (status, told["error"]["code"]) == (400, "invalid_request"), told


def test_h10_j2_a_body_that_is_none_is_refused_by_the_names_of_its_fields_and_not_by_their_values(deployment):
    status, told = deployment.call("POST", "connect", payload=CONNECT | {"accessToken": "EAA hush", "pageId": "x"})
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert {one["field"] for one in told["error"]["details"]} == {"accessToken", "pageId"}
    assert "hush" not in json.dumps(told)


def test_a1_a3_a9_the_webhook_answers_meta_by_its_statuses(deployment):
    assert deployment.post(body("text")) == 200
    assert deployment.post(b"null") == 200
    assert deployment.post(body("text"), **{"x-hub-signature-256": "sha256=" + "é" * 64}) == 401
    deployment.call("POST", "connect", payload=CONNECT)
    query = {"hub.mode": "subscribe", "hub.verify_token": "meatyhamhock", "hub.challenge": "1158201444"}
    event = http_event("GET", connection_path("sub_1", "agent_1"), query=query)
    told = deployment.function("webhook")(event, CONTEXT)
    assert (told["statusCode"], told["body"]) == (200, "1158201444")


def test_b6_b7_b12_one_bad_record_of_a_batch_is_reported_and_the_others_are_done(deployment):
    deployment.call("POST", "connect", payload=CONNECT)
    deployment.post(written("a", "b"))
    first, second = deployment.inbox()
    assert deployment.deliver("ingest", first, "not ours", second) == [1]
    assert deployment.deliver("ingest", "not ours", "{}") == [0, 1]
    _, told = deployment.call("GET", "messages")
    assert len(told["data"]["messages"]) == 2


def test_d3_a_turn_that_is_put_off_is_scheduled_for_when_the_other_side_said_and_its_message_is_done(
    deployment, database
):
    (turn,) = deployment.take_in("a")
    scheduled = []
    deployment.aws.sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: scheduled.extend(params["Entries"])
    )
    deployment.retell.behave = answer({"status": "error"}, 429, {"Retry-After": "7"})
    assert deployment.deliver("reply", turn) == [], "a turn message of its own comes for the next try"
    assert [one["DelaySeconds"] for one in scheduled] == [7]
    deployment.retell.behave = deployment._retell
    assert deployment.deliver("reply", turn) == []
    assert deployment.sent == [], "it is not time yet"
    database["chats"].update_one({}, {"$set": {"turn.leaseUntil": now()}})
    assert deployment.deliver("reply", scheduled[0]["MessageBody"]) == []
    assert deployment.sent == ["We open at nine."]


def test_b14_a_record_that_meets_a_failing_store_comes_again_soon(deployment, mongodb):
    (turn,) = deployment.take_in("a")
    seen = []
    deployment.aws.sqs.meta.events.register(
        "provide-client-params.sqs.ChangeMessageVisibility", lambda params, **_: seen.append(params)
    )
    data = {"failCommands": ["findAndModify"], "errorCode": 8000, "appName": "instagram-connector"}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    assert deployment.deliver("reply", turn) == [0]
    assert [(one["ReceiptHandle"], one["VisibilityTimeout"]) for one in seen] == [("handle-0", 5)]
    assert deployment.deliver("reply", turn) == []
    assert deployment.sent == ["We open at nine."]


def test_a_turn_whose_message_was_lost_is_swept_up_and_answered(deployment, database):
    """C2: whatever became of the message, the chat itself says that somebody should have come."""
    deployment.take_in("a")
    deployment.sweep()
    assert deployment.turns() == [], "its message may still come"
    database["chats"].update_one({}, {"$set": {"wakeAt": now() - timedelta(seconds=1)}})
    deployment.sweep()
    deployment.sweep()
    (turn,) = deployment.turns()
    assert deployment.deliver("reply", turn) == []
    assert deployment.sent == ["We open at nine."]
    assert database["chats"].find_one()["wakeAt"] is None


def test_f10_the_sweep_makes_the_index_that_it_goes_by_where_no_connect_has_made_it(deployment, database):
    database["chats"].drop_indexes()
    deployment.sweep()
    assert "connector_wakes" in database["chats"].index_information()


def test_d2_the_agent_is_asked_about_a_customer_by_name_and_the_fallback_is_said_where_it_cannot_be(
    deployment, monkeypatch, database
):
    monkeypatch.setenv("FALLBACK_TEXT", "Somebody will write to you.")
    (turn,) = deployment.take_in("a")
    deployment.retell.behave = answer({"message": "no such agent"}, 404)
    assert deployment.deliver("reply", turn) == []
    opening = deployment.retell.requests[-1].json
    assert opening["retell_llm_dynamic_variables"] == {
        "channel": "instagram",
        "instagram_username": "ada",
        "instagram_name": "Ada",
    }
    assert deployment.sent == ["Somebody will write to you."]
    _, told = deployment.call("GET", "messages")
    assert [(one["role"], one["status"], (one["error"] or {}).get("code")) for one in told["data"]["messages"]] == [
        ("agent", "sent", None),
        ("user", "unanswered", "agent_not_found"),
    ]


def test_a_setting_that_is_missing_or_no_number_is_misconfigured(deployment, monkeypatch):
    for value in ("", "-1", "901", "5.5", "٥", "five"):
        monkeypatch.setenv("QUIET_SECONDS", value)
        with pytest.raises(Exception, match="QUIET_SECONDS"):
            settings.quiet_seconds()
