"""Which outgoing message an echo belongs to: `connector.echoes`."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.chat import Attachment, Message, MessageStatus, Role
from connector.echoes import Echo, is_alike, normal, settled_by

SENT_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PICTURE, POST, SHARE = (Attachment(kind, "https://x") for kind in ("image", "ig_post", "share"))
KINDS = {
    "text": (None, ()),
    "image": ({"type": "image"}, (PICTURE,)),
    "images": ({"type": "image"}, (PICTURE, PICTURE)),
    "audio": ({"type": "audio"}, (Attachment("audio", None),)),
    "video": ({"type": "video"}, (Attachment("video", None),)),
    "file": ({"type": "file"}, (Attachment("file", None),)),
    "cards": ({"type": "cards"}, (Attachment("template", None),)),
    "post": ({"type": "post"}, (POST,)),
    "heart": ({"type": "heart"}, (Attachment("like_heart", None),)),
}


def sent(name, key="k", after=timedelta(), text=None):
    content, attachments = KINDS[name]
    text = text or ("We open at nine." if name == "text" else None)
    message = Message(key, Role.HUMAN, text, MessageStatus.SENDING, SENT_AT, content=content, attachments=attachments)
    return replace(message, sending_at=SENT_AT + after)


def echo(*attachments, text=None, after=timedelta(), by_our_app=None):
    return Echo("m", text, attachments, SENT_AT + after, by_our_app)


def echo_of(name):
    return echo(*KINDS[name][1], text=sent(name).text)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_matches_only_its_own_echo(name):
    assert [other for other in KINDS if is_alike(echo_of(other), sent(name))] == [name]


@given(st.permutations(list(KINDS)), st.sampled_from(list(KINDS)))
def test_an_echo_finds_its_message_among_all_kinds(order, name):
    messages = [sent(one, one) for one in order]
    assert settled_by(echo_of(name), messages).key == name


@given(st.permutations(range(4)))
def test_equal_messages_are_matched_in_the_order_of_sending(order):
    messages = [sent("image", f"k{number}", timedelta(seconds=number)) for number in order]
    assert settled_by(echo(PICTURE), messages).key == "k0"


@given(st.text(min_size=1), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(["", " ", "\n", "\u200b"]))
def test_a_text_matches_in_every_unicode_form_and_with_any_margin(text, form, margin):
    changed = f"{margin}{unicodedata.normalize(form, text)}{margin}"
    assert normal(changed) == normal(text)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("❤️", "❤"), ("a\r\nb", "a b"), ("caf\u00e9", "cafe\u0301"), ("a\u00a0b", "a b"), ("no\u200dbreak", "nobreak")],
)
def test_what_instagram_changes_unseen_does_not_matter(ours, theirs):
    assert is_alike(echo(text=theirs), sent("text", text=ours))


@pytest.mark.parametrize("theirs", ["We open at ten.", "we open at nine.", "We open at nine"])
def test_other_words_are_another_text(theirs):
    assert settled_by(echo(text=theirs), [sent("text")]) is None
    assert settled_by(echo(text=theirs, by_our_app=True), [sent("text")]).key == "k"


@pytest.mark.parametrize("kind", ["unsupported", "unsupported_type", "fallback", "hologram"])
def test_an_echo_without_content_belongs_to_what_is_no_text(kind):
    hidden = echo(Attachment(kind, None))
    assert settled_by(hidden, [sent("text", "t"), sent("heart", "h")]).key == "h"
    assert settled_by(hidden, [sent("text", "t")]) is None


def test_an_exact_match_goes_before_an_earlier_hidden_one():
    later = timedelta(seconds=5)
    assert settled_by(echo(PICTURE), [sent("heart", "h"), sent("image", "i", later)]).key == "i"


@pytest.mark.parametrize("post", [(POST,), (SHARE,), (SHARE, POST), (Attachment("ig_reel", None),)])
def test_a_post_matches_under_each_of_its_names(post):
    assert is_alike(echo(*post), sent("post"))


@pytest.mark.parametrize(("minutes", "matches"), [(-1, False), (0, True), (14, True), (16, False)])
def test_a_picture_is_matched_only_near_the_time_of_its_send(minutes, matches):
    assert is_alike(echo(PICTURE, after=timedelta(minutes=minutes)), sent("image")) is matches


@pytest.mark.parametrize("name", KINDS)
def test_an_echo_of_another_app_matches_nothing(name):
    assert settled_by(replace(echo_of(name), by_our_app=False), [sent(name)]) is None
