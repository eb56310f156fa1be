"""What the agent is told of what the customer wrote: `conversation.question`."""

from datetime import timedelta

import pytest

from connector.chat import Attachment, Chat, Message, MessageStatus, Role
from connector.conversation.question import question
from connector.instagram.reading import read
from tests.unit.payloads import ACCOUNT, RECEIVED_AT, SENT_AT, USER, notification

CHAT = Chat("c", ACCOUNT, USER)


def _message(text=None, *attachments, deleted=False):
    return Message(
        key="mid:a",
        role=Role.USER,
        text=text,
        status=MessageStatus.RECEIVED,
        created_at=SENT_AT,
        attachments=attachments,
        deleted_at=SENT_AT + timedelta(seconds=1) if deleted else None,
    )


def test_texts_are_told_one_per_line_in_their_order():
    assert question(CHAT, [_message("hi"), _message("do you ship?")]) == "hi\ndo you ship?"


def test_what_was_taken_back_is_not_told_and_nothing_is_nothing():
    assert question(CHAT, [_message("a secret", deleted=True), _message("hi")]) == "hi"
    assert question(CHAT, [_message("a secret", deleted=True)]) == ""
    assert question(CHAT, []) == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("text", "Привет 👋 what are your hours?"),
        ("image", "[The customer sent a picture]"),
        ("two-attachments", "[The customer sent a picture]\n[The customer sent a video]"),
        ("story-reply", "nice! 😍"),
        ("story-mention", "[The customer sent a story that mentions you]"),
        ("ig-post", "[The customer sent a post: “New in: the “Sofia” coat”]"),
        ("ig-reel", "[The customer sent a reel: “Behind the scenes ✨”]"),
        ("ig-story", "[The customer sent a story]\nhow much?"),
        ("ephemeral", "[The customer sent a picture or video that can be seen once]"),
        ("unsupported", "[The customer sent something that Instagram does not pass on]"),
        ("unknown-attachment", "[The customer sent something of the kind “hologram”: “A thing of tomorrow”]"),
    ],
)
def test_e14_what_is_not_text_is_told_in_words(name, told):
    event = read(notification(name), RECEIVED_AT)
    assert question(CHAT, [_message(event.text, *event.attachments)]) == told


def test_no_url_of_a_customers_picture_is_told_to_the_agent():
    """It expires, it is private, and the agent reads only text."""
    assert "http" not in question(CHAT, [_message(None, Attachment("image", "https://lookaside.fbsbx.com/x"))])


def test_a_message_of_nothing_is_told_as_one():
    assert question(CHAT, [_message()]) == "[The customer sent an empty message]"
    assert question(CHAT, [_message(""), _message("hi")]).endswith("\nhi")
