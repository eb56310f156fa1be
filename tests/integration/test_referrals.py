"""A referral of a customer who has no chat yet: kept, and given to the chat that the next message opens."""

from datetime import timedelta

import pytest

from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from tests.integration.deployment import CONNECT
from tests.integration.world import World
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER, compact, messaging

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

LINK = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"}
AD = {"ref": "AD_REF", "ad_id": "120200000000000", "source": "ADS", "type": "OPEN_THREAD"}


@pytest.fixture
def connected(deployment):
    status, answer = deployment.call("POST", "connect", payload=CONNECT)
    assert status == 200, answer
    return deployment


def about(ago, *, user_id=USER, **what):
    at = now() - timedelta(seconds=ago)
    ends = {"sender": {"id": user_id}, "recipient": {"id": ACCOUNT}}
    return ends | {"timestamp": int(at.timestamp() * 1000)} | what


def referred(referral, ago=5, **more):
    return about(ago, referral=referral, **more)


def written(ago=0, mid="m", **more):
    return about(ago, message={"mid": mid, "text": "When do you open?"} | more)


def hear(deployment, *items):
    """Deliver each item separately through webhook and ingest."""
    for item in items:
        assert deployment.post(compact(messaging(item))) == 200
        assert deployment.deliver("ingest", *deployment.inbox()) == []


def variables(deployment):
    """Have the turns taken, and return the variables with which the agent's session was opened."""
    deployment.deliver("reply", *deployment.turns())
    opened = [request.json for request in deployment.retell.requests if request.path == "/create-chat"]
    return opened[-1]["retell_llm_dynamic_variables"]


def referral_of(deployment):
    return deployment.call("GET", "conversations")[1]["data"]["conversations"][0]["referral"]


@pytest.mark.parametrize("referral", [LINK, AD], ids=["link", "ad"])
@pytest.mark.parametrize("is_first", [True, False], ids=["before the message", "after it"])
def test_a_referral_reaches_the_chat_and_the_agent(connected, database, referral, is_first):
    items = [referred(referral), written()]
    hear(connected, *(items if is_first else reversed(items)))
    told = variables(connected)
    assert (told["referral_ref"], told.get("referral_ad_id")) == (referral["ref"], referral.get("ad_id"))
    assert referral_of(connected)["ref"] == referral["ref"]
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_a_tap_takes_the_referral_too(connected):
    tap = about(0, postback={"mid": "p", "title": "Hours?", "payload": "HOURS"})
    hear(connected, referred(LINK), tap)
    assert variables(connected)["referral_ref"] == "spring"


def test_a_referral_told_twice_is_one(connected, database):
    told = referred(LINK)
    hear(connected, told, told)
    assert database[KEPT_EVENTS].count_documents({}) == 1
    hear(connected, written(), told)
    assert referral_of(connected)["ref"] == "spring"
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_the_latest_of_several_referrals_wins(connected, database):
    hear(connected, referred(AD, ago=5), referred(LINK, ago=9), written())
    assert referral_of(connected)["ref"] == "AD_REF"
    assert database[KEPT_EVENTS].count_documents({}) == 0


@pytest.mark.parametrize(("message_ago", "winner"), [(0, "spring"), (9, "AD_REF")], ids=["later", "earlier"])
def test_a_referral_with_the_message_wins_if_it_is_later(connected, message_ago, winner):
    hear(connected, referred(AD, ago=5), written(ago=message_ago, referral=LINK))
    assert referral_of(connected)["ref"] == winner


@pytest.mark.parametrize(("hours", "ref"), [(23, "spring"), (25, None)])
def test_a_referral_counts_for_24_hours(connected, hours, ref):
    hear(connected, referred(LINK, ago=hours * 3600), written())
    assert variables(connected).get("referral_ref") == ref


def test_a_referral_stays_with_its_customer(connected):
    hear(connected, referred(LINK, user_id=OTHER_USER), written())
    assert "referral_ref" not in variables(connected)


def test_a_referral_is_kept_no_longer_than_other_events(connected, database):
    hear(connected, referred(LINK))
    (kept,) = database[KEPT_EVENTS].find()
    assert kept["expireAt"] - kept["at"] == timedelta(days=180)


def test_a_deletion_deletes_the_referral_of_a_customer_without_a_chat(connected, database):
    hear(connected, referred(LINK))
    assert connected.call("POST", "forget", payload={"userId": USER})[0] == 200
    assert database[KEPT_EVENTS].count_documents({}) == 0
    hear(connected, referred(LINK))
    hear(connected, about(-1, message={"mid": "m", "text": "When do you open?"}))
    assert "referral_ref" not in variables(connected)


@pytest.mark.parametrize("round_", range(10))
def test_a_referral_and_a_message_at_one_moment_meet(database, race, round_):
    world = World.of(database)
    items = [referred(LINK), written()]
    race(2, lambda number: world.take(items[(number + round_) % 2]))
    assert world.chat.referral["ref"] == "spring"
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_the_referral_is_there_before_the_turn_is_scheduled(database):
    world = World.of(database)
    world.take(referred(LINK))
    world.take(written())
    world.answer_all()
    assert world.agent.variables[0]["referral_ref"] == "spring"
