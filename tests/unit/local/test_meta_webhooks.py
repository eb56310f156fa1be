"""What the Meta simulator sends, and how."""

import hashlib
import hmac

import pytest

from local.simulators.meta.signatures import signature_headers
from local.simulators.meta.wire import encode_notification, message_event
from tests.unit.local.meta_client import ACCOUNT, ANA, BAKERY, BAKERY_PAGE_TOKEN, MetaClient
from tests.unit.local.receiver import Receiver

VECTOR = (
    rb'{"object":"instagram","entry":[{"time":1752834911539,"id":"17841400000000001","messaging":[{"sender":'
    rb'{"id":"1234567890123456"},"recipient":{"id":"17841400000000001"},"timestamp":1752834910447,"message":'
    rb'{"mid":"aWdfZAG1faXRlbToxTEST","text":"\u041f\u0440\u0438\u0432\u0435\u0442 \ud83d\udc4b"}}]}]}'
)


def test_a_notification_is_compact_ascii_json_with_the_time_before_the_id():
    message = {"mid": "aWdfZAG1faXRlbToxTEST", "text": "Привет 👋"}
    event = message_event(ACCOUNT, ANA, 1752834910447, message)
    assert encode_notification([event], 1752834911539).encode() == VECTOR


def test_the_signatures_are_those_of_the_test_vector():
    assert signature_headers("test_app_secret", VECTOR) == {
        "X-Hub-Signature": "sha1=644d98d64a3877b8870d58f6a4573ea4a20c048c",
        "X-Hub-Signature-256": "sha256=571379cbf11662e50608a52b8dba156330b81b261a7691f81c91bfdad1aeafad",
    }


def test_a_customer_message_arrives_signed_with_metas_headers(connected: MetaClient, receiver: Receiver):
    mid = connected.write_as_customer("Привет")
    (post,) = receiver.wait_for(1)
    digest = hmac.new(b"test_app_secret", post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert post.headers["X-Hub-Signature"].startswith("sha1=")
    assert post.headers["User-Agent"] == "facebookexternalua"
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["Facebook-Api-Version"] == "v26.0"
    (item,) = post.items
    assert (item["sender"]["id"], item["recipient"]["id"]) == (ANA, ACCOUNT)
    assert item["message"] == {"mid": mid, "text": "Привет"}
    assert post.json["entry"][0]["id"] == ACCOUNT


def test_message_ids_have_the_form_and_length_of_real_ones(connected: MetaClient):
    mids = {connected.write_as_customer() for _ in range(3)}
    assert len(mids) == 3
    assert all(mid.startswith("aWdfZAG1faXRlbToxO") and 160 <= len(mid) <= 172 for mid in mids)


def test_a_customer_message_carries_attachments_reply_quick_reply_and_referral(
    connected: MetaClient, receiver: Receiver
):
    first = connected.write_as_customer("first")
    image = {"type": "image", "payload": {"url": "https://lookaside.fbsbx.com/x"}}
    referral = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"}
    connected.write_as_customer(
        "second", attachments=[image], replyTo=first, quickReply={"payload": "P"}, referral=referral
    )
    message = receiver.wait_for(2)[1].items[0]["message"]
    assert message["attachments"] == [image]
    assert message["reply_to"] == {"mid": first, "is_self_reply": False}
    assert message["quick_reply"] == {"payload": "P"}
    assert message["referral"] == referral


def test_a_customer_sends_what_is_no_text(connected: MetaClient, receiver: Receiver):
    kinds = [
        {"type": "template", "payload": {"generic": {"elements": [{"title": "Espresso"}]}}},
        {"type": "template", "payload": {"product": {"elements": [{"id": "1"}]}}},
        {"type": "fallback", "URL": "https://x", "payload": "null"},
        {"type": "location", "payload": {"coordinates": {"lat": 1, "long": 2}}},
    ]
    connected.write_as_customer(None, attachments=kinds)
    connected.write_as_customer(None, referral={"product": {"id": "1"}}, referralBeside=True)
    connected.write_as_customer(None, quickReply={"payload": "P"})
    connected.write_as_customer(None, replyTo={"story": {"link_sticker_url": "https://x"}})
    items = [post.items[0] for post in receiver.wait_for(4)]
    assert items[0]["message"]["attachments"] == kinds
    assert (items[1]["referral"], set(items[1]["message"])) == ({"product": {"id": "1"}}, {"mid"})
    assert items[2]["message"]["quick_reply"] == {"payload": "P"}
    assert items[3]["message"]["reply_to"] == {"story": {"link_sticker_url": "https://x"}}


def test_the_echo_of_a_template_has_its_content(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    elements = [{"title": "Espresso", "subtitle": "Dark"}]
    buttons = {"template_type": "button", "text": "Sure?", "buttons": [{"type": "postback", "title": "Yes"}]}
    for payload in ({"template_type": "generic", "elements": elements}, buttons):
        body = {"recipient": {"id": ANA}, "message": {"attachment": {"type": "template", "payload": payload}}}
        assert connected.graph("POST", "/v26.0/me/messages", json=body).status_code == 200
    cards, card = (post.items[0]["message"]["attachments"][0] for post in receiver.wait_for(3)[1:])
    assert cards["payload"] == {"generic": {"elements": elements}}
    assert card["payload"] == buttons


def test_an_accepted_send_causes_an_echo_with_the_answered_id(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    mid = connected.send("Welcome").json()["message_id"]
    (item,) = receiver.wait_for(2)[1].items
    assert item["message"] == {"mid": mid, "text": "Welcome", "is_echo": True, "app_id": 900000000000001}
    assert (item["sender"]["id"], item["recipient"]["id"]) == (ACCOUNT, ANA)


def test_a_person_typing_in_the_app_causes_an_echo_too(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    mid = connected.control("POST", f"/accounts/{ACCOUNT}/messages", {"to": ANA, "text": "Ben here"})["mid"]
    (item,) = receiver.wait_for(2)[1].items
    assert item["message"] == {"mid": mid, "text": "Ben here", "is_echo": True}
    last = connected.control("GET", f"/threads/{ACCOUNT}/{ANA}")["messages"][-1]
    assert (last["from"], last["via"]) == ("business", "app")


def test_other_apps_that_write_are_named_in_their_echoes(connected: MetaClient, receiver: Receiver):
    path, picture = f"/accounts/{ACCOUNT}/messages", [{"type": "image", "payload": {"url": "https://x"}}]
    connected.control("POST", path, {"to": ANA, "attachments": picture, "appId": "111"})
    connected.control("POST", path, {"to": ANA, "text": "Hi", "appId": "263902037430900", "aiGenerated": True})
    vendor, assistant = (post.items[0]["message"] for post in receiver.wait_for(2))
    assert (vendor["app_id"], vendor["attachments"]) == (111, picture)
    assert (assistant["app_id"], assistant["ai_generated"]) == (263902037430900, True)


def test_a_healthy_callback_gets_events_in_order(connected: MetaClient, receiver: Receiver):
    for number in range(10):
        connected.write_as_customer(f"message {number}")
    receiver.wait_for(10)
    assert receiver.texts() == [f"message {number}" for number in range(10)]


def test_a_refused_webhook_is_repeated_with_the_same_bytes_until_it_is_accepted(
    connected: MetaClient, receiver: Receiver
):
    receiver.statuses = [500, 404, 301]
    connected.write_as_customer()
    posts = receiver.wait_for(4)
    assert len({post.body for post in posts}) == 1
    assert len({post.headers["X-Hub-Signature-256"] for post in posts}) == 1
    assert posts[2].at - posts[1].at >= 0.02
    (delivery,) = connected.wait_until_delivered(1)
    assert (delivery["attempts"], delivery["lastHttpStatus"]) == (4, 200)


def test_a_failing_webhook_does_not_hold_up_the_next_one(connected: MetaClient, receiver: Receiver):
    receiver.statuses = [500, 500]
    connected.write_as_customer("slow")
    receiver.wait_for(2)
    connected.write_as_customer("quick")
    connected.wait_until_delivered(2)
    assert set(receiver.texts()) == {"slow", "quick"}


def test_nothing_is_delivered_for_an_account_that_is_not_subscribed(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer("unheard", account=BAKERY)
    connected.write_as_customer("heard")
    receiver.wait_for(1)
    assert receiver.texts() == ["heard"]
    connected.subscribe(BAKERY_PAGE_TOKEN)
    connected.write_as_customer("heard now", account=BAKERY)
    assert receiver.wait_for(2)[1].json["entry"][0]["id"] == BAKERY


def test_nothing_is_delivered_without_a_callback(meta: MetaClient):
    meta.subscribe()
    meta.write_as_customer()
    assert meta.deliveries() == []


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ({"reaction": {"mid": "M", "action": "react", "reaction": "love", "emoji": "❤️"}}, "reaction"),
        ({"read": {"mid": "M"}}, "read"),
        ({"postback": {"mid": "M", "title": "Hours?", "payload": "HOURS"}}, "postback"),
    ],
)
def test_any_raw_item_is_delivered_with_the_ends_filled_in(
    connected: MetaClient, receiver: Receiver, item: dict[str, object], key: str
):
    connected.control("POST", "/events", {"accountId": ACCOUNT, "userId": ANA, "item": item})
    (got,) = receiver.wait_for(1)[0].items
    assert got[key] == item[key]
    assert (got["sender"]["id"], got["recipient"]["id"]) == (ANA, ACCOUNT)
    assert isinstance(got["timestamp"], int)


def test_a_null_end_of_a_raw_item_is_left_out(connected: MetaClient, receiver: Receiver):
    item = {"sender": None, "recipient": None, "message_edit": {"mid": "M", "num_edit": 0}}
    connected.control("POST", "/events", {"accountId": ACCOUNT, "userId": ANA, "item": item})
    (got,) = receiver.wait_for(1)[0].items
    assert set(got) == {"timestamp", "message_edit"}


def test_a_raw_item_may_be_told_as_standby(connected: MetaClient, receiver: Receiver):
    body = {"accountId": ACCOUNT, "userId": ANA, "list": "standby", "item": {"message": {"text": "x"}}}
    connected.control("POST", "/events", body)
    assert "standby" in receiver.wait_for(1)[0].json["entry"][0]


def test_edits_and_unsends_change_the_thread(connected: MetaClient, receiver: Receiver):
    kept, gone = connected.write_as_customer("tpyo"), connected.write_as_customer("oops")
    for item in (
        {"message_edit": {"mid": kept, "text": "typo", "num_edit": 1}},
        {"message": {"mid": gone, "is_deleted": True}},
    ):
        connected.control("POST", "/events", {"accountId": ACCOUNT, "userId": ANA, "item": item})
    receiver.wait_for(4)
    edited, unsent = connected.control("GET", f"/threads/{ACCOUNT}/{ANA}")["messages"]
    assert edited["text"] == "typo"
    assert (unsent["text"], unsent["deleted"]) == (None, True)
    assert connected.graph("GET", f"/{gone}").json()["error"]["code"] == 9000001
