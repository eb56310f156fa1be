"""Each kind of message that Meta sends: as stored, as `messages` shows it, and as the agent is asked.

Through the deployed handlers: a signed POST to the webhook, ingest, the turn, and what Retell was told.
"""

import copy
import json
from itertools import product

import pytest

from connector.storage.documents import now
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from tests.integration.deployment import CONNECT, CONTEXT
from tests.unit.payloads import ACCOUNT, APP_PATH, USER, compact, http_event, item, signed_headers
from tests.unit.peer import answer

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

SHOP = "https://shop.example.com"
SECRET = "555 0100"


@pytest.fixture
def inbox(deployment):
    deployment.call("POST", "connect", payload=CONNECT)
    return Inbox(deployment)


class Inbox:
    """A connected account, as its customers and Meta see it."""

    def __init__(self, deployment):
        self.deployment = deployment

    def receive(self, *names, **changes):
        """Have Meta post payloads of events/instagram, as if they happened now, and take them in."""
        self.tell(*(item(name) | changes for name in names))

    def tell(self, *items, channel="messaging", path=None):
        """Have Meta post these items, and take them in."""
        at = int(now().timestamp() * 1000) - len(items)
        told = [copy.deepcopy(one) | {"timestamp": at + number} for number, one in enumerate(items)]
        if channel == "changes":
            told = [{"field": "messages", "value": one} for one in told]
        raw = compact({"object": "instagram", "entry": [{"id": ACCOUNT, "time": at, channel: told}]})
        if path is None:
            assert self.deployment.post(raw) == 200
        else:
            event = http_event("POST", path, headers=signed_headers(raw), text=raw.decode())
            assert self.deployment.function("webhook")(event, CONTEXT)["statusCode"] == 200
        assert self.deployment.deliver("ingest", *self.deployment.inbox()) == []

    def asked(self):
        """Have the turn answered, and return what the agent was asked."""
        before = len(self.deployment.retell.requests)
        assert self.deployment.deliver("reply", *self.deployment.turns()) == []
        requests = self.deployment.retell.requests[before:]
        return "\n".join(one.json["content"] for one in requests if "content" in (one.json or {}))

    def variables(self):
        opened = [one for one in self.deployment.retell.requests if one.path == "/create-chat"]
        return opened[-1].json["retell_llm_dynamic_variables"]

    def shown(self):
        """Return the messages of the customer and of people, oldest first."""
        page = self.deployment.call("GET", "messages")[1]["data"]["messages"]
        return [one for one in reversed(page) if one["role"] != "agent"]

    def status(self):
        return self.deployment.call("GET", "status")[1]["data"]


# ── cards


CARDS_TOLD = [
    (
        f"1. “Espresso” – Dark roast ({SHOP}/espresso, picture {SHOP}/espresso.jpg), "
        f"buttons: “Buy” (payload BUY_1), “Details” ({SHOP}/espresso#details)"
    ),
    (
        f"2. “Filter” – Light roast ({SHOP}/filter, picture {SHOP}/filter.jpg), "
        f"buttons: “Buy” (payload BUY_2), “Details” ({SHOP}/filter#details)]"
    ),
]


def test_cards_are_shown_and_told_with_their_numbers(inbox):
    inbox.receive("cards")
    assert inbox.asked().split("\n") == ["[The customer sent 2 cards:", *CARDS_TOLD]
    (message,) = inbox.shown()
    (attachment,) = message["attachments"]
    assert (attachment["kind"], [card["title"] for card in attachment["cards"]]) == ("template", ["Espresso", "Filter"])
    assert attachment["cards"][1] == {
        "title": "Filter",
        "subtitle": "Light roast",
        "url": f"{SHOP}/filter",
        "imageUrl": f"{SHOP}/filter.jpg",
        "productId": None,
        "retailerId": None,
        "buttons": [
            {"title": "Buy", "url": None, "payload": "BUY_2"},
            {"title": "Details", "url": f"{SHOP}/filter#details", "payload": None},
        ],
    }


def test_products_are_shown_and_told_with_their_ids(inbox):
    inbox.receive("products")
    assert inbox.asked().split("\n") == [
        "[The customer sent 2 products:",
        f"1. “Sofia coat” – € 120 (picture {SHOP}/coat.jpg, product id 24681012141618, retailer id SKU-1)",
        f"2. “Sofia hat” – € 30 (picture {SHOP}/hat.jpg, product id 24681012141620, retailer id SKU-2)]",
    ]
    cards = inbox.shown()[0]["attachments"][0]["cards"]
    assert [card["productId"] for card in cards] == ["24681012141618", "24681012141620"]


def test_cards_that_a_colleague_sent_are_shown_and_told(inbox):
    """The customer may then write "the second one, please"."""
    inbox.receive("cards-echo", "buttons-echo", "text")
    inbox.deployment.call("POST", "resume", payload={"userId": USER})
    told = inbox.asked().split("\n")
    assert told[:3] == ["[A colleague of yours sent 2 cards:", *CARDS_TOLD]
    assert told[3] == (
        "[A colleague of yours sent a card: “Shall we keep you one?”, "
        f"buttons: “Yes, please” (payload KEEP), “All cakes” ({SHOP}/cakes)]"
    )
    assert [len(one["attachments"][0]["cards"]) for one in inbox.shown()[:2]] == [2, 1]


def test_cards_that_were_sent_with_send_are_shown_as_cards(inbox):
    inbox.receive("text")
    inbox.asked()
    buttons = [{"type": "postback", "title": "Buy", "payload": "BUY"}]
    card = {"title": "Espresso", "subtitle": "Dark", "imageUrl": f"{SHOP}/1.jpg", "url": SHOP, "buttons": buttons}
    inbox.deployment.meta.behave = answer({"recipient_id": USER, "message_id": "out-cards"})
    content = {"type": "cards", "elements": [card, {"title": "Filter", "subtitle": "Light"}]}
    status, told = inbox.deployment.call("POST", "send", payload={"to": USER, "message": content})
    assert status == 200, told
    (attachment,) = told["data"]["attachments"]
    assert [one["title"] for one in attachment["cards"]] == ["Espresso", "Filter"]
    assert attachment["cards"][0]["buttons"] == [{"title": "Buy", "url": None, "payload": "BUY"}]


# ── what is tapped


def test_a_tap_is_told_with_its_payload(inbox):
    inbox.receive("tap-on-card")
    assert inbox.asked() == "Buy\n[The customer tapped this. Its payload: “BUY_2”]"
    assert inbox.shown()[-1]["postback"] == {"payload": "BUY_2", "title": "Buy"}
    inbox.receive("quick-reply")
    assert inbox.asked() == "Opening hours\n[The customer tapped this. Its payload: “FAQ_HOURS”]"


def test_a_tap_without_a_title_is_its_payload(inbox):
    tap = item("tap-on-card")
    inbox.receive("quick-reply-without-text")
    assert inbox.asked() == "FAQ_HOURS"
    (message,) = inbox.shown()
    assert (message["text"], message["postback"]) == ("FAQ_HOURS", {"payload": "FAQ_HOURS", "title": None})
    inbox.tell(tap | {"postback": {"mid": "m1", "payload": "BUY_2"}}, tap | {"postback": {"mid": "m2", "title": ""}})
    assert inbox.asked() == "BUY_2\n[The customer tapped a button]"


# ── kinds


KINDS = {
    "like-heart": "[The customer sent a heart]",
    "unsupported-type": "[The customer sent something that Instagram does not pass on]",
    "fallback": f"[The customer sent a link: “Sofia coat” ({SHOP}/coat)]\nis this yours?",
    "fallback-url-in-capitals": f"[The customer sent a link ({SHOP}/coat)]",
    "location": "[The customer sent a location: “Ada's place” (latitude 48.1372, longitude 11.5756, https://maps.",
    "sticker": "[The customer sent a sticker (https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=17900000000",
    "unknown-attachment": "[The customer sent something of the kind “hologram”: “A thing of tomorrow”]",
    "story-reply-link-sticker": f"[The customer replied to your story ({SHOP}/coat)]\nis it this one?",
}


def test_each_kind_is_told_in_words(inbox, subtests):
    for name, told in KINDS.items():
        with subtests.test(name):
            inbox.receive(name)
            assert inbox.asked().startswith(told)


def test_a_location_is_shown_with_its_coordinates_and_a_link_with_its_url(inbox):
    inbox.receive("location", "fallback")
    place, link = (message["attachments"][0] for message in inbox.shown())
    assert place["coordinates"] == {"latitude": 48.1372, "longitude": 11.5756}
    assert (link["kind"], link["url"], link["title"]) == ("fallback", f"{SHOP}/coat", "Sofia coat")


def test_a_story_reply_shows_where_the_link_sticker_leads(inbox):
    inbox.receive("story-reply-link-sticker")
    story = inbox.shown()[0]["replyTo"]["story"]
    assert story == {"id": None, "url": None, "linkStickerUrl": f"{SHOP}/coat"}


def test_one_shared_thing_is_one_attachment(inbox, subtests):
    for name, kinds in (
        ("share-and-ig-post", ["ig_post"]),
        ("two-posts", ["share", "ig_post"]),
        ("same-image-twice", ["image"]),
    ):
        with subtests.test(name):
            inbox.receive(name)
            assert [one["kind"] for one in inbox.shown()[-1]["attachments"]] == kinds
            assert inbox.asked().count("[The customer sent") == len(kinds)


def test_a_shared_post_is_told_with_its_id(inbox):
    inbox.receive("share-and-ig-post")
    assert ", id 18139494541428835)]" in inbox.asked()
    assert inbox.shown()[0]["attachments"][0]["mediaId"] == "18139494541428835"


def test_a_reaction_shows_as_its_emoji(inbox, subtests):
    inbox.receive("text")
    for name, emoji in (("react-in-escapes", "😍"), ("react-by-name", "😮"), ("react", "❤️")):
        with subtests.test(name):
            inbox.receive(name, reaction=item(name)["reaction"] | {"mid": item("text")["message"]["mid"]})
            assert [one["emoji"] for one in inbox.shown()[0]["reactions"]] == [emoji]


def test_a_document_of_an_earlier_version_is_still_shown(inbox, database):
    inbox.receive("image")
    unknown_then = dict.fromkeys(
        (f"messages.0.attachments.0.{name}" for name in ("mediaId", "coordinates", "cards")), ""
    )
    database["chats"].update_one({}, {"$unset": unknown_then | {"messages.0.referral": ""}})
    (message,) = inbox.shown()
    assert (message["attachments"][0]["kind"], message["attachments"][0]["cards"], message["referral"]) == (
        *("image", []),
        None,
    )
    assert inbox.asked().startswith("[The customer sent a picture")


# ── how the customer came


def test_a_product_without_a_text_is_told_and_a_variable(inbox):
    inbox.receive("product")
    assert inbox.asked() == "[The customer came here through: product id “24681012141618”]"
    assert inbox.variables()["referral_product_id"] == "24681012141618"
    assert inbox.shown()[0]["referral"]["productId"] == "24681012141618"


def test_the_product_and_post_of_an_ad_are_told_and_variables(inbox):
    inbox.receive("ad")
    assert inbox.asked() == (
        "[The customer came here through: ref “coat-ad”, source “ADS”, ad id “120200000000000”, ad title “Sofia coat”, "
        "post id “122100000000001”, product id “24681012141618”]\nis it in stock?"
    )
    variables = inbox.variables()
    assert variables["referral_product_id"] == "24681012141618"
    assert variables["referral_post_id"] == "122100000000001"


def test_a_referral_beside_the_message_is_kept_and_the_outer_one_counts(inbox):
    told = item("referral-beside-message")
    inbox.tell(told)
    assert inbox.asked() == "[The customer came here through: ref “spring”, source “SHORTLINKS”]\nhi"
    assert inbox.variables()["referral_ref"] == "spring"


def test_a_product_that_is_opened_before_any_chat_is_told(inbox):
    inbox.tell(item("referral") | {"referral": {"product": {"id": "24681012141618"}}})
    inbox.tell(item("text") | {"message": {"mid": "m1", "text": "is it in stock?"}})
    assert inbox.asked() == "[The customer came here through: product id “24681012141618”]\nis it in stock?"
    assert inbox.variables()["referral_product_id"] == "24681012141618"


def test_a_product_that_is_opened_during_a_conversation_is_told_with_the_next_message(inbox):
    inbox.receive("text")
    inbox.asked()
    inbox.tell(
        item("referral") | {"referral": {"product": {"id": "24681012141618"}}},
        item("text") | {"message": {"mid": "m2", "text": "is it in stock?"}},
    )
    assert inbox.asked() == "[The customer came here through: product id “24681012141618”]\nis it in stock?"
    inbox.tell(item("text") | {"message": {"mid": "m3", "text": "and in blue?"}})
    assert inbox.asked() == "and in blue?"


# ── taken back


def _everything(database):
    return str({name: database[name].find().to_list() for name in database.list_collection_names()})


def test_an_unsend_with_content_leaves_none_stored(inbox, database, subtests):
    orders = (["message", "unsend"], ["unsend", "message"], ["unsend"], ["unsend", "unsend"])
    for channel, order in product(("messaging", "standby", "changes"), orders):
        mid = f"{channel}-{'-'.join(order)}"
        unsent = item("unsend-with-text")["message"] | {"mid": mid}
        said = {name: value for name, value in unsent.items() if name != "is_deleted"}
        for one in order:
            inbox.tell(item("text") | {"message": unsent if one == "unsend" else said}, channel=channel)
        with subtests.test(mid):
            stored = _everything(database)
            assert (SECRET in stored, "asset_id=17900000000000051" in stored) == (False, False)
            assert bool(database[KEPT_EVENTS].count_documents({"mid": mid})) is ("message" not in order)


@pytest.mark.parametrize("order", [["edit", "unsend"], ["unsend", "edit"]], ids=str)
def test_an_edit_of_an_unsent_message_leaves_none_stored(inbox, database, order):
    unsend = item("unsend-with-text")
    mid = unsend["message"]["mid"]
    edit = item("edit") | {"message_edit": {"mid": mid, "text": SECRET, "num_edit": 1}}
    for one in order:
        inbox.tell(unsend if one == "unsend" else edit)
    assert SECRET not in _everything(database)
    assert database[KEPT_EVENTS].count_documents({}) == 1
    inbox.tell(unsend | {"message": {"mid": mid, "text": SECRET}})
    assert inbox.shown()[0]["deletedAt"] is not None
    assert SECRET not in _everything(database)


@pytest.mark.parametrize("path", [None, APP_PATH], ids=["of-the-connection", "of-the-app"])
def test_the_business_takes_a_message_back_without_is_echo(inbox, path):
    unsend = item("unsend-by-business")
    inbox.tell(unsend | {"message": {"mid": unsend["message"]["mid"], "text": SECRET, "is_echo": True}}, path=path)
    inbox.tell(unsend, path=path)
    (message,) = inbox.shown()
    assert (message["role"], message["text"]) == ("human", None)
    assert message["deletedAt"] is not None


# ── policies and strangers


def test_status_says_what_meta_enforced_and_why(inbox):
    assert inbox.status()["policyEnforcement"] is None
    inbox.receive("policy-enforcement")
    enforced = inbox.status()["policyEnforcement"]
    assert (enforced["action"], enforced["reason"][:46]) == ("block", "The business violated our Platform Policies (h")
    inbox.tell(item("policy-enforcement") | {"policy_enforcement": {"action": "unblock", "reason": "r" * 50_000}})
    enforced = inbox.status()["policyEnforcement"]
    assert (enforced["action"], len(enforced["reason"])) == ("unblock", 1_000)
    assert inbox.deployment.call("GET", "conversations")[1]["data"]["conversations"] == []


def test_a_sender_whose_id_is_no_number_is_refused_and_counted(inbox, database, capsys):
    strange = ["acme", "<IGSID>", "", "12 34", "-5", 1.5, True, "1" * 33, "٣٤٥", {"$ne": 1}]
    sides = {"text": "sender", "postback": "sender", "react": "sender", "echo": "recipient"}
    refused = [item(name) | {side: {"id": one}} for (name, side), one in product(sides.items(), strange)]
    inbox.tell(*refused, item("text"))
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "WebhookSenderRefused" in line]
    assert [one["WebhookSenderRefused"] for one in metrics if "WebhookSenderRefused" in one] == [[40.0]]
    rows = inbox.deployment.call("GET", "conversations")[1]["data"]["conversations"]
    assert [row["userId"] for row in rows] == [USER]
    assert database[KEPT_EVENTS].count_documents({}) == 0


def test_a_sender_whose_id_is_a_number_in_json_is_not_refused(inbox):
    inbox.tell(item("text") | {"sender": {"id": int(USER)}})
    assert inbox.shown()[0]["userId"] == USER
