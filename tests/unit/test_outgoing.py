"""Messages of ours as Meta's Send API takes them: `instagram.outgoing`, and the calls that carry them."""

from dataclasses import replace

import pytest

from connector.chat import Message, MessageStatus, Role
from connector.errors import OutcomeUnknown, Refused
from connector.instagram.graph import Graph
from connector.instagram.outgoing import body_of
from tests.unit import peer as behaviour
from tests.unit.payloads import PAGE, SENT_AT, USER

MESSAGE = Message("sent:1", Role.HUMAN, "Which cake?", MessageStatus.PENDING, SENT_AT)
URL = "https://example.com/cake.jpg"
LINK = {"type": "link", "title": "Menu", "url": "https://example.com/"}
TAP = {"type": "postback", "title": "Order", "payload": "ORDER"}
OPEN = {"type": "web_url", "title": "Menu", "url": "https://example.com/"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, {"text": "Which cake?"}, id="a-text"),
        pytest.param({"type": "text", "text": "Which cake?"}, {"text": "Which cake?"}, id="a-text-that-says-so"),
        pytest.param(
            {"type": "text", "text": "Which cake?", "quickReplies": [{"title": "Lemon", "payload": "L"}]},
            {
                "text": "Which cake?",
                "quick_replies": [{"content_type": "text", "title": "Lemon", "payload": "L"}],
            },
            id="with-answers-to-tap",
        ),
        pytest.param(
            {"type": "image", "urls": [URL]},
            {"attachment": {"type": "image", "payload": {"url": URL}}},
            id="a-picture",
        ),
        pytest.param(
            {"type": "image", "urls": [URL, URL]},
            {"attachments": [{"type": "image", "payload": {"url": URL}}] * 2},
            id="several-pictures",
        ),
        *(
            pytest.param(
                {"type": kind, "url": URL}, {"attachment": {"type": kind, "payload": {"url": URL}}}, id=f"a-{kind}"
            )
            for kind in ("audio", "video", "file")
        ),
        pytest.param(
            {"type": "buttons", "text": "And now?", "buttons": [LINK, TAP]},
            {
                "attachment": {
                    "type": "template",
                    "payload": {"template_type": "button", "text": "And now?", "buttons": [OPEN, TAP]},
                }
            },
            id="buttons",
        ),
        pytest.param(
            {
                "type": "cards",
                "elements": [
                    {
                        "title": "Lemon",
                        "subtitle": "3 €",
                        "imageUrl": URL,
                        "url": "https://example.com/",
                        "buttons": [TAP],
                    },
                    {"title": "Carrot", "subtitle": None, "imageUrl": None, "url": None, "buttons": []},
                ],
            },
            {
                "attachment": {
                    "type": "template",
                    "payload": {
                        "template_type": "generic",
                        "elements": [
                            {
                                "title": "Lemon",
                                "subtitle": "3 €",
                                "image_url": URL,
                                "default_action": {"type": "web_url", "url": "https://example.com/"},
                                "buttons": [TAP],
                            },
                            {"title": "Carrot"},
                        ],
                    },
                }
            },
            id="cards",
        ),
        pytest.param(
            {"type": "post", "mediaId": "17"},
            {"attachment": {"type": "MEDIA_SHARE", "payload": {"id": "17"}}},
            id="a-post",
        ),
        pytest.param({"type": "heart"}, {"attachment": {"type": "like_heart"}}, id="a-heart"),
    ],
)
def test_each_kind_of_message_is_written_as_meta_takes_it(content, message):
    assert body_of(replace(MESSAGE, content=content), USER) == {
        "recipient": {"id": USER},
        "messaging_type": "RESPONSE",
        "message": message,
    }


def test_e4_what_only_a_person_may_send_bears_the_persons_tag_and_nothing_else_does():
    told = body_of(replace(MESSAGE, by_person_only=True), USER)
    assert (told["messaging_type"], told["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    assert "tag" not in body_of(MESSAGE, USER)


@pytest.mark.parametrize(("reply_to", "quoted"), [({"mid": "m1"}, {"mid": "m1"}), ({"mid": None}, None), (None, None)])
def test_an_answer_quotes_the_message_that_it_names(reply_to, quoted):
    assert body_of(replace(MESSAGE, reply_to=reply_to), USER).get("reply_to") == quoted


# ── the calls


@pytest.fixture
def graph(other_side):
    return Graph(f"{other_side.url}/v26.0", "EAAtoken")


def test_a_message_of_any_kind_is_sent_as_the_page(graph, other_side):
    other_side.behave = behaviour.answer({"recipient_id": USER, "message_id": "m_1"})
    heart = replace(MESSAGE, text=None, content={"type": "heart"})
    assert graph.send(PAGE, USER, heart) == "m_1"
    (request,) = other_side.requests
    assert (request.method, request.path, request.json) == (
        "POST",
        f"/v26.0/{PAGE}/messages",
        body_of(heart, USER),
    )


@pytest.mark.parametrize(
    "how", [behaviour.reset, behaviour.answer({}), behaviour.answer(b"<html>", 502)], ids=["reset", "no-mid", "502"]
)
def test_e7_e8_a_message_of_any_kind_is_sent_once_whatever_comes_back(graph, other_side, how):
    other_side.behave = how
    with pytest.raises(OutcomeUnknown):
        graph.send(PAGE, USER, MESSAGE)
    assert len(other_side.requests) == 1


@pytest.mark.parametrize(
    ("reaction", "action", "payload"),
    [
        ("love", "react", {"message_id": "m1", "reaction": "love"}),
        (None, "unreact", {"message_id": "m1"}),
    ],
)
def test_a_reaction_is_put_on_a_message_and_taken_back(graph, other_side, reaction, action, payload):
    other_side.behave = behaviour.answer({"recipient_id": USER})
    graph.react(PAGE, USER, "m1", reaction)
    (request,) = other_side.requests
    assert request.json == {"recipient": {"id": USER}, "sender_action": action, "payload": payload}


def test_a_reaction_that_meta_refuses_is_refused(graph, other_side):
    other_side.behave = behaviour.answer({"error": {"code": 100, "message": "(#100) …"}}, 400)
    with pytest.raises(Refused):
        graph.react(PAGE, USER, "m1", "love")
