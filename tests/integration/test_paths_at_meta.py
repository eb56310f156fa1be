"""Whatever ids come in, and by whichever entrance: Meta sees only paths and parameters of an allow-list."""

import json
import re
import time

import pytest

from connector.storage.documents import now
from tests.integration.deployment import CONNECT, echo, heard, just_now
from tests.unit.payloads import ACCOUNT, USER, compact
from tests.unit.peer import answer
from tests.unit.test_signed_requests import signed

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

EVIL = [
    *("../me", "..", ".", "me", "me?fields=id", f"{USER}/../me", f"{USER}?x=1", f"{USER}#x", f"{USER}/conversations"),
    *("%2e%2e%2fme", "..%2fme", "..\\me", "//evil.example/x", "@evil.example", "a b", "a\r\nX-Evil: 1", "a\0b"),
    *("١٢٣", "１２３４５", " 1", "1 ", "1\n", "-1", "+1", "1.5", "1e5", "0x1", "1" * 33, "\ud800", "", "null"),
    *(-1, 1.5, True, [], ["1"], {}, {"$ne": None}, {"id": "1"}, None, 10**40),
]
NODE = r"/v[0-9.]+/(?:me|[0-9]{1,32})"
EDGE = r"messages|conversations|subscribed_apps|messenger_profile|accounts"
ALLOWED = rf"{NODE}(?:/(?:{EDGE}))?|/v[0-9.]+/(?:oauth/access_token)?"
MESSAGE = r"/v[0-9.]+/(?:[A-Za-z0-9_-]|%3D|%2B|%24|%3A)(?:[A-Za-z0-9_.-]|%3D|%2B|%24|%3A)*"
OF_MESSAGES = ("id,created_time", "messages.limit")  # how the fields of a message and of a thread begin
PARAMETERS = {"fields", "platform", "limit", "user_id", "after", "subscribed_fields", "appsecret_proof"}


@pytest.fixture
def connected(deployment):
    """A deployment whose account is connected."""
    deployment.is_warm = True
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment


def _take_in(deployment, *entries):
    assert deployment.post(compact({"object": "instagram", "entry": entries})) == 200
    assert deployment.deliver("ingest", *deployment.inbox()) == []
    assert deployment.deliver("reply", *deployment.turns()) == []


def _check(deployment):
    seen = deployment.meta.requests
    is_message = [one.query.get("fields", "").startswith(OF_MESSAGES) for one in seen]
    forms = [MESSAGE if one else ALLOWED for one in is_message]
    assert [one.path for one, form in zip(seen, forms, strict=True) if not re.fullmatch(form, one.path)] == []
    assert {name for one in seen for name in one.query} <= PARAMETERS
    users = [one.query["user_id"] for one in seen if "user_id" in one.query]
    assert [one for one in users if not re.fullmatch(r"[0-9]{1,32}", one)] == []


def _between(sender, recipient, **told):
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": just_now()} | told


HINT = {"mid": "m_1", "num_edit": 0}
ENTRANCES = {
    "sender": lambda evil: ("messaging", _between(evil, ACCOUNT, message={"mid": "m_1", "text": "hi"})),
    "sender as a number": lambda evil: ("messaging", _between(evil, int(ACCOUNT), postback={"title": "Hi"})),
    "receiver": lambda evil: ("messaging", _between(USER, evil, message={"mid": "m_1", "text": "hi"})),
    "receiver of an echo": lambda evil: (
        "messaging",
        echo("m_1", text="hi") | {"recipient": {"id": evil}},
    ),
    "standby": lambda evil: ("standby", _between(evil, ACCOUNT, message={"mid": "m_1", "text": "hi"})),
    "handover": lambda evil: ("messaging", _between(evil, ACCOUNT, pass_thread_control={"new_owner_app_id": None})),
    "owner of a thread": lambda evil: (
        "messaging",
        _between(USER, ACCOUNT, pass_thread_control={"new_owner_app_id": evil}),
    ),
    "change": lambda evil: ("changes", {"field": "messages", "value": _between(evil, ACCOUNT, message={"mid": "m_1"})}),
    "author of a comment": lambda evil: ("changes", {"field": "comments", "value": {"from": {"id": evil}}}),
    "plugin": lambda evil: ("messaging", {"recipient": {"id": ACCOUNT}, "optin": {"user_ref": evil}}),
    "hint": lambda evil: ("messaging", _between(evil, ACCOUNT, message_edit=HINT)),
    "mid": lambda evil: ("messaging", heard(evil, "hi")),
    "mid of a hint": lambda evil: ("messaging", {"timestamp": just_now(), "message_edit": HINT | {"mid": evil}}),
    "mid of a reply": lambda evil: ("messaging", heard("m_1", "hi", reply_to={"mid": evil})),
    "mid of a reaction": lambda evil: ("messaging", _between(USER, ACCOUNT, reaction={"mid": evil, "emoji": "❤"})),
    "mid of a read receipt": lambda evil: ("messaging", _between(USER, ACCOUNT, read={"mid": evil})),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_an_id_in_an_event_does_not_choose_the_path(connected, entrance):
    told = [ENTRANCES[entrance](evil) for evil in EVIL]
    _take_in(connected, *({"id": ACCOUNT, "time": just_now(), channel: [item]} for channel, item in told))
    _check(connected)
    rows = connected.call("GET", "conversations", query={"limit": "100"})[1]["data"]["conversations"]
    assert [one["userId"] for one in rows if not re.fullmatch(r"[0-9]{1,32}", one["userId"])] == []


def test_an_entry_of_no_account_chooses_no_path(connected):
    item = {"message_edit": HINT, "timestamp": just_now()}
    _take_in(connected, *({"id": evil, "time": just_now(), "messaging": [item]} for evil in EVIL))
    _check(connected)


def test_a_sender_that_is_no_number_is_refused_and_counted(connected, capsys):
    connected.meta.requests.clear()
    connected.tell(_between("../me", ACCOUNT, message={"mid": "m_1", "text": "hi"}))
    assert connected.inbox() == connected.turns() == []
    assert '"WebhookSenderRefused":[1.0]' in capsys.readouterr().out
    assert connected.call("GET", "conversations")[1]["data"]["conversations"] == []


@pytest.mark.parametrize("login", ["instagram", "facebook"])
def test_an_id_in_metas_answers_to_connect_does_not_choose_a_path(deployment, login):
    deployment.is_warm = True
    for evil in EVIL:
        page = {"id": evil, "name": "P", "access_token": "EAAp", "instagram_business_account": {"id": evil}}
        told = {"id": evil, "user_id": evil, "username": evil, "name": evil, "data": [page]}
        told |= {"instagram_business_account": {"id": evil}, "profile_id": evil, "is_valid": True}
        deployment.meta.behave = answer(told)
        body = CONNECT if login == "facebook" else {name: one for name, one in CONNECT.items() if name != "pageId"}
        deployment.call("POST", "connect", payload=body)
    _check(deployment)


def test_an_id_in_metas_threads_does_not_choose_a_path(connected):
    at = now().strftime("%Y-%m-%dT%H:%M:%S+0000")
    for evil in EVIL:
        customer, us = {"id": evil, "username": "ada"}, {"id": ACCOUNT, "username": "acme"}
        message = {"id": evil, "created_time": at, "from": customer, "to": {"data": [us]}, "message": "hi"}
        thread = {"id": evil, "updated_time": at, "messages": {"data": [message]}}
        paging = {"cursors": {"after": evil}, "next": "https://evil.example/"}
        connected.meta.behave = answer({"data": [thread], "paging": paging} | message | thread)
        connected.call("POST", "recover", payload={"userId": USER})
        _take_in(connected)
    _check(connected)


@pytest.mark.parametrize("callback", ["deauthorize", "delete_data"])
def test_an_id_in_a_callback_does_not_choose_a_path(connected, callback):
    for evil in EVIL:
        told = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": evil, "profile_id": evil}
        connected.call_back(callback, signed(told, "test_app_secret"))
    _check(connected)


@pytest.mark.parametrize("verb", ["messages", "conversations", "export"])
def test_a_user_id_in_a_query_that_is_no_number_is_refused(connected, verb):
    for evil in [one for one in EVIL if isinstance(one, str) and one.isprintable() and one.isascii()]:
        assert connected.call("GET", verb, query={"userId": evil})[0] == 400, json.dumps(evil)
