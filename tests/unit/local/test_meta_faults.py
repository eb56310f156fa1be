"""The Meta simulator misbehaving on demand."""

import json
import socket
import struct

import pytest
import requests

from tests.unit.local.meta_client import ACCOUNT, ANA, INSTAGRAM_TOKEN, PAGE, PAGE_TOKEN, MetaClient
from tests.unit.local.receiver import Receiver


def test_duplicated_webhooks_have_the_same_bytes(connected: MetaClient, receiver: Receiver):
    connected.faults(duplicate_webhooks=3)
    connected.write_as_customer()
    connected.wait_until_delivered(3)
    assert len({post.body for post in receiver.wait_for(3)}) == 1


def test_reordered_webhooks_wait_for_each_other_and_go_out_backwards(connected: MetaClient, receiver: Receiver):
    connected.faults(reorder_webhooks=3)
    for text in "abc":
        connected.write_as_customer(text)
    receiver.wait_for(3)
    assert receiver.texts() == ["c", "b", "a"]


def test_batched_webhooks_share_a_post(connected: MetaClient, receiver: Receiver):
    connected.faults(batch_webhooks=2)
    connected.write_as_customer("a")
    connected.write_as_customer("b")
    (post,) = receiver.wait_for(1)
    assert [item["message"]["text"] for item in post.items] == ["a", "b"]
    assert len(post.json["entry"]) == 1


def test_collected_webhooks_are_delivered_when_the_fault_ends(connected: MetaClient, receiver: Receiver):
    connected.faults(batch_webhooks=5)
    connected.write_as_customer("a")
    assert connected.deliveries() == []
    connected.control("DELETE", "/faults")
    receiver.wait_for(1)
    assert receiver.texts() == ["a"]


def test_a_lost_answer_of_the_callback_leads_to_a_second_delivery(connected: MetaClient, receiver: Receiver):
    connected.faults(lose_webhook_answer=1)
    connected.write_as_customer()
    receiver.wait_for(2)
    (delivery,) = connected.wait_until_delivered(1)
    assert delivery["attempts"] == 2


def test_a_lost_answer_of_a_send_is_a_closed_connection_and_a_sent_message(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    connected.faults(lose_send_answer=1)
    with pytest.raises(requests.ConnectionError):
        connected.send("sent once")
    receiver.wait_for(2)
    assert receiver.texts()[-1] == "sent once"
    assert connected.control("GET", "/calls")["calls"][-1]["status"] is None
    assert connected.send("answered").ok


def test_a_send_with_a_wrong_answer_is_carried_out_once(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    connected.faults(misanswer_sends={"status": 503, "body": "<html>"})
    assert (connected.send("sent once").status_code, connected.send("answered").status_code) == (503, 200)
    receiver.wait_for(3)
    assert receiver.texts()[-2:] == ["sent once", "answered"]


def test_a_lost_request_of_a_send_is_a_closed_connection_and_no_message(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer("a")
    connected.faults(lose_send_request=1)
    assert connected.act("typing_on").ok
    with pytest.raises(requests.ConnectionError):
        connected.send("lost")
    assert connected.send("sent").ok
    receiver.wait_for(2)
    assert receiver.texts() == ["a", "sent"]
    thread = connected.control("GET", f"/threads/{ACCOUNT}/{ANA}")
    assert [message["text"] for message in thread["messages"]] == ["a", "sent"]


def test_failing_sends_give_the_wanted_error_so_many_times(connected: MetaClient):
    connected.write_as_customer()
    connected.faults(fail_sends={"code": 2, "subcode": 1545133, "status": 503, "times": 2})
    answers = [connected.send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json()["error"]["error_subcode"] == 1545133


def test_reading_conversations_messages_and_profiles_can_fail_and_nothing_else_does(connected: MetaClient):
    mid = connected.write_as_customer()
    thread = connected.read(f"/{PAGE}/conversations?platform=instagram")["data"][0]["id"]
    paths = [f"/{PAGE}/conversations?platform=instagram", f"/{thread}?fields=messages", f"/{mid}", f"/{ANA}"]
    connected.faults(fail_reads={"code": 2, "status": 503, "times": len(paths)})
    answers = [connected.graph("GET", path) for path in ["/me", f"/{ACCOUNT}", *paths, *paths]]
    assert [answer.status_code for answer in answers] == [200] * 2 + [503] * 4 + [200] * 4
    assert answers[2].json()["error"]["code"] == 2


def test_sender_actions_do_not_use_up_a_fault_of_sends(connected: MetaClient):
    connected.write_as_customer()
    connected.faults(fail_sends={"code": 2})
    assert connected.act("typing_on").ok
    assert connected.send().status_code == 400


def test_an_expired_token_is_refused_everywhere_with_190_463(connected: MetaClient):
    connected.faults(expire_token=True)
    for answer in (connected.send(), connected.graph("GET", "/me")):
        error = answer.json()["error"]
        assert (error["code"], error["error_subcode"]) == (190, 463)


def test_a_closed_window_refuses_with_10_2534022_and_http_403(connected: MetaClient):
    connected.write_as_customer()
    assert connected.control("GET", f"/threads/{ACCOUNT}/{ANA}")["windowClosesAt"] is not None
    connected.faults(close_window=True)
    answer = connected.send()
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["error_subcode"]) == (403, 10, 2534022)
    assert error["message"].startswith("(#10) ")
    assert connected.control("GET", f"/threads/{ACCOUNT}/{ANA}")["windowClosesAt"] is None


def test_the_rate_limit_of_sends_is_613_2534040(connected: MetaClient):
    connected.write_as_customer()
    connected.faults(rate_limit={"times": 1})
    assert connected.graph("GET", "/me").ok
    error = connected.send().json()["error"]
    assert (error["code"], error["error_subcode"]) == (613, 2534040)
    assert connected.send().ok


def test_the_rate_limit_of_the_app_is_4_and_meets_every_call(connected: MetaClient):
    connected.faults(rate_limit={"code": 4, "times": 1})
    assert connected.graph("GET", "/me").json()["error"]["code"] == 4
    assert connected.graph("GET", "/me").ok


@pytest.mark.parametrize(
    ("code", "kind"),
    [(613, "instagram"), (80002, "instagram"), (80006, "messenger"), (80001, "pages"), (32, "pages")],
)
def test_a_limit_tells_in_a_header_when_it_ends(connected: MetaClient, code: int, kind: str):
    connected.write_as_customer()
    connected.faults(rate_limit={"code": code, "regainMinutes": 7})
    answer = connected.send()
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    usage = json.loads(answer.headers["X-Business-Use-Case-Usage"])
    assert [(one["type"], one["estimated_time_to_regain_access"]) for one in usage[PAGE]] == [(kind, 7)]
    again = connected.send()
    assert again.ok
    assert "X-Business-Use-Case-Usage" not in again.headers


def test_a_limit_of_the_account_meets_every_call_and_names_who_called(connected: MetaClient):
    connected.faults(rate_limit={"code": 80002, "times": 2, "regainMinutes": 0})
    for token, business_id in ((PAGE_TOKEN, PAGE), (INSTAGRAM_TOKEN, ACCOUNT)):
        answer = connected.graph("GET", "/me", token)
        assert answer.json()["error"]["code"] == 80002
        assert list(json.loads(answer.headers["X-Business-Use-Case-Usage"])) == [business_id]


def test_an_echo_can_come_before_the_answer(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    receiver.wait_for(1)
    connected.faults(echo_before_answer=True)
    mid = connected.send().json()["message_id"]
    assert receiver.posts[1].items[0]["message"]["mid"] == mid


def test_an_echo_otherwise_comes_after_the_answer(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    receiver.wait_for(1)
    connected.faults(delay_send_seconds=0.15)
    answer = connected.send()
    assert answer.elapsed.total_seconds() >= 0.15
    receiver.wait_for(2)
    assert len(receiver.posts) == 2


def test_an_echo_comes_although_the_sender_died(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer()
    receiver.wait_for(1)
    host, port = connected.url.removeprefix("http://").split(":")
    body = json.dumps({"recipient": {"id": ANA}, "message": {"text": "Hello"}})
    with socket.create_connection((host, int(port))) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets the connection
        head = f"POST /v26.0/{PAGE}/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {PAGE_TOKEN}\r\n"
        form = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        sender.sendall((head + form).encode())
        assert sender.recv(1), "it is answered"
    receiver.wait_for(2)
    assert receiver.texts() == ["Hi", "Hello"]


def test_echoes_can_be_missing(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer("a")
    connected.faults(no_echo=True)
    connected.send("unheard")
    connected.write_as_customer("b")
    receiver.wait_for(2)
    assert receiver.texts() == ["a", "b"]


def test_a_fault_can_be_set_beside_others_and_all_are_deleted_together(meta: MetaClient):
    meta.faults(lose_send_answer=2)
    meta.faults(no_echo=True)
    assert meta.control("GET", "/state")["faults"] == {"lose_send_answer": 2, "no_echo": True}
    meta.control("DELETE", "/faults")
    assert meta.control("GET", "/state")["faults"] == {}


@pytest.mark.parametrize("body", [{"unheard_of": 1}, {"rate_limit": {"code": 5}}, [], {"batch_webhooks": 0}])
def test_an_unknown_or_wrong_fault_is_refused_and_changes_nothing(meta: MetaClient, body: object):
    answer = requests.put(f"{meta.url}/_simulator/faults", json=body, timeout=5)
    assert answer.status_code == 400
    assert meta.control("GET", "/state")["faults"] == {}
