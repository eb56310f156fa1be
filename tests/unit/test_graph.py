"""Meta's Graph API: `instagram.graph` and `instagram.errors`, against a real server."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.accounts import AccessToken
from connector.chat import Message, MessageStatus, Person, Role
from connector.echoes import Echo
from connector.errors import (
    NotShown,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    ReconnectNeeded,
    Refused,
    TryLater,
    Undeliverable,
)
from connector.instagram.assets import Assets
from connector.instagram.errors import error_of
from connector.instagram.graph import Graph
from connector.instagram.messenger import Messenger
from connector.transport import Answer
from tests.unit import peer as behaviour
from tests.unit.payloads import ACCOUNT, PAGE, USER


@pytest.fixture
def messenger(other_side):
    return messenger_at(f"{other_side.url}/v26.0")


@pytest.fixture
def assets(other_side):
    return Assets(Graph(f"{other_side.url}/v26.0", AccessToken("EAAtoken"), PAGE))


def messenger_at(url):
    return Messenger(Graph(url, AccessToken("EAAtoken"), PAGE))


def text_of(text):
    return Message("key", Role.AGENT, text, MessageStatus.SENDING, SENT_AT)


def _envelope(code, subcode=None):
    told = {"message": f"(#{code}) …", "type": "OAuthException", "code": code, "fbtrace_id": "A9C5"}
    return {"error": told | ({"error_subcode": subcode} if subcode else {})}


# Meta's tables: what each code means for the one who asked, and the reason that is told.
SORTED = [
    # tokens
    *((190, subcode, ReconnectNeeded, "reconnect_needed") for subcode in (None, 458, 459, 460, 463, 464, 467, 492)),
    (102, None, ReconnectNeeded, "reconnect_needed"),
    # limits of the rate
    *((code, None, RateLimited, "rate_limited") for code in (4, 17, 32, 341, 613, 80001, 80002, 80006)),
    (613, 2534040, RateLimited, "rate_limited"),
    (1200, None, TryLater, "try_later"),
    (100, 33, NotShown, "try_later"),  # "Object with ID … does not exist", seen for hours in an outage
    (2018321, None, TryLater, "try_later"),  # Meta's automated answers have the conversation
    (1200, 2018024, TryLater, "try_later"),  # "Temporary send message failure. Please try again later."
    # perhaps done
    (1, None, OutcomeUnknown, "outcome_unknown"),
    (1, 1357046, OutcomeUnknown, "outcome_unknown"),  # "messages are all sent, but the endpoint returns an error"
    (2, None, OutcomeUnknown, "outcome_unknown"),
    (-1, None, OutcomeUnknown, "outcome_unknown"),  # "Unexpected internal error"
    (2, 1545133, OutcomeUnknown, "outcome_unknown"),
    # for good
    (10, 2534022, Undeliverable, "window_closed"),
    (10, 2018278, Undeliverable, "window_closed"),
    (
        10,
        2018065,
        Undeliverable,
        "window_closed",
    ),  # outside the window, and the permission that would allow it is missing
    (10, 2018108, Undeliverable, "user_unavailable"),
    (10, 1893063, Refused, "account_blocked"),  # "temporarily restricted from sending (policy)"
    (10, 2534077, Refused, "not_linked"),
    (10, None, Refused, "permission_missing"),
    (3, None, Refused, "app_access_missing"),
    (200, None, Refused, "app_access_missing"),
    (299, None, Refused, "permission_missing"),
    (200, 1545041, Undeliverable, "user_unavailable"),
    (200, 2534041, Refused, "messages_not_allowed"),
    (551, None, Undeliverable, "user_unavailable"),
    (551, 1545041, Undeliverable, "user_unavailable"),
    (100, 2534014, Undeliverable, "user_not_found"),
    (100, 2018001, Undeliverable, "user_not_found"),
    (100, 2534013, Refused, "not_linked"),
    (100, 2534037, Undeliverable, "other_app_in_control"),
    (100, 2534029, Refused, "account_blocked"),
    (2018300, None, Undeliverable, "other_app_in_control"),
    (368, None, Refused, "account_blocked"),
    (613, 2018338, Refused, "graph_refused"),  # a warning about abuse: stop, and do not go on after a while
    (10, 2018300, Undeliverable, "other_app_in_control"),
    (200, 2018028, Refused, "app_access_missing"),  # as 200 without a subcode
    (803, None, Refused, "unknown_id"),  # "Some of the aliases you requested do not exist"
    (9010, None, Undeliverable, "user_not_found"),
    # files that Meta cannot fetch, of another kind, too large, or too slow
    *((100, subcode, Undeliverable, "media_refused") for subcode in (2018008, 2018047, 2018109, 2018294)),
    (546, None, Undeliverable, "media_refused"),
    # subcodes of the Messenger Platform say the same with any code
    (200, 2534022, Undeliverable, "window_closed"),
    (None, 2018300, Undeliverable, "other_app_in_control"),
    (100, None, Refused, "graph_refused"),
    (506, None, Refused, "graph_refused"),
    (2500, None, Refused, "graph_refused"),
    (99999, None, Refused, "graph_refused"),
]


@pytest.mark.parametrize(("code", "subcode", "kind", "reason"), SORTED)
def test_e1_e3_e4_e5_e6_e7_e12_each_code_of_metas_tables_is_sorted_by_what_can_be_done_about_it(
    code, subcode, kind, reason
):
    error = error_of(Answer(400, _envelope(code, subcode), {}))
    assert (type(error), error.code) == (kind, reason)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [(190, None, ReconnectNeeded), (10, 2534022, Undeliverable), (4, None, RateLimited), (2, None, OutcomeUnknown)],
)
def test_the_code_decides_and_the_status_does_not(status, code, subcode, kind):
    """The same condition comes as 400, 401, 403 or 500."""
    assert type(error_of(Answer(status, _envelope(code, subcode), {}))) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, OutcomeUnknown),
        (400, Refused),
        (404, Refused),
        (429, RateLimited),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("body", [None, {}, {"error": "no"}, {"error": None}, {"error": []}])
def test_e7_an_answer_without_metas_envelope_is_sorted_by_whether_anything_can_have_been_done(status, kind, body):
    assert type(error_of(Answer(status, body, {}))) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ('{"1784":[{"type":"messenger","call_count":97,"estimated_time_to_regain_access":3}]}', 180),
        ('{"1":[{"estimated_time_to_regain_access":0}],"2":[{"estimated_time_to_regain_access":5}]}', 300),
        ('{"1":[{"estimated_time_to_regain_access":1440}]}', 24 * 3600),
        ('{"1":[{"estimated_time_to_regain_access":100000}]}', 24 * 3600),
        ('{"1":[{"estimated_time_to_regain_access":-5}]}', 60),
        ("not json", 60),
        ("[]", 60),
        ('{"1":5}', 60),
        ('{"1":[{}]}', 60),
        ('{"1":[{"estimated_time_to_regain_access":null}]}', 60),
        ('{"1":[{"estimated_time_to_regain_access":1e999}]}', 60),
        ('{"1":[{"estimated_time_to_regain_access":NaN}]}', 60),
    ],
)
def test_e3_the_wait_is_what_meta_says_in_minutes_within_reason(header, seconds):
    headers = {"X-Business-Use-Case-Usage": header} if header else {}
    assert error_of(Answer(400, _envelope(80002), headers)).after_seconds == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, JSON, JSON, st.integers(200, 599))
def test_no_answer_of_metas_raises_anything_but_what_it_means(error, code, header, status):
    for body in ({"error": error}, {"error": {"code": code, "error_subcode": error}}):
        error_of(Answer(status, body, {"X-Business-Use-Case-Usage": json.dumps(header)}))


# ── the calls


def test_a_text_is_sent_as_the_page_with_the_token_in_the_header_only(messenger, other_side):
    other_side.behave = behaviour.answer({"recipient_id": USER, "message_id": "m_1"})
    assert messenger.send(USER, text_of("Привет 👋")) == "m_1"
    (request,) = other_side.requests
    assert (request.method, request.path, request.query) == ("POST", f"/v26.0/{PAGE}/messages", {})
    assert request.json == {
        "recipient": {"id": USER},
        "messaging_type": "RESPONSE",
        "message": {"text": "Привет 👋"},
    }
    assert request.headers["authorization"] == "Bearer EAAtoken"
    assert b"EAA" not in request.body


@pytest.mark.parametrize("body", [{}, {"message_id": ""}, {"message_id": 5}, {"message_id": None}, [], b"", b"<html>"])
def test_e8_a_success_that_names_no_message_is_unknown(messenger, other_side, body):
    other_side.behave = behaviour.answer(body)
    with pytest.raises(OutcomeUnknown):
        messenger.send(USER, text_of("hi"))


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (behaviour.reset, OutcomeUnknown),
        (behaviour.truncate, OutcomeUnknown),
        (behaviour.answer(b"<html>", 502), OutcomeUnknown),
        (behaviour.answer(b"", 302, {"Location": "https://elsewhere.invalid/"}), OutcomeUnknown),
        (behaviour.answer(_envelope(10, 2534022), 403), Refused),
        (behaviour.answer(_envelope(190, 463), 401), ReconnectNeeded),
        (behaviour.answer(_envelope(4), 400), RateLimited),
    ],
    ids=["reset", "truncated", "502", "redirect", "window", "token", "rate"],
)
def test_e1_e3_e4_e7_e8_e9_a_send_is_made_once_whatever_comes_back(messenger, other_side, how, kind):
    other_side.behave = how
    with pytest.raises(kind):
        messenger.send(USER, text_of("hi"))
    assert len(other_side.requests) == 1


def test_a_send_to_nobody_is_certainly_not_sent():
    with pytest.raises(TryLater):
        messenger_at(behaviour.nobody()).send(USER, text_of("hi"))


def test_an_account_is_read_with_its_username(assets, other_side):
    other_side.behave = behaviour.answer({"id": ACCOUNT, "username": "acme", "name": "Acme"})
    profile = assets.account(ACCOUNT)
    assert (profile.account_id, profile.username, profile.name) == (ACCOUNT, "acme", "Acme")
    assert other_side.requests[0].query == {"fields": "id,username,name"}


@pytest.mark.parametrize("body", [{"id": ACCOUNT}, {"id": "1", "username": "x"}, {"id": ACCOUNT, "username": 5}, {}])
def test_a_node_that_is_no_professional_account_is_refused(assets, other_side, body):
    other_side.behave = behaviour.answer(body)
    with pytest.raises(Refused) as refusal:
        assets.account(ACCOUNT)
    assert refusal.value.code == "not_professional"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(behaviour.answer(b"<html>", 502), id="502"),
        pytest.param(behaviour.answer(_envelope(2), 500), id="code-2"),
        pytest.param(behaviour.answer(_envelope(1), 500), id="code-1"),
        pytest.param(behaviour.answer(b"<html>", 200), id="not-json"),
        pytest.param(behaviour.reset, id="reset"),
    ],
)
def test_a_read_that_meta_did_not_answer_may_be_made_again(assets, other_side, how):
    """Nothing was changed by it, so no outcome is unknown."""
    other_side.behave = how
    with pytest.raises(TryLater):
        assets.account(ACCOUNT)
    with pytest.raises(TryLater):
        assets.linked_account_id(PAGE)


@pytest.mark.parametrize(
    ("body", "linked"),
    [
        ({"instagram_business_account": {"id": ACCOUNT}}, ACCOUNT),
        ({"name": "x"}, None),
        ({"instagram_business_account": None}, None),
        ({"instagram_business_account": {}}, None),
        ({"instagram_business_account": {"id": int(ACCOUNT)}}, ACCOUNT),
    ],
)
def test_a_pages_account_is_read_where_it_has_one(assets, other_side, body, linked):
    other_side.behave = behaviour.answer({"id": PAGE} | body)
    assert assets.linked_account_id(PAGE) == linked


def test_subscribing_names_the_fields_and_unsubscribing_names_the_page(assets, other_side):
    other_side.behave = behaviour.answer({"success": True})
    assets.subscribe(["messages", "messaging_postbacks"])
    assets.unsubscribe()
    told = [(one.method, one.path, one.query) for one in other_side.requests]
    path = f"/v26.0/{PAGE}/subscribed_apps"
    assert told == [("POST", path, {"subscribed_fields": "messages,messaging_postbacks"}), ("DELETE", path, {})]


def test_a_subscription_that_meta_does_not_confirm_is_no_success(assets, other_side):
    other_side.behave = behaviour.answer({"success": False})
    with pytest.raises((OutcomeUnknown, Refused)):
        assets.subscribe(["messages", "messaging_postbacks"])


# ── what has been sent


THREAD = "aWdfZAG06MTpJR01lc3NhZ2VUaHJlYWQ"
FIELDS = "messages.limit(20){id,created_time,from,message,attachments,shares}"
SENT_AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
LONG_AGO = datetime(2026, 2, 1, tzinfo=UTC)


def _in_thread(mid, text, *, by=ACCOUNT, at="2026-03-01T12:00:05+0000"):
    return {"id": mid, "created_time": at, "from": {"username": "acme", "id": by}, "message": text}


def _thread(*messages):
    return behaviour.answer({"id": THREAD, "messages": {"data": list(messages)}})


LISTED = behaviour.answer({"data": [{"id": THREAD}]})


def test_c9_what_was_sent_is_read_from_the_customers_thread_in_two_calls(messenger, other_side):
    other_side.script(LISTED, _thread(_in_thread("m2", "And until six."), _in_thread("m1", "Привет 👋")))
    assert messenger.sent_since(ACCOUNT, USER, LONG_AGO) == (
        Echo("m2", "And until six.", (), SENT_AT),
        Echo("m1", "Привет 👋", (), SENT_AT),
    )
    listing, reading = other_side.requests
    assert (listing.method, listing.path) == ("GET", f"/v26.0/{PAGE}/conversations")
    assert listing.query == {"platform": "instagram", "user_id": USER, "fields": "id"}
    assert (reading.method, reading.path, reading.query) == ("GET", f"/v26.0/{THREAD}", {"fields": FIELDS})
    assert all(one.headers["authorization"] == "Bearer EAAtoken" for one in other_side.requests)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_in_thread("m2", "hi", by=USER), id="the-customers"),
        pytest.param(_in_thread("m2", "hi", by=None), id="nobodys"),
        pytest.param(_in_thread("m2", "hi") | {"from": "acme"}, id="of-no-account"),
        pytest.param(_in_thread(None, "hi"), id="without-a-mid"),
        pytest.param(_in_thread("m2", "hi", at="1772366405"), id="at-another-kind-of-time"),
        pytest.param(_in_thread("m2", "hi", at=None), id="at-no-time"),
        pytest.param({"id": "m2", "created_time": "2026-03-01T12:00:05+0000"}, id="too-old-to-be-read"),
        pytest.param({}, id="nothing"),
        pytest.param("m2", id="no-message"),
    ],
)
def test_c9_what_others_wrote_is_left_out(messenger, other_side, other):
    other_side.script(LISTED, _thread(other, _in_thread("m1", "hi")))
    assert [one.mid for one in messenger.sent_since(ACCOUNT, USER, LONG_AGO)] == ["m1"]


def test_c8_a_thread_in_which_only_the_customer_wrote_proves_that_nothing_was_sent(messenger, other_side):
    other_side.script(LISTED, _thread(_in_thread("m2", "hi", by=USER)))
    assert messenger.sent_since(ACCOUNT, USER, LONG_AGO) == ()


def test_c9_a_thread_that_is_not_told_as_far_back_as_the_send_proves_nothing(messenger, other_side):
    """Meta tells the newest twenty messages; what was sent before them may be there."""
    full = [_in_thread(f"m{number}", "hi", by=USER) for number in range(20)]
    other_side.script(LISTED, _thread(*full), LISTED, _thread(*full))
    with pytest.raises(Refused):
        messenger.sent_since(ACCOUNT, USER, SENT_AT - timedelta(seconds=1))
    assert messenger.sent_since(ACCOUNT, USER, SENT_AT) == ()


@pytest.mark.parametrize(
    ("listing", "reading"),
    [
        pytest.param({"data": []}, None, id="no-thread"),
        pytest.param({}, None, id="no-list"),
        pytest.param({"data": {}}, None, id="another-kind-of-list"),
        pytest.param({"data": [{"updated_time": "x"}]}, None, id="a-thread-without-a-name"),
        pytest.param({"data": [{"id": THREAD}]}, {"id": THREAD}, id="a-thread-without-messages"),
        pytest.param({"data": [{"id": THREAD}]}, {"messages": {"data": []}}, id="an-empty-thread"),
        pytest.param({"data": [{"id": THREAD}]}, {"messages": []}, id="no-edge"),
        pytest.param({"data": [{"id": THREAD}]}, {"messages": {"data": ["m1"]}}, id="no-messages"),
    ],
)
def test_c9_a_thread_of_which_meta_tells_nothing_proves_nothing(messenger, other_side, listing, reading):
    """It holds at least what the customer wrote. Without the rights for it, Meta answers with an empty list."""
    other_side.script(behaviour.answer(listing), behaviour.answer(reading or {}))
    with pytest.raises(TryLater):
        messenger.sent_since(ACCOUNT, USER, LONG_AGO)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (behaviour.reset, TryLater),
        (behaviour.answer(_envelope(2), 500), TryLater),
        (behaviour.answer(_envelope(4), 400), RateLimited),
        (behaviour.answer(_envelope(10), 403), Refused),
        (behaviour.answer(_envelope(190), 401), ReconnectNeeded),
    ],
    ids=["reset", "code-2", "rate", "permission", "token"],
)
@pytest.mark.parametrize("before", [[], [LISTED]], ids=["at-the-list", "at-the-thread"])
def test_c9_a_thread_that_cannot_be_read_is_no_proof_of_anything(messenger, other_side, before, how, kind):
    other_side.script(*before, how)
    with pytest.raises(kind):
        messenger.sent_since(ACCOUNT, USER, LONG_AGO)


@settings(max_examples=30)
@given(JSON, JSON)
def test_no_form_of_a_thread_raises_anything_but_what_it_means(listing, reading):
    with behaviour.peer() as meta, suppress(OutsideError):
        meta.script(behaviour.answer({"data": listing}), behaviour.answer({"messages": reading}))
        assert all(one.mid for one in messenger_at(meta.url).sent_since(ACCOUNT, USER, LONG_AGO))


# ── manners


@pytest.mark.parametrize(
    ("body", "person"),
    [
        ({"id": USER, "name": "Ада 👩‍💻", "username": "ada"}, Person("ada", "Ада 👩‍💻")),
        ({"id": USER, "username": "ada"}, Person("ada", None)),
        ({"id": USER}, Person()),
        ({"name": 5, "username": ["ada"]}, Person()),
        ({"name": "half \ud800", "username": "ada"}, Person("ada", "half ?")),
    ],
)
def test_a_customer_is_described_by_what_they_let_be_seen(messenger, other_side, body, person):
    other_side.behave = behaviour.answer(body)
    assert messenger.person(USER) == person
    (request,) = other_side.requests
    assert (request.path, request.query) == (f"/v26.0/{USER}", {"fields": "name,username"})


def test_a_customer_who_does_not_let_themselves_be_seen_is_refused(messenger, other_side):
    other_side.behave = behaviour.answer(_envelope(230), 403)
    with pytest.raises(Refused):
        messenger.person(USER)


@pytest.mark.parametrize("action", ["mark_seen", "typing_on"])
def test_an_action_is_shown_to_the_customer_without_a_message(messenger, other_side, action):
    other_side.behave = behaviour.answer({"recipient_id": USER})
    messenger.act(USER, action)
    (request,) = other_side.requests
    assert (request.method, request.path) == ("POST", f"/v26.0/{PAGE}/messages")
    assert request.json == {"recipient": {"id": USER}, "sender_action": action}


def test_an_action_that_meta_refuses_is_told_as_what_it_is(messenger, other_side):
    other_side.behave = behaviour.answer(_envelope(10, 2534022), 400)
    with pytest.raises(Refused):
        messenger.act(USER, "typing_on")
