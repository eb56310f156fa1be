"""What send takes: `contract.sending`. A refusal names the field and Instagram's limit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connector.contract.sending import SendRequest
from connector.instagram import limits
from connector.request_errors import field_of, problem_of
from tests.unit.payloads import USER

LINK = {"type": "link", "title": "Go", "url": "https://a.example"}
POSTBACK = {"type": "postback", "title": "Go", "payload": "GO"}
CARD = {"title": "Cake", "subtitle": "4 €"}
URL = "https://a.example/b.png?sig=%2F+a"
KINDS = {
    "words": "Hello!",
    "text": {"type": "text", "text": "Which?", "quickReplies": [{"title": "This", "payload": "THIS"}]},
    "image": {"type": "image", "urls": [URL]},
    "audio": {"type": "audio", "url": URL},
    "video": {"type": "video", "url": URL},
    "file": {"type": "file", "url": URL},
    "cards": {"type": "cards", "elements": [CARD | {"imageUrl": URL, "url": URL, "buttons": [LINK, POSTBACK]}]},
    "buttons": {"type": "buttons", "text": "What next?", "buttons": [LINK, POSTBACK]},
    "post": {"type": "post", "mediaId": "17900000000000001"},
    "heart": {"type": "heart"},
    "reaction": {"type": "reaction", "mid": "m-1"},
    "typing": {"type": "typing"},
}


def asked(message, **more):
    return SendRequest.model_validate({"to": USER, "message": message} | more)


def refused(message, **more):
    """Return the fields and problems of a refusal, as the API tells them."""
    with pytest.raises(ValidationError) as caught:
        asked(message, **more)
    return [(field_of(one | {"loc": ("body", *one["loc"])}), problem_of(one)) for one in caught.value.errors()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_message_is_taken_as_it_is(kind):
    wanted = KINDS[kind]
    taken = asked(wanted).message
    assert (taken if kind == "words" else taken.model_dump(by_alias=True, exclude_unset=True, mode="json")) == wanted


@pytest.mark.parametrize(
    ("message", "field", "problem"),
    [
        ("", "message", "must not be empty"),
        (" \n\u2003", "message", "must not be empty"),
        ("é" * 501, "message", "has 1002 bytes in UTF-8; Instagram takes at most 1000"),
        ("half \ud800", "message", "must be Unicode, and holds half of a surrogate pair"),
        (
            KINDS["text"] | {"text": "half \ud800"},
            "message.text",
            "must be Unicode, and holds half of a surrogate pair",
        ),
        ({"type": "sticker"}, "message", "must be a text, or have one of the types text, image, audio"),
        ({"text": "no type"}, "message", "must be a text, or have one of the types text, image, audio"),
        (5, "message", "must be a string, and is a number"),
        (KINDS["text"] | {"text": "x" * 1001}, "message.text", "has 1001 bytes in UTF-8; Instagram takes at most 1000"),
        (KINDS["text"] | {"text": " "}, "message.text", "must not be empty"),
        (
            KINDS["text"] | {"quickReplies": [{"title": "a", "payload": "b"}] * 14},
            "message.quickReplies",
            "at most 13 items",
        ),
        (
            KINDS["text"] | {"quickReplies": [{"title": "x" * 21, "payload": "b"}]},
            "message.quickReplies.title",
            "at most 20 characters",
        ),
        (
            KINDS["text"] | {"quickReplies": [{"title": "a", "payload": "x" * 1001}]},
            "message.quickReplies.payload",
            "at most 1000 characters",
        ),
        (KINDS["image"] | {"urls": []}, "message.urls", "at least 1 item"),
        (KINDS["image"] | {"urls": [URL] * 11}, "message.urls", "at most 10 items"),
        *(
            (KINDS["image"] | {"urls": [url]}, "message.urls", "an address that begins with http:// or https://")
            for url in ("ftp://a.example", "javascript:alert(1)", "//a.example", "https://", "https://ä.example", "a b")
        ),
        (KINDS["file"] | {"url": f"{URL}\r\nX-Evil: 1"}, "message.url", "an address that begins with"),
        (KINDS["file"] | {"url": f"https://a.example/{'x' * 2083}"}, "message.url", "at most 2083 characters"),
        (KINDS["cards"] | {"elements": []}, "message.elements", "at least 1 item"),
        (KINDS["cards"] | {"elements": [CARD] * 11}, "message.elements", "at most 10 items"),
        (KINDS["cards"] | {"elements": [{"title": "Cake"}]}, "message.elements", "needs a subtitle, imageUrl, url or"),
        (
            KINDS["cards"] | {"elements": [CARD | {"title": "x" * 81}]},
            "message.elements.title",
            "at most 80 characters",
        ),
        (
            KINDS["cards"] | {"elements": [CARD | {"subtitle": "x" * 81}]},
            "message.elements.subtitle",
            "at most 80 characters",
        ),
        (
            KINDS["cards"] | {"elements": [CARD | {"buttons": [LINK] * 4}]},
            "message.elements.buttons",
            "at most 3 items",
        ),
        (
            KINDS["cards"] | {"elements": [CARD | {"buttons": [LINK | {"title": "x" * 21}]}]},
            "message.elements.buttons.title",
            "at most 20 characters",
        ),
        (KINDS["buttons"] | {"text": "x" * 641}, "message.text", "at most 640 characters"),
        (KINDS["buttons"] | {"buttons": []}, "message.buttons", "at least 1 item"),
        (KINDS["buttons"] | {"buttons": [LINK] * 4}, "message.buttons", "at most 3 items"),
        (
            KINDS["buttons"] | {"buttons": [POSTBACK | {"payload": "x" * 1001}]},
            "message.buttons.payload",
            "at most 1000 characters",
        ),
        (KINDS["buttons"] | {"buttons": [{"type": "call", "title": "Go"}]}, "message.buttons", "'link', 'postback'"),
        (KINDS["post"] | {"mediaId": "x"}, "message.mediaId", "1 to 32 digits"),
        (KINDS["heart"] | {"text": "x"}, "message.text", "is not known here"),
        (KINDS["reaction"] | {"reaction": "angry"}, "message.reaction", "'love'"),
        (KINDS["reaction"] | {"mid": "x" * 513}, "message.mid", "at most 512 characters"),
        (KINDS["reaction"] | {"mid": "a b"}, "message.mid", "without spaces"),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_h10_h16_a_limit_that_is_passed_is_named_with_its_field(message, field, problem):
    ((named, told),) = refused(message)
    assert named == field
    assert problem in told


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"split": "yes"}, "split"),
        ({"split": 1}, "split"),
        ({"pauseAgent": "false"}, "pauseAgent"),
        ({"replyTo": ""}, "replyTo"),
        ({"replyTo": "x" * 513}, "replyTo"),
        ({"replyTo": "a\nb"}, "replyTo"),
        ({"reply_to": "m-1"}, "reply_to"),
        ({"pause_agent": False}, "pause_agent"),
        ({"tag": "HUMAN_AGENT"}, "tag"),
    ],
    ids=str,
)
def test_h10_a_field_is_taken_under_its_documented_name_and_in_its_form_only(more, field):
    assert [named for named, _ in refused("hi", **more)] == [field]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("words", "reaction", "typing")])
def test_what_is_more_than_a_text_is_one_letter_with_all_that_was_asked(kind):
    (letter,) = asked(KINDS[kind]).letters()
    assert letter.content["type"] == KINDS[kind]["type"]
    assert json.loads(json.dumps(letter.content)) == letter.content, "MongoDB takes it as it is"


@pytest.mark.parametrize("kind", ["reaction", "typing"])
def test_what_is_no_message_is_no_letter(kind):
    assert asked(KINDS[kind]).letters() == ()


def test_a_text_goes_out_without_margins_so_that_it_is_found_again_in_the_thread():
    for message in (" hi \n", {"type": "text", "text": " hi \n"}):
        assert [letter.text for letter in asked(message).letters()] == ["hi"]


def test_an_address_goes_out_as_it_came():
    """A signed one would not survive a normalization."""
    odd = "HTTPS://A.example:443/%7Ea/../b?x=%2f&y=+#z".replace("HTTPS", "https")
    (letter,) = asked({"type": "image", "urls": [odd]}).letters()
    assert letter.content["urls"] == [odd]
    assert [one.url for one in letter.attachments] == [odd]


texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


@given(texts)
def test_a_text_is_sent_unchanged_or_refused_by_its_bytes(text):
    size = len(text.encode())
    if size <= limits.MAX_TEXT_BYTES:
        assert asked(text).message == text
    else:
        assert refused(text) == [("message", f"has {size} bytes in UTF-8; Instagram takes at most 1000")]


@given(st.text(st.characters(codec="utf-8"), min_size=300, max_size=3000).filter(str.strip))
def test_a_text_that_is_split_goes_out_whole_in_parts_that_instagram_takes(text):
    parts = [letter.text for letter in asked(text, split=True).letters()]
    assert parts
    assert all(part.strip() and len(part.encode()) <= limits.MAX_TEXT_BYTES for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split()), "only white space is left out, where it is cut"


def test_a_text_of_more_than_10000_characters_is_refused_even_where_it_may_be_split():
    assert refused("x" * 10_001, split=True) == [("message", "must have at most 10000 characters")]


def test_parts_are_for_plain_texts_only():
    long = KINDS["text"] | {"text": "x" * 1001}
    assert [field for field, _ in refused(long, split=True)] == ["message.text"]
