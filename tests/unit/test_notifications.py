"""A webhook POST, split into the single things it tells: `instagram.notifications`."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.instagram.notifications import MAX_NOTIFICATIONS, UnreadableBody, split
from tests.unit.payloads import ACCOUNT, NAMES, OTHER_ACCOUNT, USER, body, compact, message, messaging, payload

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", NAMES)
def test_every_payload_is_split_into_as_many_notifications_as_it_has_items(name):
    items = [
        item
        for entry in payload(name)["entry"]
        for channel in ("messaging", "standby", "changes")
        for item in entry.get(channel, [])
    ]
    assert [one.item for one in split(body(name))] == items


def test_each_item_of_a_batch_belongs_to_its_own_account():
    found = [(one.account_id, one.item["message"]["text"]) for one in split(body("batch-of-two-accounts"))]
    assert found == [
        (ACCOUNT, "hi there"),
        (ACCOUNT, "do you ship to Spain?"),
        (OTHER_ACCOUNT, "Guten Tag, grüße aus Köln"),
    ]


@pytest.mark.parametrize(
    ("name", "channel"), [("text", "messaging"), ("standby", "standby"), ("comment", "changes"), ("echo", "messaging")]
)
def test_the_channel_says_how_an_item_came(name, channel):
    assert [one.channel for one in split(body(name))] == [channel]


def test_the_account_of_an_item_is_its_recipient_and_of_an_echo_its_sender_whatever_the_entry_says():
    """Meta's own samples print the user's id as entry.id."""
    for name in ("text", "echo", "postback", "referral"):
        told = payload(name)
        told["entry"][0]["id"] = USER
        assert [one.account_id for one in split(compact(told))] == [ACCOUNT], name


def test_the_account_of_an_item_without_parties_is_that_of_its_entry():
    assert [one.account_id for one in split(body("edit-without-parties"))] == [ACCOUNT]
    assert [one.account_id for one in split(body("comment"))] == [ACCOUNT]


def test_an_edit_by_the_business_belongs_to_its_account():
    edit = {"sender": {"id": ACCOUNT}, "recipient": {"id": USER}, "message_edit": {"mid": "m", "num_edit": 0}}
    assert [one.account_id for one in split(compact(messaging(edit)))] == [ACCOUNT]


def test_ids_written_as_numbers_are_read_as_strings():
    told = payload("text")
    told["entry"][0]["messaging"][0]["recipient"]["id"] = int(ACCOUNT)
    assert split(compact(told))[0].account_id == ACCOUNT


def test_an_envelope_in_an_array_is_read_like_one_without():
    assert split(compact([payload("text"), payload("echo")])) == split(body("text")) + split(body("echo"))


def test_an_entry_that_is_a_field_with_a_value_is_read_as_a_change():
    flat = {"object": "instagram", "entry": [{"id": ACCOUNT, "time": 1, "field": "comments", "value": {"id": "1"}}]}
    (one,) = split(compact(flat))
    assert (one.channel, one.account_id, one.item) == ("changes", ACCOUNT, {"field": "comments", "value": {"id": "1"}})


def test_a14_an_entry_with_several_channels_and_an_unknown_list_loses_nothing():
    entry = {
        "id": ACCOUNT,
        "hop": 3,
        "messaging": [message("a")],
        "standby": [message("b")],
        "changes": [{"field": "comments", "value": {}}],
        "tomorrow": [message("c")],
    }
    found = split(compact({"object": "instagram", "entry": [entry], "more": 1}))
    assert [one.channel for one in found] == ["messaging", "standby", "changes", "changes"]
    assert found[-1].item == {"field": "tomorrow", "value": message("c")}


@pytest.mark.parametrize("nonsense", [None, 5, "x", [], True, 1.5])
def test_a15_a_malformed_item_costs_its_neighbours_nothing(nonsense):
    found = split(compact(messaging(message("a"), nonsense, message("b"))))
    assert [one.item["message"]["mid"] for one in found] == ["a", "b"]


@pytest.mark.parametrize("nonsense", [None, 5, "x", {}, True, [], [None], [[]], ["x"], [{"messaging": 5}]])
def test_a14_entries_that_are_none_are_no_notifications(nonsense):
    assert split(compact({"object": "instagram", "entry": nonsense})) == []


@pytest.mark.parametrize("raw", [b"", b"null", b'"x"', b"5", b"{}", b"[5]", b"true", b"[[]]"])
def test_a9_a_body_that_is_no_notification_of_instagram_is_unreadable(raw):
    """An empty array holds no envelope, and so nothing that could be wrong."""
    with pytest.raises(UnreadableBody):
        split(raw)


def test_an_empty_array_is_nothing():
    assert split(b"[]") == []


@pytest.mark.parametrize("kind", ["page", "user", "", None, 5, ["instagram"], "Instagram"])
def test_a13_an_envelope_of_another_product_is_unreadable(kind):
    with pytest.raises(UnreadableBody):
        split(compact(payload("text") | {"object": kind}))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(body("text")[:-1], id="truncated"),
        pytest.param(body("text").replace(b"\\ud83d\\udc4b", b"\xff\xfe"), id="not-utf8"),
        pytest.param(b"\x00\x01\x02\x03", id="binary"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested-100000-deep"),
        pytest.param(b'{"object":"instagram","entry":' + b"9" * 5_000 + b"}", id="number-of-5000-digits"),
        pytest.param(b"[" + b"{}," * 400_000 + b"{}]", id="400000-envelopes"),
    ],
)
def test_a10_a11_a_body_that_is_not_json_or_a_bomb_is_unreadable(raw):
    with pytest.raises(UnreadableBody):
        split(raw)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a12_numbers_that_are_none_do_not_cost_the_message(number):
    raw = body("text").replace(b"1757330002434", number.encode())
    assert len(split(raw)) == 1


def test_a12_a_byte_order_mark_and_doubled_keys_do_not_cost_the_message():
    assert split(b"\xef\xbb\xbf" + body("text")) == split(body("text"))
    assert len(split(body("text").replace(b'"object":', b'"object":"page","object":', 1))) == 1


def test_a11_a_batch_of_1000_is_read_and_one_of_1001_refused():
    items = [message(f"m{index}") for index in range(MAX_NOTIFICATIONS)]
    assert len(split(compact(messaging(*items)))) == MAX_NOTIFICATIONS
    with pytest.raises(UnreadableBody):
        split(compact(messaging(*items, message("one too many"))))


BOMBS = {
    "items": b'{"object":"instagram","entry":[{"id":"1","messaging":[' + b"{}," * 400_000 + b"{}]}]}",
    "entries": b'{"object":"instagram","entry":[' + b"{}," * 400_000 + b"{}]}",
    "flat-entries": b'{"object":"instagram","entry":[' + b'{"field":1},' * 100_000 + b"{}]}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a11_more_than_meta_may_send_costs_little_more_than_its_parsing(bomb):
    """Meta waits five seconds. A body of 4 MiB can hold a million empty items, and whoever has an app can sign it."""
    # The processor's time, not the clock's: how busy the machine is with other things says nothing.
    start = time.process_time()
    json.loads(BOMBS[bomb])
    parsed = time.process_time()
    with pytest.raises(UnreadableBody):
        split(BOMBS[bomb])
    assert time.process_time() - parsed < 3 * (parsed - start) + 0.1


@given(JSON)
def test_no_json_does_anything_but_split_or_be_unreadable(value):
    raw = json.dumps(value).encode()
    try:
        found = split(raw)
    except UnreadableBody:
        return
    assert all(isinstance(one.account_id, str) and isinstance(one.item, dict) for one in found)


@given(st.lists(JSON, max_size=3), st.sampled_from(["messaging", "standby", "changes", "field", "value"]))
def test_no_json_inside_an_entry_raises(values, key):
    found = split(json.dumps({"object": "instagram", "entry": [{"id": ACCOUNT, key: values}]}).encode())
    assert all(isinstance(one.item, dict) for one in found)


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_split_or_be_unreadable(raw):
    try:
        split(raw)
    except UnreadableBody:
        return


def test_a14_a_list_that_meta_has_not_announced_is_kept_under_its_name():
    entry = {"id": "17841400000000001", "time": 1, "hologram": [{"sender": {"id": "9"}}, "x"]}
    told = split(json.dumps({"object": "instagram", "entry": [entry]}).encode())
    assert [(one.account_id, one.channel, one.item["field"], one.item["value"]) for one in told] == [
        ("17841400000000001", "changes", "hologram", {"sender": {"id": "9"}}),
    ]
