"""A message that Meta mentions only by an edit: fetched, stored and answered through the deployed functions."""

import json
from datetime import timedelta

import pytest

from connector.envelopes import FetchMessage, read_task, write
from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from local.simulators.meta.app import create_app
from local.simulators.server import serve
from tests.integration.deployment import CONNECT
from tests.integration.owners import Meta
from tests.integration.recovering import TOKEN
from tests.integration.test_recover_routes import counted
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, USER, compact, messaging

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

LOGINS = {
    "facebook": CONNECT | {"accessToken": TOKEN},
    "instagram": {name: CONNECT[name] for name in ("instagramAccountId", "webhookVerificationToken")}
    | {"accessToken": "IGAAsimulatedInstagramToken0001"},
}
CUSTOMER, BUSINESS = {"id": USER}, {"id": ACCOUNT}
PARTIES = {
    "none": {},
    "sender": {"sender": CUSTOMER},
    "recipient": {"recipient": BUSINESS},
    "both": {"sender": CUSTOMER, "recipient": BUSINESS},
}


@pytest.fixture
def meta(monkeypatch):
    running = serve(create_app(app_secret="test_app_secret"))
    monkeypatch.setenv("FACEBOOK_GRAPH_URL", running.url)
    monkeypatch.setenv("INSTAGRAM_GRAPH_URL", running.url)
    yield Meta(running.url)
    running.stop()


@pytest.fixture
def connected(deployment, meta):
    status, answer = deployment.call("POST", "connect", payload=LOGINS["facebook"])
    assert status == 200, answer
    return deployment


def write_silently(meta, text="When do you open?", *, account=ACCOUNT, ago=0, **more):
    body = {"accountId": account, "text": text, "silent": True, "secondsAgo": ago} | more
    message = meta.control("POST", f"users/{USER}/messages", **body)
    return message["mid"], message["timestamp"]


def hint(mid, at, *, text=None, num_edit=0, channel="messaging", **parties):
    edit = {"mid": mid, "num_edit": num_edit} | ({"text": text} if text is not None else {})
    payload = messaging({"timestamp": at, "message_edit": edit} | parties)
    (entry,) = payload["entry"]
    entry[channel] = entry.pop("messaging")
    return compact(payload)


def told(mid, at, text):
    return compact(messaging({"timestamp": at, "message": {"mid": mid, "text": text}} | PARTIES["both"]))


def hear(deployment, *posts):
    """Have ingest take these posts in, and return what it put on the turn queue."""
    for raw in posts:
        assert deployment.post(raw) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    return deployment.turns()


def work_off(deployment, *tasks):
    """Deliver what is on the queues until both are empty."""
    waiting = [*tasks, *deployment.turns()]
    while waiting:
        assert deployment.deliver("reply", *waiting) == []
        if bodies := deployment.inbox():
            assert deployment.deliver("ingest", *bodies) == []
        waiting = deployment.turns()


def stored(deployment):
    """Return the stored messages, oldest first."""
    _, answer = deployment.call("GET", "messages")
    return [(one["role"], one["text"], one["status"]) for one in reversed(answer["data"]["messages"])]


def fetches(meta, mid):
    return sum(method == "GET" and path.endswith(f"/{mid}") for method, path, _ in meta.calls())


ANSWERED = [("user", "When do you open?", "answered"), ("agent", "We open at nine.", "sent")]


@pytest.mark.parametrize("text", [None, "When do you open?"], ids=["no text", "text"])
@pytest.mark.parametrize("parties", PARTIES.values(), ids=PARTIES)
def test_a_hinted_message_is_fetched_and_answered_once(connected, meta, parties, text):
    mid, at = write_silently(meta)
    work_off(connected, *hear(connected, hint(mid, at, text=text, **parties)))
    assert stored(connected) == ANSWERED
    _, answer = connected.call("GET", "messages", query={"role": "user"})
    (message,) = answer["data"]["messages"]
    assert (message["mid"], message["userId"], message["recovered"]) == (mid, USER, True)
    assert message["editedAt"] is None


def test_a_hint_is_fetched_with_a_token_of_instagram_login(deployment, meta):
    status, answer = deployment.call("POST", "connect", payload=LOGINS["instagram"])
    assert status == 200, answer
    mid, at = write_silently(meta)
    work_off(deployment, *hear(deployment, hint(mid, at)))
    assert stored(deployment) == ANSWERED


def test_a_fetched_message_has_the_time_of_its_hint(connected, meta):
    mid, at = write_silently(meta)
    work_off(connected, *hear(connected, hint(mid, at)))
    _, answer = connected.call("GET", "messages", query={"role": "user"})
    assert answer["data"]["messages"][0]["createdAt"].endswith(f".{at % 1000:03d}Z")


def test_repeated_hints_are_one_fetch_and_one_message(connected, meta):
    mid, at = write_silently(meta)
    tasks = hear(connected, hint(mid, at), hint(mid, at), hint(mid, at + 40), hint(mid, at, **PARTIES["both"]))
    assert len(tasks) == 1
    work_off(connected, *tasks)
    work_off(connected, *tasks, *hear(connected, hint(mid, at + 50)))
    assert fetches(meta, mid) == 1
    assert stored(connected) == ANSWERED


@pytest.mark.parametrize("text", [None, "When do you open?"], ids=["no text", "text"])
def test_a_hint_about_a_stored_message_changes_nothing(connected, meta, database, text):
    mid, at = write_silently(meta)
    work_off(connected, *hear(connected, told(mid, at, "When do you open?")))
    messages = connected.call("GET", "messages")[1]
    assert [one["status"] for one in messages["data"]["messages"]] == ["sent", "answered"]
    for message in messages["data"]["messages"]:
        assert hear(connected, hint(message["mid"], at, text=text)) == []
    assert connected.call("GET", "messages")[1] == messages
    assert database[KEPT_EVENTS].count_documents({}) == 0


@pytest.mark.parametrize("parties", [PARTIES["none"], PARTIES["both"]], ids=["no parties", "parties"])
def test_an_edit_of_a_message_that_never_came_fetches_it(connected, meta, database, parties):
    mid, at = write_silently(meta, "When do you close?")
    item = {"message_edit": {"mid": mid, "text": "When do you open?", "num_edit": 1}}
    meta.control("POST", "events", accountId=ACCOUNT, userId=USER, item=item, silent=True)
    work_off(connected, *hear(connected, hint(mid, at + 900, text="When do you open?", num_edit=1, **parties)))
    assert stored(connected) == ANSWERED
    assert connected.call("GET", "messages", query={"role": "user"})[1]["data"]["messages"][0]["editedAt"]
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_an_edit_without_parties_changes_its_message(connected, meta):
    mid, at = write_silently(meta, "When do you close?")
    edit = hint(mid, at + 1, text="When do you open?", num_edit=1)
    work_off(connected, *hear(connected, told(mid, at, "When do you close?"), edit))
    assert stored(connected) == ANSWERED


def test_a_message_whose_webhook_follows_its_hint_is_not_fetched(connected, meta, capsys):
    mid, at = write_silently(meta)
    fetch = hear(connected, hint(mid, at))
    turn = hear(connected, told(mid, at, "When do you open?"))
    capsys.readouterr()
    assert connected.deliver("reply", *fetch) == []
    assert counted(capsys) == {"FetchNotNeeded": [1.0]}
    work_off(connected, *turn)
    assert fetches(meta, mid) == 0
    assert stored(connected) == ANSWERED


def test_a_webhook_that_follows_the_fetch_finds_its_message(connected, meta):
    mid, at = write_silently(meta)
    work_off(connected, *hear(connected, hint(mid, at)))
    late = told(mid, at, "When do you open?")
    assert hear(connected, late) == []
    assert stored(connected) == ANSWERED


@pytest.mark.parametrize(
    "fault",
    [{"fail_reads": {"code": 2, "status": 500, "times": 1}}, {"rate_limit": {"code": 4, "times": 1}}],
    ids=["outage", "rate limit"],
)
def test_a_fetch_that_fails_is_tried_again(connected, meta, capsys, fault):
    mid, at = write_silently(meta)
    fetch = hear(connected, hint(mid, at))
    meta.control("PUT", "faults", **fault)
    capsys.readouterr()
    assert connected.deliver("reply", *fetch) == [0]
    assert counted(capsys) == {"PutOff": [1.0]}
    work_off(connected, *fetch)
    assert stored(connected) == ANSWERED


def test_a_fetch_that_keeps_failing_is_given_up(connected, meta, capsys):
    mid, at = write_silently(meta, ago=601)
    fetch = hear(connected, hint(mid, at))
    meta.control("PUT", "faults", fail_reads={"code": 2, "status": 500, "times": 1})
    capsys.readouterr()
    assert connected.deliver("reply", *fetch) == []
    assert counted(capsys) == {"FetchGivenUp": [1.0]}


def test_a_dead_token_ends_the_fetch_and_shows_in_status(connected, meta, capsys):
    mid, at = write_silently(meta)
    fetch = hear(connected, hint(mid, at))
    meta.control("PUT", f"tokens/{TOKEN}", revoked={"code": 190, "subcode": 460})
    capsys.readouterr()
    assert connected.deliver("reply", *fetch) == []
    assert counted(capsys) == {"FetchRefused": [1.0]}
    assert connected.call("GET", "status")[1]["data"]["status"] == "needs_reconnection"


def test_a_message_that_meta_does_not_have_is_dropped(connected, meta, capsys):
    mid, at = write_silently(meta)
    item = {"message": {"mid": mid, "is_deleted": True}}
    meta.control("POST", "events", accountId=ACCOUNT, userId=USER, item=item, silent=True)
    at_once = hear(connected, hint(mid, at), hint("never-was", at))
    assert len(at_once) == 2
    capsys.readouterr()
    assert connected.deliver("reply", *at_once) == []
    assert counted(capsys) == {"FetchRefused": [1.0, 1.0]}
    assert stored(connected) == []
    assert connected.call("GET", "status")[1]["data"]["status"] == "connected"


@pytest.mark.parametrize("mid", ["..", "../../me", "a?fields=access_token", "a#b", "x" * 600, "a b"])
def test_a_mid_with_other_characters_than_metas_is_not_requested(connected, meta, mid):
    calls = len(meta.calls())
    work_off(connected, *hear(connected, hint(mid, int(now().timestamp() * 1000))))
    assert len(meta.calls()) == calls
    assert stored(connected) == []


def test_a_message_of_another_account_is_not_taken_in(connected, meta):
    mid, at = write_silently(meta, account=OTHER_ACCOUNT)
    work_off(connected, *hear(connected, hint(mid, at)))
    assert stored(connected) == []


@pytest.mark.parametrize("parties", [{}, {"sender": BUSINESS, "recipient": CUSTOMER}], ids=["none", "both"])
def test_a_hinted_message_of_a_person_silences_the_agent(connected, meta, parties):
    body = {"to": USER, "text": "This is Ana.", "silent": True}
    mid = meta.control("POST", f"accounts/{ACCOUNT}/messages", **body)["mid"]
    work_off(connected, *hear(connected, hint(mid, int(now().timestamp() * 1000), **parties)))
    assert stored(connected) == [("human", "This is Ana.", "delivered")]
    rows = connected.call("GET", "conversations")[1]["data"]["conversations"]
    assert rows[0]["paused"]["because"] == "paused"


@pytest.mark.parametrize(
    "content", [None, {"type": "image", "urls": ["https://a.example/a.png"]}], ids=["answer", "picture"]
)
def test_a_hinted_message_of_ours_settles_its_lost_send(connected, meta, content):
    mid, at = write_silently(meta)
    turn = hear(connected, told(mid, at, "When do you open?"))
    meta.control("PUT", "faults", lose_send_answer=1)
    if content is None:
        connected.deliver("reply", *turn)
    else:
        wish = {"to": USER, "message": content, "pauseAgent": False}
        assert connected.call("POST", "send", payload=wish)[0] == 504
    ours = meta.control("GET", f"threads/{ACCOUNT}/{USER}")["messages"][-1]["mid"]
    connected.deliver("reply", *hear(connected, hint(ours, int(now().timestamp() * 1000))))
    assert connected.deliver("ingest", *connected.inbox()) == []
    assert [one[::2] for one in stored(connected)[1:]] == [("agent" if content is None else "human", "delivered")]
    rows = connected.call("GET", "conversations")[1]["data"]["conversations"]
    assert rows[0]["paused"] is None


def test_a_hint_in_standby_is_stored_and_not_answered(connected, meta):
    mid, at = write_silently(meta)
    work_off(connected, *hear(connected, hint(mid, at, channel="standby")))
    assert stored(connected) == [("user", "When do you open?", "unanswered")]


def test_a_message_from_before_the_connection_is_not_taken_in(connected, meta):
    mid, at = write_silently(meta, ago=300)
    work_off(connected, *hear(connected, hint(mid, at)))
    assert stored(connected) == []


def test_a_late_hint_is_stored_without_an_answer(connected, meta, database):
    database[COLLECTION].update_one({}, {"$set": {"connectedAt": now() - timedelta(days=1)}})
    mid, at = write_silently(meta, ago=2 * 3600)
    work_off(connected, *hear(connected, hint(mid, at)))
    assert stored(connected) == [("user", "When do you open?", "unanswered")]


def test_a_hint_is_not_followed_after_a_disconnect(connected, meta, capsys):
    mid, at = write_silently(meta)
    fetch = hear(connected, hint(mid, at))
    connected.call("POST", "disconnect")
    calls = len(meta.calls())
    capsys.readouterr()
    assert connected.deliver("reply", *fetch) == []
    assert counted(capsys) == {"FetchOfNoConnection": [1.0]}
    assert len(meta.calls()) == calls


def test_ingest_stores_and_schedules_without_a_call_of_meta(connected, meta, monkeypatch):
    mid, at = write_silently(meta)
    monkeypatch.setenv("QUIET_SECONDS", "900")
    calls = len(meta.calls())
    assert hear(connected, hint(mid, at)) == [], "it waits for its own webhook"
    assert len(meta.calls()) == calls


def test_several_hints_share_the_accounts_calls(connected, meta):
    meta.control("PUT", "faults", limit_conversations=True)
    posts = [hint(*write_silently(meta, f"{number}")) for number in range(3)]
    work_off(connected, *hear(connected, *posts))
    asked = [text for role, text, _ in stored(connected) if role == "user"]
    assert asked == ["0", "1", "2"]


def test_a_fetch_task_survives_the_queue_and_names_no_content():
    task = FetchMessage("sub_1", "agent_1", ACCOUNT, "m", 1757330004554, standby=True)
    assert read_task(write(task)) == task
    assert set(json.loads(write(task))) == {
        *("schema", "subaccount_id", "agent_id", "account_id", "mid", "hinted_at", "standby")
    }
