"""The API's views of messages and conversations, and the lines of an export."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from connector.chat import LOOPING, PAUSED, Attachment, Chat, Message, MessageStatus, Person, Role
from connector.contract.base import AskedTime, write_time
from connector.contract.conversations import ConversationsView
from connector.contract.exporting import MOST_LINES, write_lines
from connector.contract.messages import MessageView
from connector.contract.remedies import REMEDIES
from connector.conversation.conversations import Rows
from connector.instagram.events import Other
from connector.ports.reading import Conversation
from tests.unit.payloads import ACCOUNT, SENT_AT, USER
from tests.unit.test_judge import CONNECTION

NOW = SENT_AT + timedelta(hours=1)
MESSAGE = Message("mid:m", Role.USER, "hi", MessageStatus.RECEIVED, SENT_AT, id="a" * 24, mid="m")
CHAT = Chat("c", ACCOUNT, USER, "chat_1")


def _view(**changes):
    return MessageView.of(replace(MESSAGE, **changes), user_id=USER, chat_id=None).model_dump(
        mode="json", by_alias=True
    )


def _row(connection=None, **chat):
    row = Conversation(replace(CHAT, **chat), (CHAT, MESSAGE), 2, SENT_AT, f"{0:014d}.{'a' * 24}")
    view = ConversationsView.of(Rows([row], None), connection, NOW).model_dump(mode="json", by_alias=True)
    return view["conversations"][0]


# ── a message


@pytest.mark.parametrize(
    ("reply_to", "shown"),
    [
        (None, None),
        ({}, None),
        ({"mid": "z", "is_self_reply": False}, {"mid": "z", "story": None}),
        (
            {"story": {"id": "1", "url": "https://x"}},
            {"mid": None, "story": {"id": "1", "url": "https://x", "linkStickerUrl": None}},
        ),
        (
            {"story": {"link_sticker_url": "https://l"}, "mid": {}},
            {"mid": None, "story": {"id": None, "url": None, "linkStickerUrl": "https://l"}},
        ),
        ({"story": "x"}, {"mid": None, "story": None}),
    ],
)
def test_a_message_shows_its_reply_target_in_every_stored_form(reply_to, shown):
    assert _view(reply_to=reply_to)["replyTo"] == shown


def test_a_message_shows_what_was_tapped_and_how_it_was_liked():
    reaction = {"userId": USER, "emoji": "❤️", "at": SENT_AT}
    view = _view(postback={"payload": "HOURS", "title": None}, reactions=(reaction,))
    assert view["postback"] == {"payload": "HOURS", "title": None}
    assert view["reactions"] == [{"userId": USER, "emoji": "❤️", "at": "2025-09-08T11:13:22.434Z"}]


def test_an_outgoing_message_shows_what_the_request_asked_to_send():
    content = {"type": "text", "text": "Which?", "quickReplies": [{"title": "A", "payload": "a"}]}
    assert _view(role=Role.HUMAN, content=content)["content"] == content


@pytest.mark.parametrize("code", REMEDIES)
def test_an_error_says_what_happened_and_what_to_do_in_a_sentence_each(code):
    error = _view(error={"code": code})["error"]
    assert error["code"] == code
    for sentence in (error["message"], error["remedy"]):
        assert sentence[0].isupper(), sentence
        assert sentence.endswith("."), sentence


def test_an_error_repeats_what_was_said_when_it_happened_and_hides_nothing_that_has_no_name():
    told = {"code": "window_closed", "message": "Instagram's 24 hours closed then.", "at": SENT_AT}
    assert _view(error=told)["error"]["message"] == "Instagram's 24 hours closed then."
    assert set(_view(error={"code": "brand_new"})["error"]) == {"code", "message", "remedy", "meta"}


@pytest.mark.parametrize("meta", [None, {"message": "(#10) …", "code": 10, "subcode": None}])
def test_an_error_shows_what_meta_said_where_it_did(meta):
    assert _view(error={"code": "window_closed", "meta": meta})["error"]["meta"] == meta
    assert _view(error={"code": "window_closed"})["error"]["meta"] is None


# ── a row of the inbox


def test_a_row_shows_who_it_is_what_was_last_said_and_how_much_waits():
    row = _row(person=Person("ada", "Ada", SENT_AT))
    assert (row["userId"], row["username"], row["name"], row["unansweredCount"]) == (USER, "ada", "Ada", 2)
    assert (row["lastMessage"]["text"], row["lastMessage"]["chatId"]) == ("hi", "chat_1")


@pytest.mark.parametrize(
    ("opened", "is_open", "closes", "person_closes"),
    [
        (timedelta(0), True, timedelta(hours=24), timedelta(days=7)),
        (timedelta(hours=-24, milliseconds=1), True, timedelta(milliseconds=1), timedelta(days=6, milliseconds=1)),
        (timedelta(hours=-24), False, timedelta(0), timedelta(days=6)),
    ],
)
def test_a_row_says_until_when_the_window_is_open(opened, is_open, closes, person_closes):
    window = _row(window_opened_at=NOW + opened)["window"]
    times = [(NOW + one).isoformat(timespec="milliseconds").replace("+00:00", "Z") for one in (closes, person_closes)]
    assert window == {"isOpen": is_open, "closesAt": times[0], "personClosesAt": times[1]}


def test_a_window_of_which_nothing_is_known_is_not_said_to_be_closed():
    assert _row()["window"] == {"isOpen": True, "closesAt": None, "personClosesAt": None}


@pytest.mark.parametrize("because", [PAUSED, LOOPING])
def test_a_row_says_until_when_the_agent_is_silent_and_why(because):
    until = NOW + timedelta(minutes=5)
    paused = _row(paused_until=until, paused_because=because)["paused"]
    assert paused == {"until": "2025-09-08T12:18:22.434Z", "because": because, "everywhere": False}
    assert _row(paused_until=NOW, paused_because=because)["paused"] is None, "it is over"


@pytest.mark.parametrize(
    ("here", "all_of_them", "shown"),
    [
        (None, 5, (5, PAUSED, True)),
        (1, 5, (5, PAUSED, True)),
        (5, 1, (5, LOOPING, False)),
        (5, 0, (5, LOOPING, False)),
        (0, 5, (5, PAUSED, True)),
        (0, 0, None),
        (None, None, None),
    ],
)
def test_a_row_shows_the_pause_that_lasts_longest_its_own_or_that_of_the_whole_connection(here, all_of_them, shown):
    def then(minutes):
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    connection = replace(CONNECTION, paused_until=then(all_of_them))
    paused = _row(connection, paused_until=then(here), paused_because=LOOPING)["paused"]
    if shown is None:
        assert paused is None
    else:
        minutes, because, everywhere = shown
        assert paused == {"until": write_time(then(minutes)), "because": because, "everywhere": everywhere}


def test_a_row_says_what_brought_the_customer_and_no_more_of_what_meta_told():
    referral = {"ref": "spring", "ad_id": 5, "ads_context_data": {"ad_title": "T", "photo_url": "x"}, "at": SENT_AT}
    assert _row(referral=referral)["referral"] == {
        "ref": "spring",
        "source": None,
        "adId": "5",
        "adTitle": "T",
        "postId": None,
        "productId": None,
        "at": "2025-09-08T11:13:22.434Z",
    }
    assert _row()["referral"] is None


# ── a line of the export


def _lines(export):
    return [json.loads(line) for line in export.lines.splitlines()]


def _listed(*texts):
    return ((f"{n:014d}.{'0' * 24}", (CHAT, replace(MESSAGE, text=text))) for n, text in enumerate(texts))


def test_a_line_holds_all_that_is_stored_of_a_message_and_of_who_it_is_with():
    chat = replace(CHAT, person=Person("ada", "Ada", SENT_AT), referral={"ref": "spring", "at": SENT_AT})
    message = replace(
        MESSAGE,
        text="Hi\n“you” 👋\u2028",
        attachments=(Attachment("image", "https://x", None),),
        reply_to={"story": {"id": "1", "url": "https://s", "link_sticker_url": "https://l"}},
        reactions=({"userId": USER, "emoji": "❤️", "at": SENT_AT},),
    )
    export = write_lines([("p", (chat, message))])
    assert export.lines.count("\n") == 1
    (line,) = _lines(export)
    assert (line["type"], line["text"]) == ("message", message.text)
    assert line["replyTo"] == message.reply_to
    assert (line["username"], line["name"], line["instagramAccountId"]) == ("ada", "Ada", ACCOUNT)
    assert line["referral"] == {"ref": "spring", "at": "2025-09-08T11:13:22.434Z"}
    assert set(_view()) < set(line)


@pytest.mark.parametrize(("user_id", "shown"), [(USER, USER), ("", None)])
def test_an_event_line_holds_the_fields_of_the_webhook_unchanged(user_id, shown):
    told = {"message_edit": {"mid": "m", "text": "Hi\n“you”"}, "at": 5}
    event = Other(ACCOUNT, user_id, SENT_AT, "message_edit", "key", "messaging", "m", told)
    assert _lines(write_lines([("p", event)])) == [
        {
            "type": "event",
            "name": "message_edit",
            "userId": shown,
            "mid": "m",
            "at": "2025-09-08T11:13:22.434Z",
            "told": told,
            "instagramAccountId": ACCOUNT,
        }
    ]


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(0, 3_000))
def test_an_answer_stays_within_its_bytes_as_lambda_hands_it_on_but_for_a_single_line(texts, most_bytes):
    export = write_lines(_listed(*texts), most_bytes=most_bytes)
    lines = _lines(export)
    assert [line["text"] for line in lines] == texts[: len(lines)]
    assert len(json.dumps(export.lines)) - 2 <= most_bytes or len(lines) <= 1
    assert (export.goes_on_after is None) is (len(lines) == len(texts))
    if export.goes_on_after is not None:
        assert export.goes_on_after == f"{len(lines) - 1:014d}.{'0' * 24}"
        assert lines, "an answer without a line would go on for ever"


def test_an_answer_has_at_most_1000_lines_and_reads_no_more_than_it_needs():
    read = count()
    export = write_lines(one for one in _listed(*["hi"] * 5_000) if [next(read)])
    assert len(_lines(export)) == MOST_LINES == 1_000
    assert next(read) == MOST_LINES + 1


# ── a time that is asked for


@pytest.mark.parametrize(
    ("asked", "moment"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.000Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.123456Z", datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_asked_for_as_answers_show_it(asked, moment):
    assert TypeAdapter(AskedTime).validate_python(asked) == moment


@pytest.mark.parametrize(
    "asked",
    [
        *("", "5", "1769851800", "2026-01-31", "2026-01-31T09:30Z", "2026-01-31T09:30:00", "2026-01-31 09:30:00Z"),
        *("2026-01-31T09:30:00+00:00", "2026-02-30T09:30:00Z", "2026-01-31T24:30:00Z", "2026-01-31T09:30:00z"),
        *("٢٠٢٦-01-31T09:30:00Z", "2026-01-31T09:30:00Z\n", "now", 5, None, SENT_AT),
    ],
    ids=ascii,
)
def test_h8_a_time_in_any_other_form_is_refused_and_not_guessed(asked):
    with pytest.raises(ValidationError, match="must be a time in ISO 8601, UTC"):
        TypeAdapter(AskedTime).validate_python(asked)
