"""One of each event that Meta documents, planted through the webhook; then the person in it is forgotten.

No collection and no parameter then has their id, their name or their words; what names nobody goes after three days.
"""

import json
from datetime import timedelta

import pytest

from connector.deletions import SETTLED
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import NAMELESS_FOR
from connector.storage.retention import Retention
from connector.wiring.forgetting import forgetting
from tests.integration.deployment import CONNECT, echo, heard, just_now
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER, compact

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

USERNAME, WORDS, PLUGIN = "ada_lovelace", "secret-words", "98765432101234"


def _by_them(**told):
    return {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "timestamp": just_now()} | told


def _comment(field, **value):
    author = {"id": USER, "username": USERNAME, "self_ig_scoped_id": USER}
    told = {"from": author, "id": "17900000000000001", "text": WORDS, "media": {"id": "17910000000000001"}} | value
    return {"field": field, "value": told}


_CONTROL = {"previous_owner_app_id": "111", "new_owner_app_id": "222", "metadata": WORDS}
OF_THEM = {
    "text": ("messaging", heard("m1", WORDS)),
    "quick reply": ("messaging", heard("m2", WORDS, quick_reply={"payload": WORDS})),
    "story reply": ("messaging", heard("m3", WORDS, reply_to={"story": {"id": "1", "url": f"https://x/{WORDS}"}})),
    "attachment": ("messaging", heard("m4", None, attachments=[{"type": "file", "payload": {"title": WORDS}}])),
    "unsupported": ("messaging", heard("m5", None, is_unsupported=True)),
    "referral in a message": ("messaging", heard("m6", WORDS, referral={"ref": WORDS, "source": "ADS"})),
    "echo": ("messaging", echo("m7", text=WORDS)),
    "standby": ("standby", heard("m8", WORDS)),
    "edit": ("messaging", _by_them(message_edit={"mid": "unknown-1", "text": WORDS, "num_edit": 1})),
    "reaction": ("messaging", _by_them(reaction={"mid": "unknown-2", "action": "react", "emoji": "❤"})),
    "postback": ("messaging", _by_them(postback={"mid": "m9", "title": WORDS, "payload": WORDS})),
    "referral": ("messaging", _by_them(referral={"ref": WORDS, "source": "SHORTLINKS", "type": "OPEN_THREAD"})),
    "read": ("messaging", _by_them(read={"mid": "unknown-3"})),
    "pass of control": ("messaging", _by_them(pass_thread_control=_CONTROL)),
    "take of control": ("messaging", _by_them(take_thread_control=_CONTROL)),
    "request of control": ("messaging", _by_them(request_thread_control={"metadata": WORDS})),
    "feedback": ("messaging", _by_them(response_feedback={"feedback": WORDS, "mid": "unknown-4"})),
    "account linking": ("messaging", _by_them(account_linking={"status": "linked", "authorization_code": WORDS})),
    "opt-in": ("messaging", _by_them(optin={"type": "notification_messages", "payload": WORDS})),
    "opt-in by a plugin": (
        "messaging",
        {"recipient": {"id": ACCOUNT}, "timestamp": just_now(), "optin": {"ref": WORDS, "user_ref": USER}},
    ),
    "message after a plugin": (
        "messaging",
        heard("m10", WORDS) | {"prior_message": {"source": "checkbox_plugin", "identifier": PLUGIN}},
    ),
    "message request": ("messaging", _by_them(message_request={"status": "pending", "preview": WORDS})),
    "comment": ("changes", _comment("comments")),
    "live comment": ("changes", _comment("live_comments")),
    "reply to a comment of another's": (
        "changes",
        _comment("comments", parent={"from": {"id": USER, "username": USERNAME}}) | {},
    ),
    "mention": ("changes", {"field": "mentions", "value": {"media_id": "1", "comment_id": "2", "user": {"id": USER}}}),
    "a kind to come": ("changes", {"field": "new", "value": {"list": [{"deep": {"who": int(USER), "said": WORDS}}]}}),
    "edit as a change": ("changes", {"field": "message_edit", "value": _by_them(message_edit={"mid": "unknown-5"})}),
}
OF_NOBODY = {
    "mention": ("changes", {"field": "mentions", "value": {"media_id": "17910000000000001", "comment_id": "179000"}}),
    "story insights": ("changes", {"field": "story_insights", "value": {"media_id": "17910000000000002", "reach": 44}}),
    "app roles": ("messaging", {"recipient": {"id": ACCOUNT}, "app_roles": {"111": ["primary_receiver"]}}),
    "edit without parties": ("messaging", {"timestamp": just_now(), "message_edit": {"mid": "u", "text": WORDS}}),
    "own comment": ("changes", {"field": "comments", "value": {"from": {"id": ACCOUNT}, "id": "1", "text": WORDS}}),
}


@pytest.fixture
def connected(deployment):
    """A deployment whose account is connected."""
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment


def _plant(deployment, channel, item):
    entry = {"id": ACCOUNT, "time": just_now(), channel: [item]}
    assert deployment.post(compact({"object": "instagram", "entry": [entry]})) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    assert deployment.deliver("reply", *deployment.turns()) == []


def _everything(deployment, database):
    """Return all that is stored, in MongoDB and in SSM, as text."""
    documents = {name: list(database[name].find()) for name in database.list_collection_names()}
    pages = deployment.aws.ssm.get_paginator("describe_parameters").paginate()
    names = [one["Name"] for page in pages for one in page["Parameters"]]
    values = [deployment.aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] for name in names]
    return json.dumps([documents, names, values], default=str)


def _forget(deployment, database, user_id):
    assert deployment.call("POST", "forget", payload={"userId": user_id})[0] == 200
    database[DELETIONS].update_many({}, {"$set": {"askedAt": now() - SETTLED, "dueAt": now()}})
    database["instagram_tombstones"].update_many({}, {"$set": {"at": now()}})
    forgetting().carry_on(60)
    assert database[DELETIONS].count_documents({"status": "pending", "erasedAt": None}) == 0


@pytest.mark.parametrize("kind", OF_THEM)
def test_a_forgotten_person_is_found_in_every_documented_event(connected, database, kind):
    _plant(connected, *OF_THEM[kind])
    before = _everything(connected, database)
    assert USER in before, "it was not stored at all"
    # The deletion is of what happened until then: what was planted a moment ago is made older than that.
    for name, field in (("chats", "createdAt"), (KEPT_EVENTS, "at")):
        database[name].update_many({}, {"$set": {field: now() - 2 * SETTLED}})
    database["chats"].update_many({}, {"$set": {"messages.$[].createdAt": now() - 2 * SETTLED}})
    database["instagram_messages"].update_many({}, {"$set": {"position": "00000000000001.x"}})
    _forget(connected, database, USER)
    left = _everything(connected, database)
    assert [one for one in (USER, USERNAME, WORDS, PLUGIN) if one in left] == []


def test_a_forgotten_person_does_not_return_with_a_repeated_comment(connected, database):
    _plant(connected, *OF_THEM["comment"])
    _forget(connected, database, USER)
    database[KEPT_EVENTS].delete_many({})
    _plant(connected, *OF_THEM["comment"])
    assert USERNAME not in _everything(connected, database)


def test_the_comment_of_another_person_stays(connected, database):
    theirs = {"field": "comments", "value": {"from": {"id": OTHER_USER, "username": "bob"}, "id": "1", "text": "Nice"}}
    _plant(connected, "changes", theirs)
    _forget(connected, database, USER)
    assert "bob" in _everything(connected, database)


@pytest.mark.parametrize("kind", OF_NOBODY)
def test_an_event_that_names_nobody_expires_after_three_days(connected, database, kind):
    _plant(connected, *OF_NOBODY[kind])
    (event,) = database[KEPT_EVENTS].find()
    assert event["userId"] == ""
    assert event["expireAt"] - event["at"] <= timedelta(days=3)


@pytest.mark.parametrize("keep_for", [None, timedelta(days=365), timedelta(days=1)], ids=str)
def test_what_an_older_version_kept_of_nobody_expires_too(database, keep_for):
    """It did not note the author of a comment, by whom a deletion would find it."""
    events = database[KEPT_EVENTS]
    events.insert_many({"_id": one, "key": str(one), "userId": who, "at": now()} for one, who in ((1, ""), (2, USER)))
    Retention(database["chats"], keep_for).keep_up(10)
    nameless, named = (events.find_one({"_id": one}) for one in (1, 2))
    switched_on = timedelta(seconds=30)  # at most, between the events and the run
    wanted = min(keep_for or NAMELESS_FOR, NAMELESS_FOR)
    assert wanted <= nameless["expireAt"] - nameless["at"] < wanted + switched_on
    assert not keep_for or keep_for <= named["expireAt"] - named["at"] < keep_for + switched_on
    assert keep_for or named.get("expireAt") is None
