"""What one notification means: `instagram.reading`."""

import copy
import json
from datetime import UTC, datetime, timedelta

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Attachment, Button, Card, Coordinates
from connector.instagram.events import (
    ControlPassed,
    MessageEchoed,
    MessageEdited,
    MessageHinted,
    MessageRead,
    MessageReceived,
    MessageUnsent,
    Other,
    Parties,
    PolicyEnforced,
    PostbackTapped,
    Reacted,
    Referred,
)
from connector.instagram.notifications import Notification, split
from connector.instagram.reading import is_dashboard_test, read, read_as_it_came
from connector.storage.attachment_documents import read_attachment, write_attachment
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


def _echoed(name, text=None, attachments=()):
    return MessageEchoed(WHO, _mid(name), text, attachments)


def _bought(title, subtitle, slug, payload):
    url = f"https://shop.example.com/{slug}"
    buttons = (Button("Buy", payload=payload), Button("Details", f"{url}#details"))
    return Card(title, subtitle, url, f"{url}.jpg", buttons=buttons)


CARDS = (
    Attachment(
        "template",
        None,
        cards=(
            _bought("Espresso", "Dark roast", "espresso", "BUY_1"),
            _bought("Filter", "Light roast", "filter", "BUY_2"),
        ),
    ),
)
PRODUCTS = (
    Attachment(
        "template",
        None,
        cards=(
            Card("Sofia coat", "€ 120", None, "https://shop.example.com/coat.jpg", "24681012141618", "SKU-1"),
            Card("Sofia hat", "€ 30", None, "https://shop.example.com/hat.jpg", "24681012141620", "SKU-2"),
        ),
    ),
)
ASKED_TO_KEEP = Card(
    "Shall we keep you one?",
    buttons=(Button("Yes, please", payload="KEEP"), Button("All cakes", "https://shop.example.com/cakes")),
)
BLOCKED = "The business violated our Platform Policies (https://developers.facebook.com/devpolicy)."


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
        "ig-post", None, (Attachment("ig_post", _url("ig-post", 1), "New in: the “Sofia” coat", "18139494541428835"),)
    ),
    "ig-reel": lambda: _received(
        "ig-reel", None, (Attachment("ig_reel", _url("ig-reel"), "Behind the scenes ✨", "17873858025351922"),)
    ),
    "ig-story": lambda: _received(
        "ig-story",
        "how much?",
        (Attachment("ig_story", _url("ig-story", key="story_media_url"), media_id="17900000000000001"),),
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
    "cards": lambda: _received("cards", None, CARDS),
    "cards-echo": lambda: _echoed("cards-echo", None, CARDS),
    "products": lambda: _received("products", None, PRODUCTS),
    "buttons-echo": lambda: _echoed("buttons-echo", None, (Attachment("template", None, cards=(ASKED_TO_KEEP,)),)),
    "fallback": lambda: _received(
        "fallback", "is this yours?", (Attachment("fallback", "https://shop.example.com/coat", "Sofia coat"),)
    ),
    "fallback-url-in-capitals": lambda: _received(
        "fallback-url-in-capitals", None, (Attachment("fallback", "https://shop.example.com/coat"),)
    ),
    "location": lambda: _received(
        "location",
        None,
        (
            Attachment(
                "location",
                "https://maps.example.com/?q=48.1372,11.5756",
                "Ada's place",
                coordinates=Coordinates(48.1372, 11.5756),
            ),
        ),
    ),
    "sticker": lambda: _received("sticker", None, (Attachment("sticker", _url("sticker")),)),
    "like-heart": lambda: _received("like-heart", None, (Attachment("like_heart", None),)),
    "unsupported-type": lambda: _received("unsupported-type", None, (Attachment("unsupported_type", None),)),
    "share-and-ig-post": lambda: _received(
        "share-and-ig-post",
        None,
        (Attachment("ig_post", _url("share-and-ig-post", 1), "New in: the “Sofia” coat", "18139494541428835"),),
    ),
    "two-posts": lambda: _received(
        "two-posts",
        None,
        (
            Attachment("share", _url("two-posts")),
            Attachment("ig_post", _url("two-posts", 1), media_id="18139494541428836"),
        ),
    ),
    "same-image-twice": lambda: _received("same-image-twice", None, (Attachment("image", _url("same-image-twice")),)),
    "product": lambda: _received("product", referral={"product": {"id": "24681012141618"}}),
    "ad": lambda: _received("ad", "is it in stock?", referral=item("ad")["message"]["referral"]),
    "referral-beside-message": lambda: _received("referral-beside-message", "hi", referral=REFERRAL),
    "quick-reply-without-text": lambda: _received("quick-reply-without-text", quick_reply="FAQ_HOURS"),
    "tap-on-card": lambda: PostbackTapped(WHO, _mid("tap-on-card"), "Buy", "BUY_2", None, standby=False),
    "story-reply-link-sticker": lambda: _received(
        "story-reply-link-sticker",
        "is it this one?",
        reply_to={"story": {"link_sticker_url": "https://shop.example.com/coat"}},
    ),
    "react-in-escapes": lambda: Reacted(WHO, _mid("react-in-escapes"), "😍"),
    "react-by-name": lambda: Reacted(WHO, _mid("react-by-name"), "😮"),
    "unsend-with-text": lambda: MessageUnsent(WHO, _mid("unsend-with-text")),
    "unsend-by-business": lambda: MessageUnsent(WHO, _mid("unsend-by-business")),
    "policy-enforcement": lambda: PolicyEnforced(Parties(ACCOUNT, "", SENT_AT), "block", BLOCKED),
    "thread-control": lambda: ControlPassed(WHO, "1217981644879628", is_taken=False),
}
KEPT_AS_THEY_CAME = {
    "comment": ("comments", USER),
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
                names = [
                    *("message", "postback", "referral", "read", "reaction", "mid", "sender", "is_echo", "\ud800"),
                    *("attachments", "payload", "elements", "buttons", "generic", "coordinates", "product", "story"),
                    *("policy_enforcement", "quick_reply", "is_deleted", "reply_to", "emoji", "URL"),
                ]
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
        name: [write_attachment(one) for one in value]
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
def test_no_mutation_is_read_beyond_the_bounds(told):
    """A chat document of 16 MB holds 500 messages."""
    for one in _notifications(told):
        event = read(one, RECEIVED_AT)
        if not isinstance(event, Other):
            assert len(json.dumps(_fields(event), default=str)) < 150_000
        for attachment in getattr(event, "attachments", ()):
            assert read_attachment(write_attachment(attachment)) == attachment


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


# ── attachments


def _attachments(*attachments, **fields):
    told = {"mid": "m", "attachments": list(attachments)} | fields
    return read(Notification(ACCOUNT, "messaging", item("text") | {"message": told}), RECEIVED_AT).attachments


def _template(payload, **beside):
    return _attachments({"type": "template", "payload": payload} | beside)


ESPRESSO = {"title": "Espresso"}


@pytest.mark.parametrize(
    "template",
    [
        pytest.param({"payload": {"generic": {"elements": [ESPRESSO]}}}, id="generic"),
        pytest.param({"payload": {"product": {"elements": [ESPRESSO]}}}, id="product"),
        pytest.param({"payload": {"carousel": {"elements": [ESPRESSO]}}}, id="a-word-of-tomorrow"),
        pytest.param({"payload": {"elements": [ESPRESSO]}}, id="of-the-payload"),
        pytest.param({"payload": {"elements": ESPRESSO}}, id="not-in-a-list"),
        pytest.param({"payload": None, "elements": [ESPRESSO]}, id="beside-the-payload"),
        pytest.param({"payload": {"product": ESPRESSO}}, id="without-elements"),
        pytest.param(
            {"payload": {"generic": {"elements": [None, 5, {}, ESPRESSO, {"title": {}}]}}}, id="among-nonsense"
        ),
    ],
)
def test_a_card_is_read_wherever_meta_lists_it(template):
    (attachment,) = _attachments({"type": "template"} | template)
    assert attachment.cards == (Card("Espresso"),)


@pytest.mark.parametrize(
    "payload",
    [
        {"template_type": "button", "text": "Sure?", "buttons": [{"type": "postback", "title": "Yes", "payload": "Y"}]},
        {"button": {"text": "Sure?", "buttons": [{"type": "postback", "title": "Yes", "payload": "Y"}]}},
        {"generic": {"text": "Sure?", "call_to_actions": [{"title": "Yes", "payload": "Y"}]}},
    ],
    ids=["as-it-is-sent", "in-a-wrapper", "old-name"],
)
def test_a_text_with_buttons_is_read_as_a_card(payload):
    (attachment,) = _template(payload)
    assert attachment.cards == (Card("Sure?", buttons=(Button("Yes", payload="Y"),)),)


@pytest.mark.parametrize("payload", [{}, {"generic": {"elements": []}}, {"generic": None}, None, [], "null", 5])
def test_an_empty_template_has_no_cards(payload):
    assert _template(payload) == (Attachment("template", None),)


def test_lists_and_texts_of_cards_are_read_within_bounds():
    button = {"type": "web_url", "title": "t" * 5_000, "url": "https://x/" + "y" * 9_000, "payload": "p" * 5_000}
    card = {"title": "t" * 5_000, "image_url": "https://x/y", "buttons": [button] * 50}
    (attachment,) = _template({"generic": {"elements": [card] * 500}})
    assert len(attachment.cards) <= 10
    assert all(len(card.buttons) <= 5 for card in attachment.cards)
    first = attachment.cards[0]
    assert (len(first.title), first.image_url) == (1_000, "https://x/y")
    assert (len(first.buttons[0].title), first.buttons[0].url, len(first.buttons[0].payload)) == (1_000, None, 1_000)
    assert len(json.dumps(write_attachment(attachment))) < 50_000
    assert len(_attachments(*({"type": "image", "payload": {"url": f"https://x/{n}"}} for n in range(1_000)))) == 20


@pytest.mark.parametrize(
    ("payload", "beside"),
    [
        ({"url": "https://x/1"}, {}),
        (None, {"url": "https://x/1"}),
        ("null", {"URL": "https://x/1"}),
        ({}, {"Url": "https://x/1"}),
        ({"url": None}, {"url": "https://x/1"}),
        ({"url": "null"}, {"url": "https://x/1"}),
    ],
    ids=str,
)
def test_a_link_is_kept_in_the_payload_or_beside_it(payload, beside):
    assert _attachments({"type": "fallback", "payload": payload} | beside) == (Attachment("fallback", "https://x/1"),)


@pytest.mark.parametrize(
    ("place", "coordinates"),
    [
        ({"coordinates": {"lat": 48.1, "long": 11.5}}, Coordinates(48.1, 11.5)),
        ({"coordinates": {"latitude": "48.1", "longitude": "11.5"}}, Coordinates(48.1, 11.5)),
        ({"lat": -90, "lng": 180}, Coordinates(-90.0, 180.0)),
        *(({"coordinates": {"lat": bad, "long": 11.5}}, None) for bad in (91, None, True, "x", "nan", 10**400, [], {})),
        ({"coordinates": [48.1, 11.5]}, None),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_location_is_read_with_its_coordinates(place, coordinates):
    assert _attachments({"type": "location", "payload": place}) == (
        Attachment("location", None, coordinates=coordinates),
    )


CDN = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id"


@pytest.mark.parametrize(
    ("share", "post", "number"),
    [
        ({"url": f"{CDN}=1&signature=a"}, {"url": f"{CDN}=1&signature=b"}, 1),
        ({"url": "https://www.instagram.com/p/A/?igsh=1"}, {"url": "https://www.instagram.com/p/A/?utm_source=x"}, 1),
        ({"url": "https://a.cdn/v/1_n.jpg?oh=1&oe=2"}, {"url": "https://b.cdn/v/1_n.jpg?oh=3&oe=4"}, 1),
        ({"url": "https://x/1", "ig_post_media_id": 7}, {"url": "https://x/2", "ig_post_media_id": "7"}, 1),
        ({"url": f"{CDN}=1&signature=a"}, {"url": f"{CDN}=2&signature=a"}, 2),
        ({"url": "https://www.instagram.com/p/A/"}, {"url": "https://www.instagram.com/p/B/"}, 2),
        ({"url": "https://x/1?s=1", "title": "Coat"}, {"url": "https://x/1?s=2", "title": "Hat"}, 2),
        ({"url": "https://x/1?s=1", "title": "Coat…"}, {"url": "https://x/1?s=2", "title": "Coat and hat"}, 1),
        ({"url": "https://x/1?s=1", "id": "7"}, {"url": "https://x/1?s=2", "id": "8"}, 2),
        ({"url": "http://[x"}, {"url": "http://[y"}, 2),
        ({}, {}, 2),
    ],
    ids=str,
)
def test_a_post_that_is_listed_as_two_kinds_is_one_and_two_posts_are_two(share, post, number):
    told = [{"type": "share", "payload": share}, {"type": "ig_post", "payload": post}]
    for listed in (told, told[::-1]):
        kinds = [one.kind for one in _attachments(*listed)]
        assert kinds == (["ig_post"] if number == 1 else [one["type"] for one in listed])


def test_two_pictures_whose_urls_differ_in_the_query_only_are_two():
    assert len(_attachments(*({"type": "image", "payload": {"url": f"https://x/?v={n}"}} for n in "12"))) == 2


# ── reactions


@pytest.mark.parametrize(
    ("reaction", "emoji"),
    [
        ({"emoji": "❤️", "reaction": "love"}, "❤️"),
        ({"emoji": r"\u2764"}, "❤"),
        ({"emoji": r"\u2764\uFE0F"}, "❤️"),
        ({"emoji": r"\ud83d\ude0d"}, "😍"),
        ({"emoji": r"\\ud83d\\ude0d"}, "😍"),
        ({"emoji": r"\u{1f60d}"}, "😍"),
        ({"emoji": r"\U0001F60D"}, "😍"),
        ({"emoji": "U+1F60D"}, "😍"),
        *(
            ({"reaction": name}, emoji)
            for name, emoji in (("love", "❤️"), ("smile", "😄"), ("angry", "😠"), ("sad", "😢"))
        ),
        *(
            ({"reaction": name}, emoji)
            for name, emoji in (("WOW", "😮"), ("like", "👍"), ("dislike", "👎"), ("other", "❔"))
        ),
        ({"emoji": "love"}, "❤️"),
        ({"emoji": "", "reaction": ":sad:"}, "😢"),
        ({"emoji": r"\ud83d", "reaction": "sad"}, "😢"),
        *(
            (nothing, "❔")
            for nothing in ({}, {"emoji": None}, {"emoji": 5}, {"emoji": "👍" * 500}, {"reaction": "brand_new"})
        ),
    ],
    ids=ascii,
)
def test_a_reaction_shows_as_its_emoji_however_it_is_written(reaction, emoji):
    told = item("react") | {"reaction": {"mid": "m", "action": "react"} | reaction}
    assert read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT).emoji == emoji


# ── unsends, referrals, policies


@pytest.mark.parametrize("channel", ["messaging", "standby"])
def test_a_kept_unsend_has_no_content(channel):
    told = item("unsend-with-text") | {"referral": {"ref": "555"}}
    kept = read_as_it_came(Notification(ACCOUNT, channel, told), RECEIVED_AT)
    assert set(kept.item["message"]) == {"mid", "is_deleted"}
    assert "555" not in json.dumps(kept.item)
    in_changes = Notification(ACCOUNT, "changes", {"field": "messages", "value": told})
    assert "555" not in json.dumps(read_as_it_came(in_changes, RECEIVED_AT).item)
    assert read(in_changes, RECEIVED_AT) == MessageUnsent(WHO, _mid("unsend-with-text"))


def test_an_unsend_without_parties_is_read():
    told = {"timestamp": item("unsend")["timestamp"], "message": {"mid": "m", "is_deleted": True}}
    assert read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT) == MessageUnsent(
        Parties(ACCOUNT, "", SENT_AT), "m"
    )


@pytest.mark.parametrize("field", [["messages"], {"x": 1}, None, 5, True])
def test_a_change_of_a_field_that_is_no_text_is_kept(field):
    event = read(Notification(ACCOUNT, "changes", {"field": field, "value": item("text")}), RECEIVED_AT)
    assert isinstance(event, Other)


@pytest.mark.parametrize("field", ["policy_enforcement", "messaging_policy_enforcement"])
def test_a_policy_is_enforced_in_the_changes_form_too(field):
    for value in (item("policy-enforcement"), item("policy-enforcement")["policy_enforcement"]):
        event = read(Notification(ACCOUNT, "changes", {"field": field, "value": value}), RECEIVED_AT)
        assert (event.action, event.reason) == ("block", BLOCKED)


@pytest.mark.parametrize("name", ["message", "postback"])
def test_of_two_referrals_the_outer_one_counts(name):
    told = item("referral-beside-message")
    told[name] = told.pop("message")
    assert read(Notification(ACCOUNT, "messaging", told), RECEIVED_AT).referral == REFERRAL


def test_a_referral_is_bounded_and_has_known_fields_only():
    told = {"ref": "r" * 100_000, "ad_id": 12, "new": {"x": 1}, "ads_context_data": {"product_id": 5, "ad_title": []}}
    event = read(Notification(ACCOUNT, "messaging", item("text") | {"referral": told}), RECEIVED_AT)
    assert len(event.referral.pop("ref")) == 2_500
    assert event.referral == {"ad_id": "12", "ads_context_data": {"product_id": "5"}}


@pytest.mark.parametrize("payload", [5, "5"])
def test_a_payload_that_is_a_number_is_one(payload):
    tapped = item("quick-reply-without-text") | {"message": {"mid": "m", "quick_reply": {"payload": payload}}}
    assert read(Notification(ACCOUNT, "messaging", tapped), RECEIVED_AT).quick_reply == "5"
