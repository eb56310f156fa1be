"""What the agent is told of what the customer wrote: `conversation.question`."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Attachment, Chat, Message, MessageStatus, Role
from connector.conversation.question import question
from connector.instagram.reading import read
from tests.unit.payloads import ACCOUNT, RECEIVED_AT, SENT_AT, USER, notification

CHAT = Chat("c", ACCOUNT, USER)


def _message(text=None, *attachments, deleted=False, role=Role.USER, **fields):
    return Message(
        key="mid:a",
        role=role,
        text=text,
        status=MessageStatus.RECEIVED,
        created_at=SENT_AT,
        attachments=attachments,
        deleted_at=SENT_AT + timedelta(seconds=1) if deleted else None,
        **fields,
    )


def _link(asset):
    """Return a link as the payloads have them, up to its signature."""
    return f"(https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={asset}&signature="


def test_texts_are_told_one_per_line_in_their_order():
    assert question(CHAT, [_message("hi"), _message("do you ship?")]) == "hi\ndo you ship?"


def test_what_was_taken_back_is_not_told_and_nothing_is_nothing():
    assert question(CHAT, [_message("a secret", deleted=True), _message("hi")]) == "hi"
    assert question(CHAT, [_message("a secret", deleted=True)]) == ""
    assert question(CHAT, []) == ""


def test_what_was_found_too_late_is_told_as_what_was_missed():
    late = _message("do you ship?", error={"code": "recovered_late"}, recovered=True)
    assert question(CHAT, [late, _message("hello?")]) == (
        "[The customer wrote this some time ago, and has had no answer to it]\ndo you ship?\nhello?"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("text", ["Привет 👋 what are your hours?"]),
        ("image", [f"[The customer sent a picture {_link('17900000000000011')}"]),
        (
            "two-attachments",
            [
                f"[The customer sent a picture {_link('17900000000000012')}",
                f"[The customer sent a video {_link('17900000000000013')}",
            ],
        ),
        (
            "story-reply",
            [f"[The customer replied to your story {_link('17890000000000001')}", "nice! 😍"],
        ),
        ("story-mention", [f"[The customer sent a story that mentions you {_link('17891480018194744')}"]),
        ("ig-post", [f"[The customer sent a post: “New in: the “Sofia” coat” {_link('18139494541428835')}"]),
        ("ig-reel", [f"[The customer sent a reel: “Behind the scenes ✨” {_link('17873858025351922')}"]),
        ("ig-story", [f"[The customer sent a story {_link('17900000000000001')}", "how much?"]),
        ("ephemeral", ["[The customer sent a picture or video that can be seen once]"]),
        ("unsupported", ["[The customer sent something that Instagram does not pass on]"]),
        ("unknown-attachment", ["[The customer sent something of the kind “hologram”: “A thing of tomorrow”"]),
    ],
)
def test_e14_what_is_not_text_is_told_in_words_with_the_link_to_it(name, told):
    event = read(notification(name), RECEIVED_AT)
    lines = question(CHAT, [_message(event.text, *event.attachments, reply_to=event.reply_to)]).split("\n")
    assert len(lines) == len(told), lines
    assert [line[: len(begin)] for line, begin in zip(lines, told, strict=True)] == told
    assert all(line.endswith("]") for line in lines if line.startswith("["))


def test_a_link_is_told_where_instagram_gives_one_and_only_there():
    assert question(CHAT, [_message(None, Attachment("image", "https://x/1"))]) == (
        "[The customer sent a picture (https://x/1)]"
    )
    assert question(CHAT, [_message(None, Attachment("image", None))]) == "[The customer sent a picture]"
    assert question(CHAT, [_message(None, Attachment("share", "https://x/1", "Shoes"))]) == (
        "[The customer sent a post: “Shoes” (https://x/1)]"
    )


# ── what a message answers to


@pytest.mark.parametrize(
    ("story", "told"),
    [
        pytest.param({"id": "1", "url": "https://x/s"}, " (https://x/s)", id="its-link"),
        pytest.param(
            {"url": "https://x/s", "link_sticker_url": "https://shop/shoes"},
            " (https://x/s, https://shop/shoes)",
            id="and-what-its-sticker-leads-to",
        ),
        pytest.param({"id": "1"}, "", id="which-is-gone"),
        pytest.param({"url": None, "link_sticker_url": ""}, "", id="without-links"),
        pytest.param({}, "", id="of-which-nothing-is-told"),
    ],
)
def test_e14_an_answer_to_a_story_says_so(story, told):
    asked = question(CHAT, [_message("how much?", reply_to={"story": story})])
    assert asked == f"[The customer replied to your story{told}]\nhow much?"


def _with_earlier(*earlier):
    return Chat("c", ACCOUNT, USER, messages=earlier)


@pytest.mark.parametrize(
    ("role", "whose"),
    [(Role.AGENT, "your message"), (Role.HUMAN, "your message"), (Role.USER, "their own message")],
)
def test_an_answer_to_an_earlier_message_quotes_it_and_says_whose_it_is(role, whose):
    chat = _with_earlier(_message("another", mid="m1"), _message("We have red and blue.", role=role, mid="m2"))
    asked = question(chat, [_message("red", reply_to={"mid": "m2"})])
    assert asked == f"[The customer replied to {whose} “We have red and blue.”]\nred"


@pytest.mark.parametrize(
    "reply_to",
    [
        pytest.param({"mid": "m9"}, id="one-that-is-not-stored"),
        pytest.param({"mid": "m1"}, id="one-without-words"),
        pytest.param({"mid": None}, id="none"),
        pytest.param({}, id="nothing"),
        pytest.param({"story": "x"}, id="a-story-that-is-none"),
        pytest.param({"mid": ["m2"]}, id="no-mid"),
    ],
)
def test_an_answer_to_what_is_not_known_is_told_without_a_quote(reply_to):
    chat = _with_earlier(_message(None, mid="m1"), _message("x", mid=None))
    assert question(chat, [_message("red", reply_to=reply_to)]) == "red"


@pytest.mark.parametrize(("length", "quoted"), [(200, "x" * 200), (201, "x" * 200 + "…"), (5000, "x" * 200 + "…")])
def test_a_long_message_is_not_quoted_as_a_whole(length, quoted):
    chat = _with_earlier(_message("x" * length, mid="m1", role=Role.AGENT))
    assert question(chat, [_message("yes", reply_to={"mid": "m1"})]) == (
        f"[The customer replied to your message “{quoted}”]\nyes"
    )


def test_what_was_taken_back_is_not_quoted_either():
    chat = _with_earlier(_message(None, mid="m1", deleted=True))
    assert question(chat, [_message("yes", reply_to={"mid": "m1"})]) == "yes"


# ── what the agent has missed


def test_what_a_colleague_wrote_is_told_as_theirs_in_its_place():
    messages = [_message("hi"), _message("Hi, this is Ana.", role=Role.HUMAN), _message("and the hours?")]
    assert question(CHAT, messages) == (
        "hi\n[A colleague of yours wrote to the customer: “Hi, this is Ana.”]\nand the hours?"
    )


def test_a_picture_that_a_colleague_sent_is_told():
    told = question(CHAT, [_message("hi"), _message(None, Attachment("image", "https://x"), role=Role.HUMAN)])
    assert told == "hi\n[A colleague of yours sent a picture (https://x)]"


def test_what_another_automation_wrote_is_told_as_such():
    told = question(CHAT, [replace(_message("Welcome!", role=Role.HUMAN), app_id="111"), _message("hi")])
    assert told == "[Another automation of this business wrote to the customer: “Welcome!”]\nhi"


# ── whatever was sent


def test_a_message_of_nothing_is_told_as_one():
    assert question(CHAT, [_message()]) == "[The customer sent an empty message]"
    assert question(CHAT, [_message(""), _message("hi")]).endswith("\nhi")


ATTACHMENTS = st.builds(
    Attachment, st.text(max_size=8), st.none() | st.text(max_size=8), st.none() | st.text(max_size=8)
)
REPLIES = st.none() | st.dictionaries(
    st.sampled_from(["mid", "story", "is_self_reply"]),
    st.none() | st.text(max_size=3) | st.dictionaries(st.sampled_from(["url", "id"]), st.text(max_size=5) | st.none()),
)


@given(st.none() | st.text(max_size=20), st.lists(ATTACHMENTS, max_size=3), REPLIES)
def test_whatever_was_sent_and_not_taken_back_is_told_somehow(text, attachments, reply_to):
    """A turn whose question is empty is not asked: that must mean that everything was taken back."""
    assert question(CHAT, [_message(text, *attachments, reply_to=reply_to)]).strip() or (text or "").isspace()
    assert question(CHAT, [_message(text, *attachments, reply_to=reply_to, deleted=True)]) == ""
