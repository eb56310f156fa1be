"""Reading back what was said: pages, the shapes of messages, what no webhook told, and the pace that Meta allows."""

import re
from typing import Any

import pytest

from local.simulators.meta.pace import Pace
from tests.unit.local.meta_client import ACCOUNT, ANA, BAKERY, BEN, INSTAGRAM_TOKEN, PAGE, MetaClient
from tests.unit.local.receiver import Receiver
from tests.unit.local.test_meta_tokens import refusal

CONVERSATIONS = f"/v26.0/{PAGE}/conversations?platform=instagram"
DETAILS = "id,created_time,from,to,message,attachments,shares,story,reply_to,is_unsupported"


def read_message(meta: MetaClient, mid: str) -> Any:
    """The message's details, without id, time and ends."""
    got = meta.read(f"/v26.0/{mid}?fields={DETAILS}")
    assert got.pop("id") == mid
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\+0000", got.pop("created_time"))
    assert got.pop("from") == {"username": "ana.lima", "id": ANA}
    assert got.pop("to") == {"data": [{"username": "acme_coffee", "id": ACCOUNT}]}
    return got


def told_silently(meta: MetaClient, item: dict[str, Any]) -> str:
    body = {"accountId": ACCOUNT, "userId": ANA, "item": item, "silent": True}
    mid = meta.control("POST", "/events", body)["item"]["message"]["mid"]
    assert isinstance(mid, str)
    return mid


def test_a_silent_message_is_in_the_thread_and_in_no_webhook(connected: MetaClient, receiver: Receiver):
    lost = connected.write_as_customer("lost", silent=True)
    path = f"/accounts/{ACCOUNT}/messages"
    typed = connected.control("POST", path, {"to": ANA, "text": "typed, lost", "silent": True})["mid"]
    connected.write_as_customer("told")
    receiver.wait_for(1)
    assert receiver.texts() == ["told"]
    listed = connected.read(f"{CONVERSATIONS}&fields=messages{{id,message}}")["data"][0]["messages"]["data"]
    assert [message["message"] for message in listed] == ["told", "typed, lost", "lost"]
    assert [message["id"] for message in listed][1:] == [typed, lost]
    assert connected.send("Hello").ok


def test_a_hint_names_a_message_that_can_be_read(connected: MetaClient, receiver: Receiver):
    mids = [connected.write_as_customer("lost", hintOnly=True)]
    typed = {"to": ANA, "text": "typed, lost", "hintOnly": True}
    mids.append(connected.control("POST", f"/accounts/{ACCOUNT}/messages", typed)["mid"])
    items = [item for received in receiver.wait_for(2) for item in received.items]
    assert [item.keys() for item in items] == [{"timestamp", "message_edit"}] * 2
    assert [item["message_edit"] for item in items] == [{"mid": mid, "num_edit": 0} for mid in mids]
    assert [connected.read(f"/v26.0/{mid}?fields=message")["message"] for mid in mids] == ["lost", "typed, lost"]


def test_a_referral_can_come_before_any_message(connected: MetaClient, receiver: Receiver):
    body = {"accountId": ACCOUNT, "userId": ANA, "item": {"referral": {"ref": "spring", "source": "SHORTLINKS"}}}
    connected.control("POST", "/events", body)
    (item,) = receiver.wait_for(1)[0].items
    assert (item["sender"], item["referral"]["ref"]) == ({"id": ANA}, "spring")
    assert connected.read(CONVERSATIONS)["data"] == []
    assert connected.send("Hello").ok, "a referral opens the window"


def test_a_message_can_be_put_in_late_and_stands_where_it_was_written(meta: MetaClient):
    meta.write_as_customer("now")
    meta.write_as_customer("a minute ago", secondsAgo=60, silent=True)
    (thread,) = meta.read(f"{CONVERSATIONS}&fields=updated_time,messages{{created_time,message}}")["data"]
    newest, older = thread["messages"]["data"]
    assert (newest["message"], older["message"]) == ("now", "a minute ago")
    assert newest["created_time"] > older["created_time"]
    assert thread["updated_time"] == newest["created_time"]


def test_threads_are_listed_with_the_latest_first_a_page_at_a_time(meta: MetaClient):
    people = [meta.control("POST", "/users", {})["userId"] for _ in range(5)]
    for number, user in enumerate(people):
        meta.write_as_customer("Hi", user=user, secondsAgo=100 - number)
    seen: list[str] = []
    page = meta.read(f"{CONVERSATIONS}&fields=participants&limit=2")
    assert set(page["paging"]["cursors"]) == {"before", "after"}
    for expected in (2, 2, 1):
        seen += [thread["participants"]["data"][1]["id"] for thread in page["data"]]
        assert len(page["data"]) == expected
        if expected == 2:
            by_cursor = meta.read(f"{CONVERSATIONS}&limit=2&after={page['paging']['cursors']['after']}")
            page = meta.graph("GET", page["paging"]["next"].removeprefix(meta.url), None).json()
            assert [thread["id"] for thread in page["data"]] == [thread["id"] for thread in by_cursor["data"]]
    assert seen == people[::-1]
    assert "next" not in page["paging"]


def test_a_list_says_id_and_time_and_an_empty_one_has_no_pages(meta: MetaClient):
    assert meta.read(CONVERSATIONS) == {"data": []}
    meta.write_as_customer()
    answer = meta.read(CONVERSATIONS)
    (thread,) = answer["data"]
    assert set(thread) == {"id", "updated_time"}
    assert set(answer["paging"]) == {"cursors"}
    shown = meta.read(f"/v26.0/{thread['id']}?fields=messages")
    (message,) = shown["messages"]["data"]
    assert set(shown) == {"messages", "id"}
    assert set(message) == {"id", "created_time", "is_unsupported"}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=x", "after=AAAA"])
def test_a_wrong_page_is_refused(meta: MetaClient, query: str):
    meta.write_as_customer()
    assert refusal(meta.graph("GET", f"{CONVERSATIONS}&{query}"))["code"] == 100


def test_a_threads_messages_go_on_behind_the_first_page(meta: MetaClient):
    mids = [meta.write_as_customer(f"message {number}") for number in range(30)][::-1]
    (thread,) = meta.read(CONVERSATIONS)["data"]
    first = meta.read(f"/v26.0/{thread['id']}?fields=messages{{id,message}}")["messages"]
    assert [message["id"] for message in first["data"]] == mids[:25]
    rest = meta.graph("GET", first["paging"]["next"].removeprefix(meta.url), None).json()
    assert [message["id"] for message in rest["data"]] == mids[25:]
    edge = meta.read(f"/v26.0/{thread['id']}/messages?fields=message&limit=3")
    assert [message["message"] for message in edge["data"]] == ["message 29", "message 28", "message 27"]


def test_of_more_than_20_messages_the_older_ones_show_nothing_but_their_ids(meta: MetaClient):
    mids = [meta.write_as_customer(f"message {number}") for number in range(21)]
    assert refusal(meta.graph("GET", f"/{mids[0]}?fields=message")) == {
        "message": "(#9000001) The message is deleted or no longer available.",
        "type": "OAuthException",
        "code": 9000001,
    }
    (thread,) = meta.read(CONVERSATIONS)["data"]
    oldest = meta.read(f"/{thread['id']}/messages?fields={DETAILS}")["data"][-1]
    assert set(oldest) == {"id", "created_time", "is_unsupported"}


def test_a_text_is_shown_with_what_it_answers(meta: MetaClient):
    first = meta.write_as_customer("Hi")
    assert read_message(meta, first) == {"message": "Hi", "is_unsupported": False}
    reply = meta.write_as_customer("and", replyTo=first)
    assert read_message(meta, reply) == {"message": "and", "reply_to": {"mid": first}, "is_unsupported": False}


def test_a_template_shows_its_first_card_and_a_link_its_url(meta: MetaClient):
    button = {"type": "web_url", "title": "Buy", "url": "https://shop"}
    element = {"title": "Espresso", "subtitle": "Dark", "image_url": "https://x", "buttons": [button]}
    cards = {"type": "template", "payload": {"generic": {"elements": [element]}}}
    link = {"type": "fallback", "url": "https://shop", "payload": "null"}
    mid = meta.write_as_customer("", attachments=[cards, link])
    shown = {"title": "Espresso", "subtitle": "Dark", "media_url": "https://x", "cta": button}
    assert read_message(meta, mid)["attachments"] == {
        "data": [{"generic_template": shown}, {"file_url": "https://shop"}]
    }


def test_attachments_shares_and_stories_have_places_of_their_own(meta: MetaClient):
    def attached(kind: str) -> dict[str, Any]:
        return {"type": kind, "payload": {"url": f"https://lookaside.fbsbx.com/{kind}"}}

    media = meta.write_as_customer("", attachments=[attached("image"), attached("audio")])
    assert read_message(meta, media)["attachments"] == {
        "data": [
            {"image_data": {"url": "https://lookaside.fbsbx.com/image"}},
            {"file_url": "https://lookaside.fbsbx.com/audio", "mime_type": "audio/mp4"},
        ]
    }
    post = meta.write_as_customer("", attachments=[attached("ig_post")])
    shared = {"data": [{"link": "https://lookaside.fbsbx.com/ig_post"}]}
    assert read_message(meta, post) == {"message": "", "shares": shared, "is_unsupported": False}
    answer = meta.write_as_customer("wow", replyTo={"story": {"url": "https://lookaside.fbsbx.com/s", "id": "18000"}})
    story = {"reply_to": {"link": "https://lookaside.fbsbx.com/s", "id": "18000"}}
    assert read_message(meta, answer) == {"message": "wow", "story": story, "is_unsupported": False}
    mention = told_silently(meta, {"message": {"attachments": [attached("story_mention")]}})
    assert read_message(meta, mention)["story"]["mention"]["link"] == "https://lookaside.fbsbx.com/story_mention"


def test_a_message_of_an_unsupported_kind_says_so(meta: MetaClient):
    mid = told_silently(meta, {"message": {"is_unsupported": True}})
    assert read_message(meta, mid) == {"message": "", "is_unsupported": True}


def test_both_flavours_read_the_same(meta: MetaClient):
    meta.write_as_customer("Hi")
    meta.write_as_customer("Hi", user=BEN)
    by_page = meta.read(CONVERSATIONS)["data"]
    by_account = meta.read(f"/v26.0/{ACCOUNT}/conversations?platform=instagram", INSTAGRAM_TOKEN)["data"]
    assert by_page == by_account


def test_two_calls_a_second_are_allowed_where_the_switch_is_on(meta: MetaClient):
    mid = meta.write_as_customer()
    meta.faults(limit_conversations=True)
    answers = [meta.graph("GET", path) for path in (CONVERSATIONS, f"/{mid}") * 5]
    refused = [answer for answer in answers if not answer.ok]
    assert refusal(refused[0]) == {
        "message": "(#613) Calls to this API have exceeded the rate limit.",
        "type": "OAuthException",
        "code": 613,
        "error_subcode": 2534040,
    }
    assert meta.graph("GET", "/me").ok
    assert meta.graph("GET", f"/{ANA}").ok


def test_the_third_call_of_an_account_in_a_second_is_one_too_many():
    pace = Pace(2)
    assert [pace.allows(ACCOUNT, now) for now in (0, 400, 999, 1000, 1399, 1400)] == [
        *(True, True, False),
        *(True, False, True),
    ]
    assert pace.allows(BAKERY, 1400)


def test_a_thread_of_another_account_is_none(meta: MetaClient):
    meta.write_as_customer()
    (thread,) = meta.read(CONVERSATIONS)["data"]
    other = meta.graph("GET", f"/{thread['id']}/messages", "EAAsimulatedPageToken0003")
    assert refusal(other)["error_subcode"] == 33
