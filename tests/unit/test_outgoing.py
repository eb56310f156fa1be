"""Messages of ours as the Send API takes them: `instagram.outgoing`. The bodies are those of Meta's documentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Message, MessageStatus, Role
from connector.contract.sending import SendRequest
from connector.instagram import limits
from connector.instagram.outgoing import body_of
from tests.unit.payloads import SENT_AT, USER

URL = "https://www.example.com/image.jpg"


def sent(message, **more):
    """Return the body in which Meta gets what send was asked to send."""
    asked = SendRequest.model_validate({"to": USER, "message": message})
    (letter,) = asked.letters()
    stored = Message(
        key="sent:k:0",
        role=Role.HUMAN,
        text=letter.text,
        status=MessageStatus.PENDING,
        created_at=SENT_AT,
        attachments=letter.attachments,
        content=letter.content,
        **more,
    )
    return body_of(stored, USER)


def template(**payload):
    return {"attachment": {"type": "template", "payload": payload}}


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ("Hello, world!", {"text": "Hello, world!"}),
        ({"type": "text", "text": "Hello"}, {"text": "Hello"}),
        (
            {
                "type": "text",
                "text": "Pick a color:",
                "quickReplies": [{"title": "Red", "payload": "RED"}, {"title": "Green", "payload": "GREEN"}],
            },
            {
                "text": "Pick a color:",
                "quick_replies": [
                    {"content_type": "text", "title": "Red", "payload": "RED"},
                    {"content_type": "text", "title": "Green", "payload": "GREEN"},
                ],
            },
        ),
        ({"type": "image", "urls": [URL]}, {"attachment": {"type": "image", "payload": {"url": URL}}}),
        (
            {"type": "image", "urls": [URL, f"{URL}?2"]},
            {
                "attachments": [
                    {"type": "image", "payload": {"url": URL}},
                    {"type": "image", "payload": {"url": f"{URL}?2"}},
                ]
            },
        ),
        *(
            ({"type": kind, "url": URL}, {"attachment": {"type": kind, "payload": {"url": URL}}})
            for kind in ("audio", "video", "file")
        ),
        (
            {
                "type": "cards",
                "elements": [
                    {
                        "title": "Welcome!",
                        "subtitle": "We have the right hat for everyone.",
                        "imageUrl": URL,
                        "url": "https://www.example.com",
                        "buttons": [
                            {"type": "link", "title": "View Website", "url": "https://www.example.com/hats"},
                            {"type": "postback", "title": "Start Chatting", "payload": "DEVELOPER_DEFINED_PAYLOAD"},
                        ],
                    },
                    {"title": "Bare", "url": "https://www.example.com/bare"},
                ],
            },
            template(
                template_type="generic",
                elements=[
                    {
                        "title": "Welcome!",
                        "subtitle": "We have the right hat for everyone.",
                        "image_url": URL,
                        "default_action": {"type": "web_url", "url": "https://www.example.com"},
                        "buttons": [
                            {"type": "web_url", "title": "View Website", "url": "https://www.example.com/hats"},
                            {"type": "postback", "title": "Start Chatting", "payload": "DEVELOPER_DEFINED_PAYLOAD"},
                        ],
                    },
                    {
                        "title": "Bare",
                        "default_action": {"type": "web_url", "url": "https://www.example.com/bare"},
                    },
                ],
            ),
        ),
        (
            {
                "type": "buttons",
                "text": "What do you want to do next?",
                "buttons": [
                    {"type": "link", "title": "Visit us", "url": "https://www.example.com"},
                    {"type": "postback", "title": "Start", "payload": "START"},
                ],
            },
            template(
                template_type="button",
                text="What do you want to do next?",
                buttons=[
                    {"type": "web_url", "title": "Visit us", "url": "https://www.example.com"},
                    {"type": "postback", "title": "Start", "payload": "START"},
                ],
            ),
        ),
        (
            {"type": "post", "mediaId": "17900000000000001"},
            {"attachment": {"type": "MEDIA_SHARE", "payload": {"id": "17900000000000001"}}},
        ),
        ({"type": "heart"}, {"attachment": {"type": "like_heart"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("type", ""),
)
def test_each_kind_has_the_body_that_meta_documents(message, body):
    assert sent(message) == {"recipient": {"id": USER}, "messaging_type": "RESPONSE", "message": body}


def test_the_message_that_is_answered_to_stands_beside_the_message_and_not_in_it():
    assert sent("Yes", reply_to={"mid": "m-1"}) == {
        "recipient": {"id": USER},
        "messaging_type": "RESPONSE",
        "message": {"text": "Yes"},
        "reply_to": {"mid": "m-1"},
    }


def test_a_story_that_is_answered_to_has_no_mid_and_is_not_quoted():
    assert "reply_to" not in sent("Yes", reply_to={"story": {"id": "1", "url": URL}})


def test_after_24_hours_a_persons_message_bears_the_persons_tag():
    body = sent("Sorry for the wait.", by_person_only=True)
    assert (body["messaging_type"], body["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_within_24_hours_nothing_bears_a_tag():
    assert "tag" not in sent("Hello")


# ── all that send may be asked


_words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
_urls = st.from_regex(r"\Ahttps://[a-z0-9]{1,20}\.example(/[!-~]{0,30})?\Z")
_buttons = st.one_of(
    st.fixed_dictionaries({"type": st.just("link"), "title": _words, "url": _urls}),
    st.fixed_dictionaries({"type": st.just("postback"), "title": _words, "payload": _words}),
)
_elements = st.fixed_dictionaries(
    {"title": _words, "subtitle": _words},
    optional={"imageUrl": _urls, "url": _urls, "buttons": st.lists(_buttons, max_size=limits.MAX_BUTTONS)},
)
_quick_replies = st.lists(st.fixed_dictionaries({"title": _words, "payload": _words}), max_size=13)
_messages = st.one_of(
    _words,
    st.fixed_dictionaries({"type": st.just("text"), "text": _words}, optional={"quickReplies": _quick_replies}),
    st.fixed_dictionaries({"type": st.just("image"), "urls": st.lists(_urls, min_size=1, max_size=10)}),
    st.fixed_dictionaries({"type": st.just("cards"), "elements": st.lists(_elements, min_size=1, max_size=10)}),
    st.fixed_dictionaries(
        {"type": st.just("buttons"), "text": _words, "buttons": st.lists(_buttons, min_size=1, max_size=3)}
    ),
)


def _leaves(value):
    """Return all texts in a JSON value."""
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [leaf for one in items for leaf in _leaves(one)]
    return [value] if isinstance(value, str) else []


@given(_messages)
def test_nothing_of_what_was_asked_is_lost_or_changed_on_the_way(message):
    if isinstance(message, str) or message["type"] == "text":
        message = message.strip() if isinstance(message, str) else message | {"text": message["text"].strip()}
    asked = _leaves(message)
    kinds = {"text", "image", "cards", "buttons", "link", "postback"}
    told = _leaves(sent(message)["message"])
    missing = [leaf for leaf in asked if leaf not in told and leaf not in kinds]
    assert missing == []


@given(_messages)
def test_a_body_holds_nothing_empty(message):
    """Meta refuses an empty list of buttons, and null."""

    def empty(value):
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return value in (None, "", [], {}) or any(map(empty, items))

    assert not empty(sent(message))
