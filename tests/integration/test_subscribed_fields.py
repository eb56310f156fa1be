"""The webhook fields: connect subscribes to all that we understand, status warns of those that are missing."""

import json
from queue import Queue

import pytest

from connector.accounts import Login
from connector.instagram.subscriptions import OPTIONAL_FIELDS, REQUIRED_FIELDS
from tests.integration.owners import owners
from tests.unit.payloads import USER
from tests.unit.peer import answer, peer

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OPTIONAL = [field.name for field in OPTIONAL_FIELDS]
ROWS = dict(zip(OPTIONAL, ("reactions", "edits", "reads", "referrals", "handovers", "standby"), strict=True))
both_logins = pytest.mark.parametrize("login", list(Login))
each_field = pytest.mark.parametrize("field", OPTIONAL)


class Stage:
    """The deployed handlers, and the simulator of Meta that posts to them."""

    def __init__(self, deployment, world, callback, database):
        self.deployment = deployment
        self.meta = world.meta
        self.callback = callback
        self.database = database
        self.posted = Queue()
        self.account = world.meta.account()
        callback.behave = self._hear
        self.choose(None)

    def _hear(self, handler):
        request = self.callback.requests[-1]
        if request.method == "POST":
            self.posted.put(request.body)
        answer((request.query.get("hub.challenge") or "").encode())(handler)

    def choose(self, fields):
        """Choose the fields in Meta's dashboard; None for all."""
        told = self.meta.control("POST", "callback", url=self.callback.url, verifyToken="v", fields=fields)
        assert told["verified"]

    def connect(self, login):
        is_page = login is Login.FACEBOOK
        wish = {
            "accessToken": self.account["accessToken" if is_page else "instagramAccessToken"],
            "instagramAccountId": self.account["instagramAccountId"],
            "webhookVerificationToken": "meatyhamhock",
            "retellAgentId": "agent_1",
        } | ({"pageId": self.account["pageId"]} if is_page else {})
        status, told = self.deployment.call("POST", "connect", payload=wish)
        assert status == 200, told

    def change_account(self, **changes):
        self.meta.control("PUT", f"accounts/{self.account['instagramAccountId']}", **changes)

    def warnings(self, **query):
        """Return the rows that warn, by name."""
        _, told = self.deployment.call("GET", "status", query=query or None)
        return {one["name"]: one for one in told["data"]["checks"] if one["outcome"] == "warning"}

    def write(self, text):
        """Have the customer write, and return the message's mid."""
        account_id = self.account["instagramAccountId"]
        mid = self.meta.control("POST", f"users/{USER}/messages", accountId=account_id, text=text)["mid"]
        self.take_in(text)
        return mid

    def tell(self, item, item_list="messaging"):
        """Have something happen at Meta."""
        about = {"accountId": self.account["instagramAccountId"], "userId": USER}
        self.meta.control("POST", "events", **about, item=item, list=item_list)

    def take_in(self, marker):
        """Take in what is posted until something holds the marker; return whether that was the first post."""
        is_first = True
        while True:
            raw = self.posted.get(timeout=30)
            assert self.deployment.post(raw) == 200
            assert self.deployment.deliver("ingest", *self.deployment.inbox()) == []
            if marker.encode() in raw:
                return is_first
            is_first = False

    def stored(self):
        """Return everything that is stored of conversations, as text."""
        names = [name for name in self.database.list_collection_names() if name != "instagram_connections"]
        return json.dumps([list(self.database[name].find()) for name in names], default=str)


@pytest.fixture
def stage(deployment, aws, database, monkeypatch):
    with owners(aws, database) as world, peer() as callback:
        for name in ("FACEBOOK_GRAPH_URL", "INSTAGRAM_GRAPH_URL"):
            monkeypatch.setenv(name, world.meta.url)
        monkeypatch.setenv("RETELL_URL", world.retell_url)
        aws.put_secret("retell-api-key", "key_local")
        yield Stage(deployment, world, callback, database)


def event_of(field, mid):
    """Return an event of a field, its list, and what is stored of it."""
    match field:
        case "message_reactions":
            reaction = {"mid": mid, "action": "react", "reaction": "love", "emoji": "\u2764"}
            return {"reaction": reaction}, "messaging", "\\u2764"
        case "message_edit":
            return {"message_edit": {"mid": mid, "text": "On Sundays?", "num_edit": 1}}, "messaging", "On Sundays?"
        case "messaging_seen":
            return {"read": {"mid": mid}}, "messaging", '"read"'
        case "messaging_referral":
            referral = {"ref": "spring-sale", "source": "SHORTLINKS", "type": "OPEN_THREAD"}
            return {"referral": referral}, "messaging", "spring-sale"
        case "messaging_handover":
            handover = {"previous_owner_app_id": None, "new_owner_app_id": "1217981644879628", "metadata": ""}
            return {"pass_thread_control": handover}, "messaging", "1217981644879628"
    return {"message": {"mid": "m_standby", "text": "Heard elsewhere"}}, "standby", "Heard elsewhere"


def sent_by(stage):
    """Have a person write to the customer, and return the message's mid."""
    payload = {"to": USER, "message": "At nine."}
    status, told = stage.deployment.call("POST", "send", payload=payload)
    assert status == 200, told
    stage.take_in("At nine.")
    thread = stage.meta.control("GET", f"threads/{stage.account['instagramAccountId']}/{USER}")
    return thread["messages"][-1]["mid"]


@both_logins
@each_field
def test_an_event_of_each_field_arrives_and_is_stored(stage, login, field):
    stage.connect(login)
    mid = stage.write("What are your hours?")
    if field == "messaging_seen":
        mid = sent_by(stage)
    item, item_list, stored = event_of(field, mid)
    assert stored not in stage.stored()
    stage.tell(item, item_list)
    assert stage.take_in(next(iter(item)))
    assert stored in stage.stored()


@both_logins
@each_field
@pytest.mark.parametrize("missing_at", ["dashboard", "subscription"])
def test_an_event_of_a_field_that_is_missing_does_not_arrive(stage, login, field, missing_at):
    if missing_at == "dashboard":
        stage.choose([name for name in (*REQUIRED_FIELDS, *OPTIONAL) if name != field])
    else:
        stage.change_account(unknownFields=[one.of(login) for one in OPTIONAL_FIELDS if one.name == field])
    stage.connect(login)
    mid = stage.write("What are your hours?")
    item, item_list, _ = event_of(field, mid)
    stage.tell(item, item_list)
    stage.meta.control(
        "POST", f"users/{USER}/messages", accountId=stage.account["instagramAccountId"], text="Still there?"
    )
    assert stage.take_in("Still there?"), "nothing was posted before it"


@both_logins
def test_connect_subscribes_to_every_field_and_status_warns_of_nothing(stage, login):
    stage.connect(login)
    assert stage.warnings() == stage.warnings(live="true") == {}


@both_logins
@each_field
def test_a_refused_field_leaves_the_required_ones_and_status_warns(stage, login, field):
    stage.change_account(unknownFields=[one.of(login) for one in OPTIONAL_FIELDS if one.name == field])
    stage.connect(login)
    for query in ({}, {"live": "true"}):
        warnings = stage.warnings(**query)
        assert set(warnings) == set(ROWS.values()), "only the required fields are subscribed then"
        assert field in warnings[ROWS[field]]["message"]
        assert "dashboard" in warnings[ROWS[field]]["remedy"]
    _, told = stage.deployment.call("GET", "status")
    assert told["data"]["isConnected"]
    assert not [one for one in told["data"]["checks"] if one["outcome"] == "failed"]
