"""The Send API's rules."""

import json
from typing import Any

import pytest

from local.simulators.meta.threads import WINDOW_MS, Thread, window_is_open
from tests.unit.local.meta_client import ACCOUNT, ANA, INSTAGRAM_TOKEN, PAGE, UNLINKED_PAGE_TOKEN, MetaClient


def code_of(answer: Any) -> tuple[int, int, int | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")


def thread_of(meta: MetaClient) -> Any:
    return meta.control("GET", f"/threads/{ACCOUNT}/{ANA}")


def test_a_text_is_answered_with_recipient_and_message_id(meta: MetaClient):
    meta.write_as_customer()
    answer = meta.send("Hello")
    assert answer.status_code == 200
    assert answer.json()["recipient_id"] == ANA
    assert answer.json()["message_id"].startswith("aWdf")
    shown = thread_of(meta)["messages"][-1]
    assert (shown["from"], shown["via"], shown["text"]) == ("business", "api", "Hello")


@pytest.mark.parametrize("node", [ACCOUNT, "me"])
def test_an_instagram_token_sends_as_its_account(meta: MetaClient, node: str):
    meta.write_as_customer()
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}}
    assert meta.graph("POST", f"/v26.0/{node}/messages", INSTAGRAM_TOKEN, json=body).ok
    assert code_of(meta.graph("POST", f"/v26.0/{PAGE}/messages", INSTAGRAM_TOKEN, json=body)) == (400, 100, 33)


def test_a_form_with_json_values_is_taken_too(meta: MetaClient):
    meta.write_as_customer()
    form = {"recipient": json.dumps({"id": ANA}), "message": json.dumps({"text": "Hello"})}
    assert meta.graph("POST", "/me/messages", data=form).ok


def test_the_limit_of_a_text_is_1000_bytes(meta: MetaClient):
    meta.write_as_customer()
    assert meta.send("я" * 500).status_code == 200
    assert code_of(meta.send("я" * 500 + "!")) == (400, 100, None)


def test_a_user_who_never_wrote_to_the_account_is_unknown(meta: MetaClient):
    assert code_of(meta.send()) == (400, 100, 2534014)
    meta.write_as_customer()
    assert code_of(meta.send(to="999")) == (400, 100, 2534014)


def test_a_page_without_an_account_cannot_send(meta: MetaClient):
    body = {"recipient": {"id": ANA}, "message": {"text": "Hello"}}
    answer = meta.graph("POST", "/me/messages", UNLINKED_PAGE_TOKEN, json=body)
    assert code_of(answer) == (400, 100, 2534013)


def test_the_window_is_open_for_24_hours_after_the_users_last_act():
    thread = Thread(ACCOUNT, ANA)
    assert not window_is_open(thread, 0)
    thread.opened_at = 1000
    assert window_is_open(thread, 1000 + WINDOW_MS - 1)
    assert not window_is_open(thread, 1000 + WINDOW_MS)


@pytest.mark.parametrize(
    "body",
    [
        {"message": {"text": "x"}},
        {"recipient": {"id": ANA}},
        {"recipient": {"id": ANA}, "message": {}},
        {"recipient": {"id": ANA}, "message": {"text": ""}},
        {"recipient": {"id": ANA}, "sender_action": "dance"},
        {"recipient": {"id": ANA}, "message": {"text": "x"}, "tag": "ACCOUNT_UPDATE"},
        {"recipient": {"id": ANA}, "message": {"text": "x"}, "reply_to": {"mid": "none"}},
        {"recipient": {"id": ANA}, "message": {"attachment": {"type": "image", "payload": {}}}},
        {"recipient": {"id": ANA}, "message": {"text": "x"}, "sender_action": "typing_on"},
    ],
)
def test_a_malformed_send_is_refused_with_code_100(meta: MetaClient, body: dict[str, Any]):
    meta.write_as_customer()
    assert code_of(meta.graph("POST", "/me/messages", json=body))[:2] == (400, 100)


def test_the_human_agent_tag_needs_approval(meta: MetaClient):
    meta.write_as_customer()
    assert code_of(meta.send(tag="HUMAN_AGENT"))[:2] == (403, 10)


def test_an_attachment_is_kept_and_echoed(meta: MetaClient):
    meta.write_as_customer()
    image = {"type": "image", "payload": {"url": "https://example.com/a.jpg"}}
    body = {"recipient": {"id": ANA}, "message": {"attachment": image}}
    assert meta.graph("POST", "/me/messages", json=body).ok
    assert thread_of(meta)["messages"][-1]["attachments"] == [image]


def test_typing_and_seen_show_in_the_thread_and_make_no_message(meta: MetaClient):
    meta.write_as_customer()
    assert meta.act("typing_on").json() == {"recipient_id": ANA}
    assert thread_of(meta)["typing"] is True
    meta.act("typing_off")
    assert thread_of(meta)["typing"] is False
    assert thread_of(meta)["seenAt"] is None
    meta.act("mark_seen")
    assert thread_of(meta)["seenAt"] is not None
    assert len(thread_of(meta)["messages"]) == 1


def test_what_the_business_did_before_it_answered_can_be_read_afterwards(meta: MetaClient):
    meta.write_as_customer()
    meta.act("mark_seen")
    meta.act("typing_on")
    meta.act("react", payload={"message_id": "none"})
    meta.send("Hello")
    shown = thread_of(meta)
    assert shown["typing"] is False
    assert [one["action"] for one in shown["senderActions"]] == ["mark_seen", "typing_on"]
    assert shown["senderActions"][0]["at"] <= shown["senderActions"][1]["at"] <= shown["messages"][-1]["at"]


def test_a_reaction_of_the_business_is_put_on_the_message(meta: MetaClient):
    mid = meta.write_as_customer()
    assert meta.act("react", payload={"message_id": mid, "reaction": "love"}).ok
    assert thread_of(meta)["messages"][0]["reactions"] == {"business": "love"}
    assert meta.act("unreact", payload={"message_id": mid}).ok
    assert thread_of(meta)["messages"][0]["reactions"] == {}
    assert code_of(meta.act("react", payload={"message_id": "none"}))[1] == 100
