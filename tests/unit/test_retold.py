"""A message of the Conversations API as the webhook would have told it: `instagram.retold`."""

import pytest

from connector.accounts import Account
from connector.chat import Attachment, Button, Card
from connector.instagram.events import MessageEchoed, MessageReceived
from connector.instagram.reading import read
from connector.instagram.retold import retell
from tests.unit.payloads import ACCOUNT, PAGE, RECEIVED_AT, SENT_AT, USER

BUSINESS = Account(ACCOUNT, PAGE, "acme_coffee", "Acme Coffee")
US = {"id": ACCOUNT, "username": "acme_coffee"}
ANA = {"id": USER, "username": "ana.lima"}


def message(sender=ANA, *receivers, **fields):
    written = {"id": "m-1", "created_time": SENT_AT.strftime("%Y-%m-%dT%H:%M:%S+0000"), "from": sender}
    return written | {"to": {"data": list(receivers or ([US] if sender is ANA else [ANA]))}, "message": ""} | fields


def event(told, account=BUSINESS, rank=0):
    return read(retell(told, account, rank).notification, RECEIVED_AT)


def test_a_customers_text_is_what_the_webhook_tells_but_for_its_milliseconds():
    received = event(message(message="hi"))
    assert isinstance(received, MessageReceived)
    assert (received.mid, received.text, received.standby) == ("m-1", "hi", False)
    assert (received.parties.account_id, received.parties.user_id) == (ACCOUNT, USER)
    assert received.parties.at == SENT_AT.replace(microsecond=0)


def test_messages_of_one_second_keep_their_order():
    times = [event(message(message="hi"), rank=rank).parties.at.microsecond for rank in (0, 1, 2, 5000)]
    assert times == [0, 1000, 2000, 999_000]


def test_a_message_of_the_business_is_an_echo():
    told = retell(message(US, message="We open at nine."), BUSINESS, 0)
    assert told.is_ours
    echoed = read(told.notification, RECEIVED_AT)
    assert isinstance(echoed, MessageEchoed)
    assert (echoed.mid, echoed.text, echoed.parties.user_id) == ("m-1", "We open at nine.", USER)


@pytest.mark.parametrize(
    "us",
    [
        {"id": ACCOUNT},
        {"id": PAGE},
        {"id": "28978671838402975", "username": "acme_coffee"},
        {"username": "acme_coffee"},
    ],
    ids=["the account's id", "the Page's", "the name, with an id that webhooks do not know", "the name alone"],
)
def test_none_of_the_accounts_ids_counts_as_a_customer(us):
    assert retell(message(us, message="hello"), BUSINESS, 0).is_ours
    received = retell(message(ANA, us, message="hello"), BUSINESS, 0)
    assert (received.is_ours, received.notification.item["sender"]) == (False, {"id": USER})


@pytest.mark.parametrize(
    "told",
    [
        message(US, US, message="a note to oneself"),
        message(ANA, {"id": "17841400000000002"}, message="written to somebody else"),
        message(ANA, message="hi") | {"to": None},
        message({}, US, message="hi"),
        message({"username": "ana.lima"}, US, message="hi"),
        message(message="hi") | {"id": None},
        message(message="hi") | {"created_time": "yesterday"},
    ],
    ids=["self", "not us", "to nobody", "by nobody", "without an id", "without a mid", "without a time"],
)
def test_a_message_between_other_parties_is_left_out(told):
    assert retell(told, BUSINESS, 0) is None


def test_a_sender_without_an_id_is_not_the_account():
    account = Account(ACCOUNT, None, "acme_coffee", None)
    assert retell(message({"username": "ana.lima"}, US, message="hi"), account, 0) is None
    assert not retell(message(message="hi"), account, 0).is_ours


URL = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=S"


@pytest.mark.parametrize(
    ("fields", "kind", "title"),
    [
        ({"attachments": {"data": [{"image_data": {"url": URL, "width": 3}}]}}, "image", None),
        ({"attachments": {"data": [{"image_data": {"animated_gif_url": URL}}]}}, "image", None),
        ({"attachments": {"data": [{"video_data": {"url": URL}}]}}, "video", None),
        ({"attachments": {"data": [{"mime_type": "audio/mp4", "file_url": URL}]}}, "audio", None),
        ({"attachments": {"data": [{"mime_type": "video/mp4", "file_url": URL}]}}, "video", None),
        (
            {"attachments": {"data": [{"mime_type": "application/pdf", "file_url": URL, "name": "m.pdf"}]}},
            "file",
            "m.pdf",
        ),
        ({"attachments": {"data": [{"file_url": URL}]}}, "file", None),
        ({"shares": {"data": [{"link": URL, "name": "Cake"}]}}, "share", "Cake"),
        ({"story": {"mention": {"id": "1", "link": URL}}}, "story_mention", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_hangs_on_a_message_has_a_kind_and_an_address(fields, kind, title):
    assert event(message(**fields)).attachments == (Attachment(kind, URL, title),)


def test_an_attachment_of_which_nothing_is_told_is_no_file():
    (attachment,) = event(message(attachments={"data": [{"id": "1"}]})).attachments
    assert (attachment.kind, attachment.url) == ("unsupported_type", None)


def test_a_template_of_another_tool_keeps_its_card():
    card = {"title": "Cake", "subtitle": "4 €", "media_url": URL, "cta": {"title": "Buy", "url": URL}}
    told = message(US, attachments={"data": [{"generic_template": card}]})
    (attachment,) = event(told).attachments
    assert attachment.kind == "template"
    assert attachment.cards == (Card("Cake", "4 €", image_url=URL, buttons=(Button("Buy", URL),)),)


def test_several_things_on_one_message_all_come():
    told = message(
        message="look",
        attachments={"data": [{"image_data": {"url": "https://x/a"}}, {"image_data": {"url": "https://x/b"}}]},
        shares={"data": [{"link": "https://x/c"}]},
    )
    received = event(told)
    assert [(one.kind, one.url) for one in received.attachments] == [
        ("image", "https://x/a"),
        ("image", "https://x/b"),
        ("share", "https://x/c"),
    ]
    assert received.text == "look"


def test_a_reply_names_its_story_or_its_message():
    story = event(message(message="nice!", story={"reply_to": {"id": "1789", "link": URL}}))
    assert story.reply_to == {"story": {"id": "1789", "url": URL}}
    assert story.attachments == ()
    assert event(message(message="this one", reply_to={"mid": "m-0"})).reply_to == {"mid": "m-0"}


@pytest.mark.parametrize(
    "fields",
    [{"is_unsupported": True}, {}, {"message": None}, {"attachments": {"data": []}}, {"attachments": "?", "story": 1}],
    ids=str,
)
def test_what_meta_does_not_tell_is_unsupported_and_not_empty(fields):
    assert event(message(**fields)).attachments == (Attachment("unsupported", None),)
