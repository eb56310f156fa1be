"""Which app has a thread, and whom the business keeps out."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.unit.local.meta_client import ACCOUNT, ANA, INSTAGRAM_TOKEN, PAGE, MetaClient
from tests.unit.local.receiver import Receiver
from tests.unit.local.test_meta_tokens import refusal

OTHER_APP = "263902037430900"
THREAD = f"/threads/{ACCOUNT}/{ANA}"
OWNER = f"/v26.0/{PAGE}/thread_owner?recipient={ANA}"


def control_thread(meta: MetaClient, edge: str, **more: Any) -> Any:
    answer = meta.graph("POST", f"/v26.0/{PAGE}/{edge}", json={"recipient": {"id": ANA}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_thread_is_passed_on_and_taken_back(connected: MetaClient, receiver: Receiver):
    connected.write_as_customer("for us")
    assert connected.read(OWNER) == {"data": []}
    passed = control_thread(connected, "pass_thread_control", target_app_id=OTHER_APP, metadata="m")
    assert passed == {"success": True}
    (shown,) = connected.read(OWNER)["data"]
    assert shown["thread_owner"]["app_id"] == OTHER_APP
    assert refusal(connected.send()) == {
        "message": "(#100) You are not the thread owner.",
        "type": "OAuthException",
        "code": 100,
        "error_subcode": 2534037,
    }
    connected.write_as_customer("for them")
    passed, standby = receiver.wait_for(3)[1:]
    told = {"previous_owner_app_id": None, "new_owner_app_id": OTHER_APP, "metadata": "m"}
    assert passed.json["entry"][0]["messaging"][0]["pass_thread_control"] == told
    assert "standby" in standby.json["entry"][0]
    assert control_thread(connected, "take_thread_control") == {"success": True}
    assert connected.send().ok
    assert control_thread(connected, "extend_thread_control", duration=3600) == {"success": True}
    assert control_thread(connected, "request_thread_control") == {"success": True}
    assert control_thread(connected, "release_thread_control") == {"success": True}
    assert connected.read(OWNER) == {"data": []}
    told = [item for post in receiver.wait_for(7)[3:] for item in post.items if "message" not in item]
    names = ("take_thread_control", "request_thread_control", "pass_thread_control")
    assert [name for item in told for name in names if name in item] == list(names)
    assert told[0]["take_thread_control"]["previous_owner_app_id"] == OTHER_APP
    assert told[2]["pass_thread_control"]["new_owner_app_id"] is None


def test_the_control_api_hands_a_thread_over_as_another_app_does(connected: MetaClient, receiver: Receiver):
    connected.control("PUT", THREAD, {"ownerAppId": OTHER_APP, "taken": True})
    connected.control("POST", f"/accounts/{ACCOUNT}/messages", {"to": ANA, "text": "Hello", "appId": OTHER_APP})
    connected.control("PUT", THREAD, {"ownerAppId": None, "silent": True})
    connected.control("PUT", THREAD, {"blocked": True})
    taken, echo = receiver.wait_for(2)
    assert taken.items[0]["take_thread_control"]["new_owner_app_id"] == OTHER_APP
    assert taken.items[0]["sender"] == {"id": ANA}
    assert echo.json["entry"][0]["standby"][0]["message"]["app_id"] == int(OTHER_APP)
    assert len(receiver.posts) == 2


def test_another_app_can_have_the_thread_from_the_beginning(meta: MetaClient):
    assert meta.control("PUT", THREAD, {"ownerAppId": OTHER_APP})["ownerAppId"] == OTHER_APP
    meta.write_as_customer()
    assert refusal(meta.send())["error_subcode"] == 2534037
    meta.control("PUT", THREAD, {"ownerAppId": None})
    assert meta.send().ok


def test_only_pages_control_threads_and_only_of_people_who_wrote(meta: MetaClient):
    path = f"/{ACCOUNT}/take_thread_control"
    assert refusal(meta.graph("POST", path, INSTAGRAM_TOKEN))["error_subcode"] == 33
    body = {"recipient": {"id": ANA}}
    assert refusal(meta.graph("POST", f"/{PAGE}/take_thread_control", json=body))["error_subcode"] == 2534014
    meta.write_as_customer()
    assert refusal(meta.graph("POST", f"/{PAGE}/pass_thread_control", json=body))["code"] == 100


def test_a_page_tells_how_its_messages_are_routed(meta: MetaClient):
    assert meta.read("/me?fields=messaging_feature_status") == {
        "messaging_feature_status": {"hop_v2": False, "msgr_multi_app": True, "ig_multi_app": False},
        "id": PAGE,
    }


def test_a_blocked_person_gets_nothing_and_cannot_be_looked_up(meta: MetaClient):
    meta.write_as_customer()
    body = {"user_ids": [{"id": ANA}], "actions": ["block_user", "move_to_spam"]}
    assert meta.graph("POST", f"/{PAGE}/moderate_conversations", json=body).json() == {"result": "success"}
    assert refusal(meta.send()) == {
        "message": "(#551) This person isn't available right now.",
        "type": "OAuthException",
        "code": 551,
        "error_subcode": 1545041,
    }
    assert refusal(meta.graph("GET", f"/{ANA}")) == {
        "message": "(#230) User consent is required to access user profile",
        "type": "OAuthException",
        "code": 230,
    }
    meta.control("PUT", THREAD, {"blocked": False})
    assert meta.send().ok


@pytest.mark.parametrize(
    "wrong", [{"actions": ["ban"]}, {"actions": []}, {"user_ids": [{"id": ANA}] * 11}, {"user_ids": [{"id": "1"}]}]
)
def test_moderation_is_for_a_few_known_people(meta: MetaClient, wrong: dict[str, Any]):
    meta.write_as_customer()
    body = {"user_ids": [{"id": ANA}], "actions": ["block_user"]} | wrong
    assert refusal(meta.graph("POST", f"/{PAGE}/moderate_conversations", json=body))["code"] == 100
    assert meta.send().ok


def test_webhooks_can_be_signed_with_the_other_secret(connected: MetaClient, receiver: Receiver):
    secret = connected.control("GET", "/state")["apps"]["instagram"]["secret"]
    connected.faults(sign_with_instagram_secret=True)
    connected.write_as_customer()
    (post,) = receiver.wait_for(1)
    digest = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Hub-Signature-256"] == f"sha256={digest}"
