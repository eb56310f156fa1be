"""Reading messages, newest first, across all chats: `storage.pages` and `conversation.history` on a real mongod."""

import random
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.chat import MAX_MESSAGES, MessageStatus, Role
from connector.conversation.cursors import Cursors
from connector.conversation.export import exported
from connector.conversation.history import Filters, read_page
from connector.ports.reading import Scope
from connector.storage.chats import Chats
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.pages import Pages
from connector.storage.turns import Turns
from connector.tenancy import Tenant
from tests.integration.world import LEASE, START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

CURSORS = Cursors(TENANT, "messages")


@pytest.fixture
def pages(collection):
    return Pages(collection, TENANT)


def _at(seconds):
    return START + timedelta(seconds=seconds)


def _fill(chats, times):
    """Store a message for each time, of two users in turns, and return their keys, newest first."""
    stored = []
    for number, seconds in enumerate(times):
        message = user_message(f"mid:{number}", at=_at(seconds))
        stored.append(chats.add(USER if number % 2 else OTHER_USER, ACCOUNT, message))
    return [one.key for one in sorted(stored, key=lambda one: (one.created_at, one.id), reverse=True)]


def _page(pages, limit=10, cursor=None, **filters):
    return read_page(pages, CURSORS, limit=limit, cursor=cursor, filters=Filters(**filters))


def _walk(pages, limit, **filters):
    keys, cursor = [], None
    while True:
        page = _page(pages, limit, cursor, **filters)
        assert len(page.messages) <= limit
        keys += [message.key for _, message in page.messages]
        if page.next_cursor is None:
            return keys
        cursor = page.next_cursor


def _forget_all(collection):
    collection.delete_many({})
    collection.database["instagram_messages"].delete_many({})


# ── what a walk through the pages sees


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_pages_give_every_message_once_newest_first_even_under_equal_times(chats, pages, collection, times, limit):
    _forget_all(collection)
    keys = _fill(chats, times)
    assert len(keys) == len(times)
    assert _walk(pages, limit) == keys
    everything = exported(pages, KeptEvents(collection.database[KEPT_EVENTS], TENANT), user_id=None, beyond=None)
    assert [message.key for _, (_, message) in everything] == keys[::-1]


def test_pages_go_across_chats_and_sessions_and_can_be_of_one_user(chats, pages, collection):
    keys = _fill(chats, range(6))
    collection.update_many({}, {"$set": {"status": "ended"}})
    chats.add(USER, ACCOUNT, user_message("mid:new", at=_at(9)))
    assert _walk(pages, 2) == ["mid:new", *keys]
    assert _walk(pages, 2, scope=Scope(user_id=USER)) == ["mid:new", "mid:5", "mid:3", "mid:1"]
    assert {chat.user_id for chat, _ in _page(pages).messages} == {USER, OTHER_USER}


def test_a_message_stored_while_somebody_turns_pages_moves_none_of_the_others(chats, pages):
    keys = _fill(chats, range(6))
    page = _page(pages, 3)
    chats.add(USER, ACCOUNT, user_message("mid:new", at=_at(9)))
    rest = _page(pages, 10, page.next_cursor)
    assert [message.key for _, message in [*page.messages, *rest.messages]] == keys


def test_paging_never_skips_or_repeats_what_was_there_while_others_write_and_messages_go_over_into_the_next_chat(
    chats, collection, pages, meanwhile
):
    """Writers add newer and older messages, and chats of four messages end under them all the time."""
    moments = random.Random(7)

    def write(name, number, seconds):
        status = MessageStatus.RECEIVED if number % 3 else MessageStatus.ANSWERED  # what waits goes over
        message = user_message(f"mid:{name}-{number}", at=_at(seconds), status=status)
        Chats(collection, TENANT, most_messages=4).add(f"{number % 5}", ACCOUNT, message)

    for number in range(120):
        write("there", number, moments.randrange(60))
    there = _walk(pages, 100)
    assert len(there) == 120
    walks = []
    with meanwhile(3, lambda writer, number: write(writer, number, moments.randrange(-60, 120))) as wait_for_writers:
        for limit in (3, 7, 20, 50, 100) * 3:
            wait_for_writers()
            walks.append(_walk(pages, limit))
    for keys in walks:
        assert [key for key in keys if key in set(there)] == there
        assert len(keys) == len(set(keys)), "a message came twice"
    assert len(_walk(pages, 100)) > len(walks[0]) > 120, "the writers have hardly written"
    moved = collection.count_documents({"messages.key": {"$regex": "there"}, "endedBecause": "full"})
    assert moved > 5, "hardly a chat has ended"


# ── what is asked for

TEXTS = ["Hello", "hello there", "Straße", None]


@dataclass(frozen=True)
class Draft:
    user: str
    role: Role
    status: MessageStatus
    text: str | None
    seconds: int


DRAFTS = st.builds(
    Draft,
    st.sampled_from([USER, OTHER_USER]),
    st.sampled_from(Role),
    st.sampled_from([MessageStatus.ANSWERED, MessageStatus.FAILED, MessageStatus.SENT]),
    st.sampled_from(TEXTS),
    st.integers(0, 5),
)
ASKED = st.fixed_dictionaries(
    {
        "user": st.none() | st.sampled_from([USER, OTHER_USER]),
        "role": st.none() | st.sampled_from(Role),
        "status": st.none() | st.sampled_from([MessageStatus.ANSWERED, MessageStatus.FAILED, MessageStatus.SENT]),
        "text": st.none() | st.sampled_from(["HELLO", "strasse", "the", "ther hel", "x", "!"]),
        "since": st.none() | st.integers(0, 2),
        "until": st.none() | st.integers(3, 6),
    }
)


def _has(text, asked):
    there = text.casefold().split()
    return asked != "!" and all(any(one.startswith(word) for one in there) for word in asked.casefold().split())


def _fits(draft, asked):
    return all(
        (
            asked["user"] in (None, draft.user),
            asked["role"] in (None, draft.role),
            asked["status"] in (None, draft.status),
            asked["text"] is None or _has(draft.text or "", asked["text"]),
            asked["since"] is None or draft.seconds >= asked["since"],
            asked["until"] is None or draft.seconds < asked["until"],
        )
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DRAFTS, max_size=15), ASKED, st.integers(1, 4))
def test_pages_with_any_filters_give_each_message_that_fits_once_in_order(
    chats, pages, collection, drafts, asked, limit
):
    _forget_all(collection)
    stored = {}
    for number, draft in enumerate(drafts):
        message = user_message(f"k:{number}", draft.text, at=_at(draft.seconds), mid=None)
        stored[number] = chats.add(draft.user, ACCOUNT, replace(message, role=draft.role, status=draft.status))
    fitting = [stored[number] for number, draft in enumerate(drafts) if _fits(draft, asked)]
    expected = [one.key for one in sorted(fitting, key=lambda one: (one.created_at, one.id), reverse=True)]
    scope = Scope(
        asked["user"],
        asked["role"],
        _at(asked["since"]) if asked["since"] is not None else None,
        _at(asked["until"]) if asked["until"] is not None else None,
    )
    assert _walk(pages, limit, scope=scope, status=asked["status"], text=asked["text"]) == expected


def test_a_time_between_two_milliseconds_lies_between_their_messages(chats, pages):
    for number in range(3):
        chats.add(USER, ACCOUNT, user_message(f"mid:{number}", at=START + timedelta(milliseconds=number)))
    between = START + timedelta(microseconds=500)
    assert _walk(pages, 5, scope=Scope(since=between)) == ["mid:2", "mid:1"]
    assert _walk(pages, 5, scope=Scope(until=between)) == ["mid:0"]


def test_the_role_the_status_and_all_a_customer_did_come_back_as_they_were(chats, pages):
    chats.add(USER, ACCOUNT, our_message("sent:1", status=MessageStatus.UNKNOWN, error={"code": "outcome_unknown"}))
    ((chat, message),) = _page(pages).messages
    assert (message.role, message.status) == (Role.HUMAN, MessageStatus.UNKNOWN)
    assert message.error == {"code": "outcome_unknown"}
    assert (chat.user_id, chat.messages) == (USER, ())


# ── whose


@pytest.mark.parametrize("other", [Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")], ids=str)
def test_h5_one_tenant_finds_none_of_anothers_messages_not_even_by_their_entries(chats, pages, collection, other):
    _fill(chats, range(3))
    theirs = Pages(collection, other)
    assert theirs.entries(Scope(), limit=10) == []
    assert theirs.entries(Scope(user_id=USER), limit=10, oldest_first=True) == []
    assert theirs.messages(pages.entries(Scope(), limit=10)) == {}


# ── the list of messages, and what breaks between the two writes


@pytest.fixture
def failing_chats(mongodb, collection):
    """A mongod that refuses the next writes to `chats`, and no others."""

    def fail(times):
        data = {"failCommands": ["update", "insert"], "errorCode": 8000, "namespace": collection.full_name}
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})

    yield fail
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_c1_what_was_entered_and_not_stored_is_left_out_and_stored_in_its_place_at_the_second_try(
    chats, pages, failing_chats
):
    chats.add(USER, ACCOUNT, user_message("mid:a", at=_at(1)))
    failing_chats(1)
    with pytest.raises(Exception, match="database"):
        chats.add(USER, ACCOUNT, user_message("mid:b", at=_at(2)))
    entered = {entry.key: entry.position for entry in pages.entries(Scope(), limit=10)}
    assert set(entered) == {"mid:a", "mid:b"}
    assert _walk(pages, 10) == ["mid:a"]
    stored = chats.add(USER, ACCOUNT, user_message("mid:b", at=_at(3)))
    assert _walk(pages, 1) == ["mid:b", "mid:a"]
    assert {entry.key: entry.position for entry in pages.entries(Scope(), limit=10)} == entered
    assert entered["mid:b"].endswith(stored.id)
    assert stored.created_at == _at(2), "a message does not move: its first time holds"
    (kept,) = [one for one in chats.ongoing(USER).messages if one.key == "mid:b"]
    assert (kept.id, kept.created_at) == (stored.id, stored.created_at)


def test_c6_the_parts_of_an_answer_keep_their_places_when_they_are_stored_at_the_second_try(
    chats, pages, collection, failing_chats
):
    turns = Turns(collection, TENANT)
    chats.add(USER, ACCOUNT, user_message("mid:a"))
    chat = turns.claim(chats.ongoing(USER), generation=1, lease=LEASE)

    def parts(count, seconds):
        return [
            our_message(f"turn:{chat.turn.id}:{index}", f"part {index}", at=_at(seconds + index), role=Role.AGENT)
            for index in range(count)
        ]

    failing_chats(1)
    with pytest.raises(Exception, match="database"):
        turns.store_answer(chat, parts(2, 10))
    assert _walk(pages, 10) == ["mid:a"]
    told = turns.store_answer(chat, parts(3, 20)).messages[1:]
    assert _walk(pages, 10) == [f"turn:{chat.turn.id}:{index}" for index in (2, 1, 0)] + ["mid:a"]
    assert [one.created_at for one in told] == [_at(10), _at(11), _at(22)]


def test_b5_sixteen_writers_of_one_message_leave_one_entry_and_the_message_bears_its_id(chats, pages, race):
    stored = race(16, lambda index: chats.add(USER, ACCOUNT, user_message("mid:a", at=_at(index))))
    (entry,) = pages.entries(Scope(), limit=10)
    (told,) = [one for one in stored if one is not None]
    assert entry.position.endswith(told.id)
    assert _walk(pages, 10) == ["mid:a"]


def test_an_echo_that_was_mistaken_for_a_persons_leaves_the_list_too(chats, pages, world):
    sent = chats.add(USER, ACCOUNT, our_message("sent:1", "hello"))
    world.outbox.begin_sending(sent)
    chats.add(USER, ACCOUNT, our_message("mid:m", "hello.", mid="m", status=MessageStatus.DELIVERED))
    assert sorted(_walk(pages, 10)) == ["mid:m", "sent:1"]
    world.outbox.record_sent(sent, "m")
    assert [entry.key for entry in pages.entries(Scope(), limit=10)] == ["sent:1"]


def test_a_send_that_is_confirmed_takes_no_entry_of_a_message_that_stands(chats, pages, world):
    sent = chats.add(USER, ACCOUNT, our_message("sent:1", "hello"))
    world.outbox.begin_sending(sent)
    world.outbox.record_sent(sent, "m")
    chats.add(USER, ACCOUNT, user_message("mid:m2"))
    world.outbox.record_sent(sent, "m2")
    assert sorted(_walk(pages, 10)) == ["mid:m2", "sent:1"]


# ── by which words a message is found


def _found(pages, text, **scope):
    return _walk(pages, 5, text=text, scope=Scope(**scope))


def _known(collection):
    """Return all that the list knows of what was said."""
    return {word for one in collection.database["instagram_messages"].find() for word in one["words"]}


def test_an_edited_message_is_found_by_its_new_words_and_no_longer_by_the_old(chats, pages, world, collection):
    chats.add(USER, ACCOUNT, user_message("mid:a", "At nine?", mid="a"))
    world.changes.edit("a", "At eleven?", _at(1))
    assert (_found(pages, "nine"), _found(pages, "eleven"), "nine" in _known(collection)) == ([], ["mid:a"], False)
    world.changes.edit("a", "At ten?", _at(0))
    assert (_found(pages, "ten"), _found(pages, "eleven")) == ([], ["mid:a"]), "an edit that comes late changes nothing"


def test_of_a_message_that_was_taken_back_no_word_is_left_whatever_comes_later(chats, pages, world, collection):
    chats.add(USER, ACCOUNT, user_message("mid:a", "At nine?", mid="a"))
    chats.add(USER, ACCOUNT, our_message("sent:b", "At ten.", mid="b"))
    for mid in ("a", "b"):
        world.changes.unsend(mid, _at(1))
        world.changes.edit(mid, "At eleven?", _at(2))
    chats.add(USER, ACCOUNT, user_message("mid:a", "At nine?", mid="a"))
    assert _known(collection) == set()
    assert _walk(pages, 5) != [], "they are still there"


def test_a_message_is_reworded_also_where_who_changed_it_died_before_that(chats, pages, world, mongodb):
    chats.add(USER, ACCOUNT, user_message("mid:a", "At nine?", mid="a"))
    data = {"failCommands": ["update"], "errorCode": 8000, "namespace": "test.instagram_messages"}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    with pytest.raises(Exception, match="database"):
        world.changes.unsend("a", _at(1))
    assert _found(pages, "nine") == [], "the entry is held against the message"
    assert world.changes.unsend("a", _at(1))
    assert _known(pages._collection) == set()


def test_what_is_said_in_several_parts_or_by_a_person_is_found_too(world, pages):
    world.say("hi")
    world.agent.script = [["We open at nine.", "Until six."]]
    world.answer_all()
    world.send("And on Sundays?")
    assert len(_found(pages, "open")) == len(_found(pages, "until")) == len(_found(pages, "sund")) == 1


def test_words_are_found_in_one_conversation_and_by_one_role_too(chats, pages):
    chats.add(USER, ACCOUNT, user_message("mid:a", "open?", at=_at(1)))
    chats.add(USER, ACCOUNT, our_message("sent:b", "open!", at=_at(2)))
    chats.add(OTHER_USER, ACCOUNT, user_message("mid:c", "open?", at=_at(3)))
    assert _found(pages, "open") == ["mid:c", "sent:b", "mid:a"]
    assert _found(pages, "open", user_id=USER) == ["sent:b", "mid:a"]
    assert _found(pages, "open", role=Role.USER) == ["mid:c", "mid:a"]
    assert _found(pages, "open", user_id=USER, role=Role.HUMAN) == ["sent:b"]


def test_a_page_of_full_chats_reads_them_whole_and_stays_right(chats, pages):
    for number in range(MAX_MESSAGES + 5):
        message = user_message(f"mid:{number}", at=_at(number), status=MessageStatus.ANSWERED)
        chats.add(USER, ACCOUNT, message)
    assert _walk(pages, 100) == [f"mid:{number}" for number in reversed(range(MAX_MESSAGES + 5))]
