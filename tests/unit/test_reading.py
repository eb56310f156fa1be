"""What one notification means: `instagram.reading`."""

import copy
import json
from datetime import UTC, datetime, timedelta

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Attachment
from connector.instagram.events import (
    MessageEchoed,
    MessageEdited,
    MessageHinted,
    MessageRead,
    MessageReceived,
    MessageUnsent,
    Other,
    Parties,
    PostbackTapped,
    Reacted,
    Referred,
)
from connector.instagram.notifications import Notification, split
from connector.instagram.reading import is_dashboard_test, read, read_as_it_came
from tests.unit.payloads import ACCOUNT, NAMES, RECEIVED_AT, SENT_AT, USER, body, item, notification, payload

WHO = Parties(ACCOUNT, USER, SENT_AT)
REFERRAL = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"}


def _mid(name):
    inner = next(value for value in item(name).values() if isinstance(value, dict) and "mid" in value)
    return inner["mid"]


def _url(name, index=0, key="url"):
    return item(name)["message"]["attachments"][index]["payload"][key]


def _received(name, text=None, attachments=(), *, reply_to=None, quick_reply=None, referral=None, standby=False):
    return MessageReceived(WHO, _mid(name), text, attachments, reply_to, quick_reply, referral, standby)


EXPECTED = {
    "text": lambda: _received("text", "Привет 👋 what are your hours?"),
    "image": lambda: _received("image", None, (Attachment("image", _url("image")),)),
    "two-attachments": lambda: _received(
        "two-attachments",
        None,
        (Attachment("image", _url("two-attachments")), Attachment("video", _url("two-attachments", 1))),
    ),
    "story-reply": lambda: _received("story-reply", "nice! 😍", reply_to=item("story-reply")["message"]["reply_to"]),
    "story-mention": lambda: _received("story-mention", None, (Attachment("story_mention", _url("story-mention")),)),
    "ig-post": lambda: _received(
        "ig-post", None, (Attachment("ig_post", _url("ig-post"), "New in: the “Sofia” coat"),)
    ),
    "ig-reel": lambda: _received("ig-reel", None, (Attachment("ig_reel", _url("ig-reel"), "Behind the scenes ✨"),)),
    "ig-story": lambda: _received(
        "ig-story", "how much?", (Attachment("ig_story", _url("ig-story", key="story_media_url")),)
    ),
    "ephemeral": lambda: _received("ephemeral", None, (Attachment("ephemeral", None),)),
    "unsupported": lambda: _received("unsupported", None, (Attachment("unsupported", None),)),
    "unknown-attachment": lambda: _received(
        "unknown-attachment", None, (Attachment("hologram", None, "A thing of tomorrow"),)
    ),
    "quick-reply": lambda: _received("quick-reply", "Opening hours", quick_reply="FAQ_HOURS"),
    "standby": lambda: _received("standby", "is anybody there?", standby=True),
    "echo": lambda: MessageEchoed(WHO, _mid("echo"), "We are open until 6 pm.", ()),
    "unsend": lambda: MessageUnsent(WHO, _mid("unsend")),
    "edit": lambda: MessageEdited(WHO, _mid("edit"), "what are your opening hours?"),
    "edit-without-parties": lambda: MessageHinted(Parties(ACCOUNT, "", SENT_AT), _mid("edit-without-parties")),
    "react": lambda: Reacted(WHO, _mid("react"), "❤️"),
    "unreact": lambda: Reacted(WHO, _mid("unreact"), None),
    "read": lambda: MessageRead(WHO, _mid("read")),
    "postback": lambda: PostbackTapped(
        WHO, _mid("postback"), "What are your hours?", "FAQ_HOURS", REFERRAL, standby=False
    ),
    "postback-without-mid": lambda: PostbackTapped(WHO, None, "What are your hours?", "FAQ_HOURS", None, standby=False),
    "referral": lambda: Referred(WHO, REFERRAL),
}
KEPT_AS_THEY_CAME = {
    "thread-control": ("pass_thread_control", USER),
    "comment": ("comments", ""),
    "unknown-event": ("message_mood", USER),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_payload_is_read_as_what_it_means(name):
    assert read(notification(name), RECEIVED_AT) == EXPECTED[name]()


@pytest.mark.parametrize("name", KEPT_AS_THEY_CAME)
def test_b9_what_is_not_known_is_kept_as_it_came(name):
    event = read(notification(name), RECEIVED_AT)
    assert isinstance(event, Other)
    assert (event.name, event.user_id) == KEPT_AS_THEY_CAME[name]
    assert (event.account_id, event.item) == (ACCOUNT, item(name))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"num_edit": 0}, MessageHinted),
        ({"num_edit": "0", "text": "hi"}, MessageHinted),
        ({"num_edit": 1}, MessageHinted),
        ({}, MessageHinted),
        ({"num_edit": 1, "text": "hi"}, MessageEdited),
        ({"text": "hi"}, MessageEdited),
    ],
)
@pytest.mark.parametrize("sender", [None, {}, {"id": USER}, {"id": ACCOUNT}], ids=["none", "empty", "user", "account"])
def test_an_edit_is_read_whoever_it_names(fields, kind, sender):
    told = {"message_edit": {"mid": "m", **fields}} | ({"sender": sender} if sender is not None else {})
    event = read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT)
    assert isinstance(event, kind)
    assert (event.mid, event.parties.account_id, event.parties.at) == ("m", ACCOUNT, RECEIVED_AT)


def test_every_payload_has_an_expectation():
    others = {"dashboard-test", "batch-of-two-accounts"}
    assert set(NAMES) == EXPECTED.keys() | KEPT_AS_THEY_CAME.keys() | others


def test_only_the_dashboards_test_button_is_a_dashboard_test():
    assert [name for name in NAMES if is_dashboard_test(notification(name))] == ["dashboard-test"]


def test_the_dashboards_test_of_the_messaging_form_is_one_too():
    test_item = payload("dashboard-test")["entry"][0]["changes"][0]["value"]
    assert is_dashboard_test(Notification("23245", "messaging", test_item))
    assert is_dashboard_test(Notification(ACCOUNT, "messaging", test_item)), "the mid alone tells it"


def test_a_message_in_the_changes_form_is_read_like_any_other():
    event = read(Notification(ACCOUNT, "changes", {"field": "messages", "value": item("text")}), RECEIVED_AT)
    assert event == EXPECTED["text"]()


def test_a28_e11_a_message_whose_sender_is_the_account_itself_is_never_a_customers():
    """Two bots must not talk to each other through a missing is_echo."""
    told = item("text") | {"sender": {"id": ACCOUNT}}
    assert isinstance(read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT), Other)


@pytest.mark.parametrize(
    "timestamp",
    [
        pytest.param(1757330002434, id="ms"),
        pytest.param(1757330002, id="seconds"),
        pytest.param("1757330002434", id="ms-in-a-string"),
        pytest.param("1757330002", id="seconds-in-a-string"),
        pytest.param(1757330002434.0, id="float"),
    ],
)
def test_a22_a_time_in_ms_or_seconds_or_a_string_of_either_is_understood(timestamp):
    event = read(Notification(ACCOUNT, "messaging", item("text") | {"timestamp": timestamp}), RECEIVED_AT)
    assert abs(event.parties.at - SENT_AT) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "timestamp",
    [
        0,
        -1,
        -(10**15),
        10**15,
        10**30,
        1757330010001 + 86_400_000,
        None,
        True,
        "",
        "yesterday",
        "9" * 5000,
        float("nan"),
        float("inf"),
        {},
        [],
    ],
)
def test_a22_an_absurd_time_is_when_it_was_received(timestamp):
    event = read(Notification(ACCOUNT, "messaging", item("text") | {"timestamp": timestamp}), RECEIVED_AT)
    assert event.parties.at == RECEIVED_AT


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a12_a_number_that_json_does_not_know_is_kept_as_none(number):
    assert read_as_it_came(Notification(ACCOUNT, "messaging", {"new": {"x": number}}), RECEIVED_AT).item == {
        "new": {"x": None}
    }


def test_a_message_keeps_what_is_right_when_its_attachments_are_nonsense():
    told = copy.deepcopy(item("text"))
    told["message"]["attachments"] = [None, 5, "x", {}, {"type": 5, "payload": []}, {"type": "image", "payload": None}]
    event = read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT)
    assert event.text == "Привет 👋 what are your hours?"
    assert [one.kind for one in event.attachments] == ["unknown", "unknown", "image"]


def test_two_events_of_one_message_are_kept_under_two_keys():
    keys = {read_as_it_came(notification(name), RECEIVED_AT).key for name in NAMES}
    assert len(keys) == len(NAMES)


@pytest.mark.parametrize("name", ["text", "echo", "unsend", "edit", "react", "unreact", "read", "postback"])
def test_what_is_kept_names_the_message_it_is_about_and_can_be_read_later(name):
    kept = read_as_it_came(notification(name), RECEIVED_AT)
    assert (kept.mid, kept.channel) == (_mid(name), "messaging")
    again = Notification(kept.account_id, kept.channel, dict(kept.item))
    assert read(again, kept.at) == read(notification(name), kept.at)


def test_f6_of_what_is_too_large_is_kept_that_it_was_there():
    told = item("unknown-event") | {"message_mood": {"mid": "m", "x": "y" * 100_000}}
    kept = read_as_it_came(Notification(ACCOUNT, "messaging", told), RECEIVED_AT)
    assert len(str(kept.item)) < 1000
    assert (kept.name, kept.mid, kept.user_id) == ("message_mood", "m", USER)


def test_a20_the_same_event_has_the_same_key_whenever_it_is_received():
    later = RECEIVED_AT + timedelta(days=1)
    for name in NAMES:
        assert read_as_it_came(notification(name), RECEIVED_AT).key == read_as_it_came(notification(name), later).key


NASTY = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**63,
        10**30,
        1e308,
        "",
        "\ud800",
        "a\0b",
        "👩‍👩‍👧‍👦" * 40,
        [],
        {},
        [[]],
        [None],
        {"\ud800": "\ud800"},
        {"a\0b": 1},
        {"$where": "1", "a.b": 2, "": 3},
        {"id": 2**70},
        {"id": ["x"]},
        {"mid": {}},
    ]
) | st.recursive(st.text(max_size=5) | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(), one))


@st.composite
def mutated_payloads(draw):
    """A payload of Meta's with some of its values replaced, removed, doubled, wrapped or moved to other keys."""
    told = payload(draw(st.sampled_from(NAMES)))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(told))
        parent, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "wrap", "double", "rename", "deepen"])):
            case "replace":
                parent[key] = copy.deepcopy(draw(NASTY))
            case "remove":
                del parent[key]
            case "wrap":
                parent[key] = draw(st.sampled_from([[parent[key]], {"x": parent[key]}]))
            case "double" if isinstance(parent, list):
                parent.append(parent[key])
            case "rename" if isinstance(parent, dict):
                names = ["message", "postback", "referral", "read", "reaction", "mid", "sender", "is_echo", "\ud800"]
                parent[draw(st.sampled_from(names))] = parent.pop(key)
            case "deepen":
                for _ in range(120):
                    parent[key] = {"x": parent[key]}
        if not list(_places(told)):
            break
    return told


def _places(value):
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(children):
        yield value, key
        yield from _places(child)


def _notifications(told):
    raw = json.dumps(told | {"object": "instagram"}).encode()
    return split(raw)


def _fields(event):
    """Return an event as a document, as the stores write its parts."""
    values = {name: getattr(event, name) for name in event.__slots__}
    return {
        name: [[one.kind, one.url, one.title] for one in value]
        if name == "attachments"
        else [value.account_id, value.user_id, value.at]
        if isinstance(value, Parties)
        else value
        for name, value in values.items()
    }


@given(mutated_payloads())
def test_b9_f6_no_mutation_of_a_payload_raises_and_every_result_can_be_written_by_bson(told):
    for one in _notifications(told):
        for event in (read(one, RECEIVED_AT), read_as_it_came(one, RECEIVED_AT)):
            bson.encode(_fields(event))


@given(mutated_payloads())
def test_a22_no_mutation_of_a_payload_happens_in_the_future_or_before_instagram(told):
    for one in _notifications(told):
        event = read(one, RECEIVED_AT)
        at = event.at if isinstance(event, Other) else event.parties.at
        assert datetime(2010, 10, 6, tzinfo=UTC) < at <= RECEIVED_AT


@given(mutated_payloads())
def test_what_is_read_from_a_mutation_says_the_same_when_it_comes_again(told):
    for one in _notifications(told):
        assert read(one, RECEIVED_AT) == read(copy.deepcopy(one), RECEIVED_AT)


def test_a6_escaped_slashes_are_slashes():
    assert rb"https:\/\/" in body("image")
    assert _url("image").startswith("https://lookaside.fbsbx.com/")


@pytest.mark.parametrize("account_id", ["\ud800", "17841\udfff"])
def test_an_account_id_that_is_half_a_surrogate_pair_can_be_written_by_bson(account_id):
    """Ingest looks a connection up by it: what BSON refuses would crash there, again and again."""
    raw = json.dumps({"object": "instagram", "entry": [{"id": account_id, "messaging": [{"x": 1}]}]}).encode()
    (one,) = split(raw)
    bson.encode({"instagramAccountId": one.account_id})
